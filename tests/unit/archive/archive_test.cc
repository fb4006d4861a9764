#include "libcore/archive/archive.h"

#include <set>

#include "tests/unit/archive/archive_fixture.h"

namespace p2pd::archive {
namespace {

using testing::HasSubstr;
using torrent::BencodeWriter;
using torrent::InfoHash;

TEST_F(ArchiveTest, ATorrentGoesFromItsSubmissionToTheArchive) {
  const Bytes metainfo = MakeMetainfo("speech");
  const InfoHash hash = Submit(metainfo);
  const auto save = Next<SaveMetainfo>();
  ASSERT_TRUE(save.has_value());
  EXPECT_THAT(save->file, HasSubstr("speech 2023-11-14 22.13.20 "));
  EXPECT_EQ(save->metainfo, metainfo);
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->folder, "speech");
  EXPECT_EQ(StateOf(hash), TorrentState::kFetching);

  Show(LookAt(hash, 0, 1));
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  EXPECT_EQ(want->pieces.size(), kPieces);
  EXPECT_EQ(archive_->Counts(now_).downloading, 1u);

  Show(LookAt(hash, kPieces, 1));
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  const TorrentView view = *archive_->Find(hash);
  EXPECT_EQ(view.organic.value(), 1);
  EXPECT_EQ(view.total.value(), 2);
  EXPECT_EQ(view.archived, 1);
  EXPECT_EQ(view.row.archived, Wall());
  const ArchiveCounts counts = archive_->Counts(now_);
  EXPECT_EQ(counts.received, 1u);
  EXPECT_EQ(counts.downloading, 0u);
  EXPECT_EQ(counts.seeding, 1u);
}

TEST_F(ArchiveTest, WhatIsHereAlreadyIsTheSame) {
  const Bytes metainfo = MakeMetainfo("speech");
  EXPECT_EQ(Submit(metainfo), Submit(metainfo));
  EXPECT_EQ(archive_->List().size(), 1u);
}

TEST_F(ArchiveTest, TheSeederLeavesAndWeStandInEveryAnswer) {
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Show(LookAt(hash, kPieces, 1));
  auto listing = Next<ListUs>();
  ASSERT_TRUE(listing.has_value());
  EXPECT_TRUE(listing->holds);
  EXPECT_FALSE(listing->always);
  archive_->OnLeecherAnnounced(now_, hash, Peer(7));
  EXPECT_FALSE(Next<DialPeer>().has_value());
  Show(LookAt(hash, kPieces, 0));
  listing = Next<ListUs>();
  ASSERT_TRUE(listing.has_value());
  EXPECT_TRUE(listing->always);
  archive_->OnLeecherAnnounced(now_, hash, Peer(7));
  const auto dial = Next<DialPeer>();
  ASSERT_TRUE(dial.has_value());
  EXPECT_EQ(dial->peer, Peer(7));
  EXPECT_EQ(archive_->Find(hash)->total.value(), 1);
}

TEST_F(ArchiveTest, AMagnetAsksPeersForWhatItIsMadeOf) {
  const Bytes metainfo = MakeMetainfo("speech");
  torrent::Magnet magnet;
  magnet.hashes.v1 = HashOf(metainfo);
  magnet.peers = {"20.0.0.9:5", "no endpoint"};
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  EXPECT_EQ(StateOf(HashOf(metainfo)), TorrentState::kMetadata);
  const auto fetch = Next<FetchMetainfo>();
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->peers.size(), 1u);
  archive_->OnMetainfo(now_, Wall(), HashOf(metainfo), metainfo);
  EXPECT_TRUE(Next<StartTorrent>().has_value());
  EXPECT_EQ(archive_->Find(HashOf(metainfo))->row.name, "speech");
}

TEST_F(ArchiveTest, WhoHandsInWhatIsAskedForEndsTheAsking) {
  const Bytes metainfo = MakeMetainfo("speech");
  torrent::Magnet magnet;
  magnet.hashes.v1 = HashOf(metainfo);
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  ASSERT_TRUE(Next<FetchMetainfo>().has_value());
  Submit(metainfo);
  const auto stop = Next<StopTorrent>();
  ASSERT_TRUE(stop.has_value());
  EXPECT_EQ(stop->hash, HashOf(metainfo));
  EXPECT_FALSE(stop->erase);
  EXPECT_TRUE(Next<StartTorrent>().has_value());
  // What came from peers ended it already.
  const Bytes other = MakeMetainfo("other");
  magnet.hashes.v1 = HashOf(other);
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  archive_->OnMetainfo(now_, Wall(), HashOf(other), other);
  while (const auto order = archive_->PollOrder()) {
    EXPECT_FALSE(std::holds_alternative<StopTorrent>(*order));
  }
}

TEST_F(ArchiveTest, WhatSomebodyElseChangedIsLoadedAnew) {
  const Bytes metainfo = MakeMetainfo("speech");
  archive_->Load(now_, [&](const std::string&) { return metainfo; });
  const InfoHash hash = Submit(metainfo);
  Show(LookAt(hash, kPieces, 0));
  ASSERT_EQ(StateOf(hash), TorrentState::kArchived);
  while (archive_->PollOrder()) {
  }
  archive_->OnTouched(now_, hash);
  EXPECT_FALSE(Next<StopTorrent>()->erase);
  EXPECT_EQ(Next<StartTorrent>()->folder, "speech");
  Show(LookAt(hash, 10, 1));
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
  EXPECT_EQ(Next<WantPieces>()->pieces.size(), kPieces - 10);
}

TEST_F(ArchiveTest, WhatTheDiskHasNoRoomForWaitsWhateverTheQuotaSays) {
  archive_->SetDiskRoom(kPieces * kPiece * 2);
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Show(LookAt(hash, kPieces, 0));
  ASSERT_EQ(StateOf(hash), TorrentState::kArchived);
  archive_->SetDiskRoom(0);
  const InfoHash second = Submit(MakeMetainfo("second"));
  for (int i = 0; i < 3; ++i) {
    Show(LookAt(second, 0, 1));
    Wait(Keeper::kPeriod);
    EXPECT_EQ(StateOf(second), TorrentState::kKnown);
    EXPECT_FALSE(Next<DropPieces>().has_value());
  }
  EXPECT_THAT(archive_->Find(second)->trouble, HasSubstr("disk"));
  archive_->SetDiskRoom(kPieces * kPiece * 2);
  Wait(Keeper::kPeriod);
  EXPECT_EQ(Next<WantPieces>()->pieces.size(), kPieces);
  EXPECT_EQ(StateOf(second), TorrentState::kFetching);
  EXPECT_EQ(archive_->Find(second)->trouble, "");
}

TEST_F(ArchiveTest, WithoutAnyRoomWhatIsHandedInIsKnownAndNothingElse) {
  options_.keeper.quota = 0;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  EXPECT_EQ(StateOf(hash), TorrentState::kKnown);
  EXPECT_THAT(archive_->Find(hash)->trouble, HasSubstr("quota"));
  for (int i = 0; i < 3; ++i) {
    Show(LookAt(hash, 0, 1));
    EXPECT_EQ(StateOf(hash), TorrentState::kKnown);
    EXPECT_EQ(archive_->Counts(now_).downloading, 0u);
    Wait(Keeper::kPeriod);
  }
  EXPECT_THAT(archive_->Find(hash)->trouble, HasSubstr("quota"));
}

TEST_F(ArchiveTest, AMagnetThatCannotBeKeptIsNotTaken) {
  const auto magnet = torrent::ParseMagnet(
      "magnet:?xt=urn:btih:00112233445566778899aabbccddeeff00112233&tr=udp%3A%2F%2Fa.example%3A1");
  for (const char* table : {"torrents", "trackers"}) {
    Forbid(table);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(archive_->Submit(now_, Wall(), *magnet, Source::kFeed).status()))
        << table;
    EXPECT_TRUE(archive_->List().empty());
    EXPECT_FALSE(Next<FetchMetainfo>().has_value());
    Allow(table);
    Make();
    archive_->Load(now_, nullptr);
    EXPECT_TRUE(archive_->List().empty()) << "nor does it come back";
  }
  EXPECT_EQ(counters_.Get("archive.library_errors"), 2u);
  // It may be handed in again.
  EXPECT_TRUE(archive_->Submit(now_, Wall(), *magnet, Source::kFeed).ok());
  EXPECT_EQ(Next<FetchMetainfo>()->trackers, magnet->trackers);
}

TEST_F(ArchiveTest, ALinkStaysWhereTheOneThatTakesItsPlaceCannotBeKept) {
  const torrent::InfoHashes hashes = torrent::ParseMetainfo(MakeHybrid())->hashes;
  torrent::Magnet magnet;
  magnet.hashes.v2 = hashes.v2;
  const auto link = archive_->Submit(now_, Wall(), magnet, Source::kSubmitted);
  ASSERT_TRUE(link.ok());
  magnet.hashes.v1 = hashes.v1;
  Forbid("torrents");
  EXPECT_FALSE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{*link});
  Allow("torrents");
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  // That both are one's names its metainfo proves.
  EXPECT_EQ(archive_->List().size(), 2u);
  archive_->OnMetainfo(now_, Wall(), hashes.Best(), MakeHybrid());
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{hashes.Best()});
}

TEST_F(ArchiveTest, ALinkThatNamesAnothersHashDoesNothingToIt) {
  const InfoHash victim = Submit(MakeMetainfo("speech"));
  const InfoHash hybrid = Submit(MakeHybrid());
  const torrent::InfoHashes names = archive_->Find(hybrid)->row.hashes;
  while (archive_->PollOrder()) {
  }
  for (int i = 0; i < 2; ++i) {
    torrent::Magnet magnet;
    magnet.hashes.v1 = HashOf(MakeMetainfo(absl::StrCat("none ", i)));
    magnet.hashes.v2 = names.v2;
    if (i == 0) {
      // Its first 20 bytes are all that a peer would say of it.
      magnet.hashes.v2.emplace();
      std::copy(victim.view().begin(), victim.view().end(),
                magnet.hashes.v2->mutable_view().begin());
    }
    const auto link = archive_->Submit(now_, Wall(), magnet, Source::kOverlay);
    ASSERT_TRUE(link.ok());
    EXPECT_EQ(Next<FetchMetainfo>()->hashes.Names(), std::vector<InfoHash>{*link});
    EXPECT_FALSE(Next<StopTorrent>().has_value());
    EXPECT_EQ(archive_->Find(names.Names()[1])->row.name, archive_->Find(hybrid)->row.name);
    ASSERT_TRUE(archive_->Remove(now_, *link).ok());
    EXPECT_TRUE(archive_->Find(victim).has_value());
    EXPECT_TRUE(archive_->Find(names.Names()[1]).has_value());
  }
}

TEST_F(ArchiveTest, AnothersMetainfoIsRefused) {
  const InfoHash hash = HashOf(MakeMetainfo("speech"));
  torrent::Magnet magnet;
  magnet.hashes.v1 = hash;
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  archive_->OnMetainfo(now_, Wall(), hash, MakeMetainfo("other"));
  EXPECT_EQ(StateOf(hash), TorrentState::kKnown);
  EXPECT_THAT(archive_->Find(hash)->trouble, HasSubstr("another torrent"));
  EXPECT_EQ(archive_->List().size(), 1u);
}

TEST_F(ArchiveTest, WhatWasAskedForByItsOtherNameIsKnownByOneOnly) {
  const Bytes hybrid = MakeHybrid();
  const std::vector<InfoHash> names = torrent::ParseMetainfo(hybrid)->hashes.Names();
  // Announced by the first 20 bytes of its hash of version 2.
  archive_->OnSeedAnnounced(now_, Wall(), names[1], Peer(1), true);
  archive_->OnMetainfo(now_, Wall(), names[1], hybrid);
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{names[0]});
  EXPECT_EQ(library_->All().size(), 1u);
  // It was asked for so, and is handed over then.
  ASSERT_TRUE(archive_->Remove(now_, names[0]).ok());
  torrent::Magnet magnet;
  magnet.hashes.v2 = torrent::ParseMetainfo(hybrid)->hashes.v2;
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  Submit(hybrid);
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{names[0]});
}

TEST_F(ArchiveTest, AHybridIsOneTorrentByBothItsNames) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes hybrid = MakeHybrid();
  const torrent::InfoHashes hashes = torrent::ParseMetainfo(hybrid)->hashes;
  const std::vector<InfoHash> names = hashes.Names();
  ASSERT_EQ(names.size(), 2u);
  Submit(hybrid);
  torrent::Magnet magnet;
  magnet.hashes.v2 = hashes.v2;
  EXPECT_EQ(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).value(), names[0]);
  archive_->OnSeedAnnounced(now_, Wall(), names[1], Peer(1), true);
  EXPECT_EQ(Next<DialPeer>()->hash, names[0]);
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{names[0]});
  EXPECT_TRUE(archive_->Find(names[1]).has_value());
  // The tracker lists us for whoever announces either.
  Show(LookAt(names[0], 1, 1, 1));
  EXPECT_EQ(Next<ListUs>()->hash, names[0]);
  EXPECT_EQ(Next<ListUs>()->hash, names[1]);
  ASSERT_TRUE(archive_->Deny(now_, Wall(), names[1], "no").ok());
  EXPECT_TRUE(archive_->List().empty());
  EXPECT_EQ(archive_->denials(), (std::set<InfoHash>{names[0], names[1]}));
  EXPECT_TRUE(absl::IsPermissionDenied(
      archive_->Submit(now_, Wall(), hybrid, Source::kSubmitted).status()));
  archive_->OnSeedAnnounced(now_, Wall(), names[0], Peer(1), true);
  EXPECT_TRUE(archive_->List().empty());
}

TEST_F(ArchiveTest, WhatNobodyGivesIsNotAskedForForEver) {
  torrent::Magnet magnet;
  magnet.hashes.v1 = HashOf(MakeMetainfo("speech"));
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kSubmitted).ok());
  Wait(Archive::kMetainfoPatience);
  EXPECT_TRUE(Next<StopTorrent>().has_value());
  EXPECT_EQ(StateOf(*magnet.hashes.v1), TorrentState::kKnown);
}

TEST_F(ArchiveTest, AnnouncesAreFollowedWhereTheOperatorAllowsIt) {
  const InfoHash hash = HashOf(MakeMetainfo("speech"));
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), false);
  EXPECT_FALSE(Next<FetchMetainfo>().has_value());
  EXPECT_EQ(counters_.Get("archive.announces_not_followed"), 1u);
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), true);
  const auto fetch = Next<FetchMetainfo>();
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->peers[0], Peer(1));
  EXPECT_EQ(archive_->Find(hash)->row.source, Source::kAnnounced);
  archive_->OnMetainfo(now_, Wall(), hash, MakeMetainfo("speech"));
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->peers, std::vector<net::Endpoint>{Peer(1)});
  // Another seed may have it, too.
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(2), true);
  EXPECT_EQ(Next<DialPeer>()->peer, Peer(2));
}

TEST_F(ArchiveTest, WhereThereIsNoRoomItStaysKnownAndIsFetchedWhenThereIs) {
  options_.keeper.quota = kPieces * kPiece / 2;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Show(LookAt(hash, 0, 1));
  // One of its two groups has room.
  const auto some = Next<WantPieces>();
  ASSERT_TRUE(some.has_value());
  EXPECT_EQ(some->pieces.size(), 36u);
  EXPECT_THAT(archive_->Find(hash)->trouble, HasSubstr("quota"));
  const InfoHash second = Submit(MakeMetainfo("large", 1000));
  Show(LookAt(second, 0, 1, 1000));
  EXPECT_EQ(StateOf(second), TorrentState::kKnown);
  ASSERT_TRUE(archive_->Remove(now_, hash).ok());
  options_.keeper.quota *= 100;
}

TEST_F(ArchiveTest, WhatCouldNotBeLoadedIsKnownAndAskedForWhenItCan) {
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Show(LookAt(hash, 0, 1));
  EXPECT_EQ(StateOf(hash), TorrentState::kFetching);
  EXPECT_TRUE(Next<WantPieces>().has_value());
  archive_->OnNotLoaded(hash, absl::FailedPreconditionError("a link stands in its way"));
  EXPECT_EQ(StateOf(hash), TorrentState::kKnown);
  EXPECT_THAT(archive_->Find(hash)->trouble, HasSubstr("a link"));
  Show(LookAt(hash, 0, 1));
  EXPECT_EQ(StateOf(hash), TorrentState::kFetching);
  EXPECT_TRUE(Next<WantPieces>().has_value());
  EXPECT_EQ(archive_->Find(hash)->trouble, "");
}

TEST_F(ArchiveTest, TheQuotaCountsWhatTheDiskHasForIt) {
  options_.keeper.quota = 3 * kPieces * kPiece;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Look look = LookAt(hash, kPieces, 1);
  look.overhead = 2 * kPieces * kPiece;  // a block of its own for each of many small files
  Show(look);
  EXPECT_EQ(archive_->Counts(now_).bytes, 3 * kPieces * kPiece);
  // What was measured holds until it is measured again.
  Show(LookAt(hash, kPieces, 1));
  EXPECT_EQ(archive_->Counts(now_).bytes, 3 * kPieces * kPiece);
  const InfoHash second = Submit(MakeMetainfo("other"));
  Show(LookAt(second, 0, 1));
  EXPECT_THAT(archive_->Find(second)->trouble, HasSubstr("quota"));
  look.overhead = 0;
  Show(look);
  EXPECT_EQ(archive_->Counts(now_).bytes, kPieces * kPiece);
  look.overhead = -int64_t{kPieces - 1} * kPiece;  // padding is in no file
  Show(look);
  EXPECT_EQ(archive_->Counts(now_).bytes, kPiece);
}

TEST_F(ArchiveTest, WhatOthersKeepGoesWhenRoomIsNeededAndComesBackWhenTheyLeave) {
  options_.keeper.quota = kPieces * kPiece * 21 / 20;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const auto drop = WatchFor40Minutes(hash, [](int) { return Shown::kRight; });
  ASSERT_TRUE(drop.has_value());
  const size_t dropped = drop->pieces.size();
  Look thinned = LookAt(hash, kPieces, 6);
  for (const uint32_t piece : drop->pieces) thinned.have[piece] = false;
  Show(thinned);
  EXPECT_EQ(StateOf(hash), TorrentState::kThinned);
  EXPECT_FALSE(Next<WantPieces>().has_value());
  Look fewer = LookAt(hash, 0, 2);
  fewer.have = thinned.have;
  Show(fewer);
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  EXPECT_EQ(want->pieces.size(), dropped);
}

TEST_F(ArchiveTest, NothingGoesForThoseWhoClaimEverythingAndShowNothing) {
  options_.keeper.quota = kPieces * kPiece * 21 / 20;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const auto two_are_true = [](int peer) {
    return peer < 2 ? Shown::kRight : (peer < 4 ? Shown::kSilent : Shown::kWrong);
  };
  EXPECT_FALSE(WatchFor40Minutes(hash, two_are_true).has_value());
  EXPECT_GT(counters_.Get("archive.probes_wrong"), 0u);
  EXPECT_GT(counters_.Get("archive.probes_unanswered"), 0u);
  const Plan plan = archive_->DryRun(now_);
  EXPECT_EQ(plan.verdicts.at(0).why, Why::kTooFewHolders);
  EXPECT_EQ(plan.verdicts.at(0).verified, 2);
  std::map<Holder::Trust, int> trusts;
  const auto view = archive_->Find(hash);
  for (const Holder& holder : view->holders) ++trusts[holder.trust];
  EXPECT_EQ(trusts[Holder::Trust::kVerified], 2);
  EXPECT_EQ(trusts[Holder::Trust::kDoubted], 2);
  EXPECT_EQ(trusts[Holder::Trust::kLied], 2);
  EXPECT_TRUE(archive_->OthersGive(now_, hash));
}

TEST_F(ArchiveTest, WhoIsFoundToLieIsNoCopy) {
  options_.target = 1;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const Look look = LookAt(hash, kPieces, 1);
  Show(look);
  EXPECT_EQ(archive_->Find(hash)->total.whole, 2u);
  EXPECT_FALSE(Next<ListUs>()->always);
  Wait(absl::Seconds(1));
  const auto probe = Next<ProbePeer>();
  ASSERT_TRUE(probe.has_value());
  archive_->OnShown(now_, hash, probe->peer, Shown::kWrong);
  Show(look);
  EXPECT_EQ(archive_->Find(hash)->organic.whole, 0u);
  EXPECT_EQ(archive_->Find(hash)->total.whole, 1u);
  EXPECT_TRUE(Next<ListUs>()->always) << "he gives nothing to whom he is named";
}

TEST_F(ArchiveTest, ACrowdOfLiarsKeepsNothingFromBeingFetchedAgain) {
  options_.keeper.quota = kPieces * kPiece * 21 / 20;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const auto drop = WatchFor40Minutes(
      hash, [](int peer) { return peer < 6 ? Shown::kRight : Shown::kWrong; }, 12);
  ASSERT_TRUE(drop.has_value());
  Look left = LookAt(hash, kPieces, 12);
  for (const uint32_t piece : drop->pieces) left.have[piece] = false;
  // All but two of those who told the truth go.
  left.holders.erase(left.holders.begin() + 2, left.holders.begin() + 6);
  left.organic.assign(kPieces, 8);
  Show(left);
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  EXPECT_EQ(want->pieces, drop->pieces);
  EXPECT_TRUE(archive_->OthersGive(now_, hash));
  EXPECT_EQ(archive_->PeerCount(), left.holders.size());
  const auto peers = archive_->Peers(3);
  ASSERT_EQ(peers.size(), 3u);
  EXPECT_EQ(peers[2].hash, hash);
  EXPECT_EQ(peers[2].holder.at, left.holders[2].at);
  left.holders.erase(left.holders.begin(), left.holders.begin() + 2);
  left.organic.assign(kPieces, 6);
  Show(left);
  EXPECT_FALSE(archive_->OthersGive(now_, hash));
}

TEST_F(ArchiveTest, WhatNobodyHasIsLostUntilSomebodyComes) {
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Look look = LookAt(hash, 10, 0);
  Show(look);
  EXPECT_EQ(StateOf(hash), TorrentState::kFetching);
  now_ = now_ + Archive::kLostAfter;
  Show(look);
  EXPECT_EQ(StateOf(hash), TorrentState::kLost);
  EXPECT_EQ(counters_.Get("archive.torrents_lost"), 1u);
  Show(LookAt(hash, 10, 1));
  EXPECT_EQ(StateOf(hash), TorrentState::kFetching);
}

TEST_F(ArchiveTest, ARestartFindsEverythingAgain) {
  const Bytes metainfo = MakeMetainfo("speech");
  const InfoHash hash = Submit(metainfo);
  Show(LookAt(hash, kPieces, 0));
  const std::string file = archive_->Find(hash)->row.file;
  ASSERT_TRUE(archive_->SetPolicy(now_, hash, true, false).ok());
  Make();
  archive_->Load(now_, [&](const std::string& name) -> absl::StatusOr<Bytes> {
    EXPECT_EQ(name, file);
    return metainfo;
  });
  const auto start = Next<StartTorrent>();
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->hash, hash);
  EXPECT_EQ(StateOf(hash), TorrentState::kArchived);
  EXPECT_TRUE(archive_->Find(hash)->row.pinned);
  // Its file is gone.
  Make();
  archive_->Load(now_, [](const std::string&) { return absl::NotFoundError("it is gone"); });
  EXPECT_EQ(archive_->Find(hash)->trouble, "it is gone");
}

TEST_F(ArchiveTest, ALookOfAnotherShapeIsDropped) {
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  Show(LookAt(hash, 1, 1, 5));
  EXPECT_EQ(counters_.Get("archive.looks_misshapen"), 1u);
}

TEST_F(ArchiveTest, ADryRunSaysWhatItWouldDoAndDoesNothing) {
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  archive_->OnLook(now_, Wall(), LookAt(hash, 0, 1));
  while (archive_->PollOrder()) {
  }
  const Plan plan = archive_->DryRun(now_);
  ASSERT_EQ(plan.verdicts.size(), 2u);
  EXPECT_EQ(plan.verdicts[0].decision, Decision::kFetch);
  EXPECT_EQ(plan.fetch_bytes, uint64_t{kPieces} * kPiece);
  EXPECT_FALSE(archive_->PollOrder().has_value());
}

TEST_F(ArchiveTest, SummariesComeInTurns) {
  std::set<InfoHash> hashes;
  for (int i = 0; i < 5; ++i) hashes.insert(Submit(MakeMetainfo(absl::StrCat("torrent ", i))));
  Show(LookAt(*hashes.begin(), kPieces, 2));
  std::vector<TorrentSummary> all = archive_->Summaries(std::nullopt, 3);
  ASSERT_EQ(all.size(), 3u);
  for (TorrentSummary& more : archive_->Summaries(all.back().hashes.Best(), 3)) {
    all.push_back(std::move(more));
  }
  ASSERT_EQ(all.size(), hashes.size());
  EXPECT_TRUE(std::equal(all.begin(), all.end(), hashes.begin(),
                         [](const TorrentSummary& summary, const InfoHash& hash) {
                           return summary.hashes.Best() == hash;
                         }));
  EXPECT_TRUE(archive_->Summaries(all.back().hashes.Best(), 3).empty());
  const TorrentView view = *archive_->Find(*hashes.begin());
  EXPECT_EQ(all[0].name, view.row.name);
  EXPECT_EQ(all[0].total, view.total);
  EXPECT_EQ(all[0].organic, view.organic);
  EXPECT_EQ(all[0].total, (Availability{3, 0}));
  EXPECT_EQ(all[0].held, kPieces);
  EXPECT_EQ(all[0].seeds, 2u);
  EXPECT_EQ(all[1].total, Availability());
  EXPECT_EQ(archive_->MetainfoOf(*hashes.begin())->pieces, kPieces);
  EXPECT_FALSE(archive_->MetainfoOf(InfoHash()).has_value());
  // What is used is counted by pieces, the last of which may be shorter.
  EXPECT_EQ(archive_->Counts(now_).bytes, uint64_t{kPieces} * kPiece);
}

}  // namespace
}  // namespace p2pd::archive
