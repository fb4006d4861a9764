#include "libcore/archive/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libcore/archive/torrent/bencode.h"

namespace p2pd::archive {
namespace {

using testing::HasSubstr;
using torrent::BencodeWriter;
using torrent::InfoHash;

constexpr uint32_t kPiece = 16 << 10;
constexpr uint32_t kPieces = 100;  // two groups, of 64 and 36

Bytes MakeMetainfo(const std::string& name, uint32_t pieces = kPieces) {
  BencodeWriter out;
  out.OpenDictionary().String("info").OpenDictionary();
  out.String("length").Integer(int64_t{pieces} * kPiece).String("name").String(name);
  out.String("piece length").Integer(kPiece).String("pieces");
  out.String(std::string(size_t{pieces} * 20, 'h')).Close().Close();
  return out.Take();
}

InfoHash HashOf(const Bytes& metainfo) { return torrent::ParseMetainfo(metainfo)->hashes.Best(); }

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    std::string name = testing::TempDir() + "/p2pd_archive_XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.keeper.quota = uint64_t{10} * kPieces * kPiece;
    Make();
  }
  ~ArchiveTest() override {
    archive_.reset();
    library_.reset();
    std::filesystem::remove_all(folder_);
  }
  // Anew, with what the disk has.
  void Make() {
    archive_.reset();
    library_.reset();
    library_ = *Library::Open(folder_ + "/library.db");
    archive_ = std::make_unique<Archive>(options_, *library_, counters_, now_);
  }
  InfoHash Submit(const Bytes& metainfo) {
    const auto hash = archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted);
    EXPECT_TRUE(hash.ok()) << hash.status();
    return hash.value_or(InfoHash());
  }
  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }
  static net::Endpoint Peer(int number) {
    return *net::Endpoint::Parse(absl::StrCat("20.0.", number, ".1:6881"));
  }
  // We have the first `held` pieces, and `holders` others have all.
  Look LookAt(const InfoHash& hash, uint32_t held, int holders, uint32_t pieces = kPieces) {
    Look look;
    look.hash = hash;
    look.have.assign(pieces, false);
    std::fill_n(look.have.begin(), held, true);
    look.organic.assign(pieces, static_cast<uint32_t>(holders));
    look.members.assign(pieces, 0);
    for (int i = 0; i < holders; ++i) look.holders.push_back({Peer(i), false, 1 << 20, pieces});
    look.bytes_on_disk = uint64_t{held} * kPiece;
    return look;
  }
  void Show(const Look& look) {
    archive_->OnLook(now_, Wall(), look);
    archive_->OnTimeout(now_);
  }
  void Wait(absl::Duration span) {
    now_ = now_ + span;
    archive_->OnTimeout(now_);
  }
  // So many say that they have everything, we have it too, and each shows what `shown` says; what
  // is dropped then, if anything is.
  std::optional<DropPieces> WatchFor40Minutes(const InfoHash& hash, Shown (*shown)(int),
                                              int holders = 6) {
    std::optional<DropPieces> drop;
    for (int minute = 0; minute < 40 && !drop; ++minute) {
      Show(LookAt(hash, kPieces, holders));
      while (const auto order = archive_->PollOrder()) {
        if (const auto* probe = std::get_if<ProbePeer>(&*order)) {
          int peer = 0;
          while (Peer(peer) != probe->peer) ++peer;
          archive_->OnShown(now_, hash, probe->peer, shown(peer));
        } else if (const auto* dropped = std::get_if<DropPieces>(&*order)) {
          drop = *dropped;
        }
      }
      Wait(absl::Minutes(1));
    }
    return drop;
  }
  // The next order of this kind; those before it are passed by.
  template <class OrderT>
  std::optional<OrderT> Next() {
    while (const auto order = archive_->PollOrder()) {
      if (const auto* wanted = std::get_if<OrderT>(&*order)) return *wanted;
    }
    return std::nullopt;
  }
  TorrentState StateOf(const InfoHash& hash) { return archive_->Find(hash)->row.state; }

  std::string folder_;
  ArchiveOptions options_;
  Counters counters_;
  Instant now_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Archive> archive_;
};

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
  // A hybrid, announced by the first 20 bytes of its hash of version 2.
  BencodeWriter out;
  out.OpenDictionary().String("info").OpenDictionary();
  out.String("file tree").OpenDictionary().String("a").OpenDictionary().String("");
  out.OpenDictionary().String("length").Integer(kPiece).String("pieces root");
  out.String(std::string(32, 'r')).Close().Close().Close();
  out.String("length").Integer(kPiece).String("meta version").Integer(2).String("name").String("a");
  out.String("piece length").Integer(kPiece).String("pieces").String(std::string(20, 'h'));
  out.Close().Close();
  const auto metainfo = torrent::ParseMetainfo(out.bytes());
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  const InfoHash other = torrent::Truncate(*metainfo->hashes.v2);
  archive_->OnSeedAnnounced(now_, Wall(), other, Peer(1), true);
  archive_->OnMetainfo(now_, Wall(), other, out.bytes());
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{metainfo->hashes.Best()});
  EXPECT_EQ(library_->All().size(), 1u);
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

TEST_F(ArchiveTest, WhatWasDeniedDoesNotComeBack) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes metainfo = MakeMetainfo("speech");
  const InfoHash hash = Submit(metainfo);
  ASSERT_TRUE(archive_->Deny(now_, Wall(), hash, "asked for by its author").ok());
  const auto stop = Next<StopTorrent>();
  ASSERT_TRUE(stop.has_value());
  EXPECT_TRUE(stop->erase);
  EXPECT_FALSE(archive_->Find(hash).has_value());
  Make();
  archive_->Load(now_, [](const std::string&) { return absl::NotFoundError("none"); });
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), true);
  EXPECT_FALSE(archive_->Find(hash).has_value());
  EXPECT_TRUE(absl::IsPermissionDenied(
      archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted).status()));
  ASSERT_TRUE(archive_->Allow(hash).ok());
  EXPECT_TRUE(absl::IsNotFound(archive_->Allow(hash)));
  Submit(metainfo);
}

TEST_F(ArchiveTest, EqualNames) {
  const Bytes one = MakeMetainfo("speech", 100);
  const Bytes two = MakeMetainfo("speech", 99);
  Submit(one);
  const InfoHash second = Submit(two);
  EXPECT_NE(archive_->Find(second)->row.folder, "speech");
  EXPECT_THAT(archive_->Find(second)->row.folder, HasSubstr("speech "));
  options_.same_name = SameName::kReject;
  std::filesystem::remove_all(folder_ + "/library.db");
  Make();
  Submit(one);
  EXPECT_TRUE(
      absl::IsAlreadyExists(archive_->Submit(now_, Wall(), two, Source::kSubmitted).status()));
}

TEST_F(ArchiveTest, TheNewerOneTakesItsPlaceOnceItIsHereWhole) {
  options_.same_name = SameName::kSupersede;
  Make();
  const InfoHash older = Submit(MakeMetainfo("speech", 100));
  const Bytes two = MakeMetainfo("speech", 99);
  // Who only says its name takes nobody's place.
  const auto magnet = torrent::ParseMagnet(
      absl::StrCat("magnet:?xt=urn:btih:", torrent::ToHex(HashOf(two)), "&dn=speech"));
  ASSERT_TRUE(magnet.ok());
  ASSERT_TRUE(archive_->Submit(now_, Wall(), *magnet, Source::kSubmitted).ok());
  Wait(absl::Seconds(5));
  ASSERT_TRUE(archive_->Find(older).has_value());
  const InfoHash newer = Submit(two);
  Wait(absl::Seconds(5));
  ASSERT_TRUE(archive_->Find(older).has_value());
  Show(LookAt(newer, 99, 0, 99));
  Wait(absl::Seconds(5));
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{newer});
}

TEST_F(ArchiveTest, NoTwoShareAFolderWhateverTheyAreCalled) {
  const Bytes victim = MakeMetainfo("speech", 99);
  const std::string hash = torrent::ToHex(HashOf(victim));
  Submit(MakeMetainfo("speech", 98));
  std::set<std::string> folders = {"speech"};
  for (const size_t digits : {8, 16, 24, 32, 40}) {
    const InfoHash thief = Submit(MakeMetainfo("speech " + hash.substr(0, digits), 90 + digits));
    folders.insert(archive_->Find(thief)->row.folder);
  }
  EXPECT_TRUE(folders.insert(archive_->Find(Submit(victim))->row.folder).second);
}

TEST_F(ArchiveTest, LongNamesKeepWhatTellsThemApart) {
  std::string name;
  for (int i = 0; i < 119; ++i) name += "я";
  const auto one = archive_->Find(Submit(MakeMetainfo(name, 98)));
  const auto two = archive_->Find(Submit(MakeMetainfo(name, 99)));
  EXPECT_NE(one->row.file, two->row.file);
  EXPECT_NE(one->row.folder, two->row.folder);
  for (const std::string& file : {one->row.file, two->row.file}) {
    EXPECT_TRUE(absl::EndsWith(file, ".torrent")) << file;
    EXPECT_LE(file.size(), torrent::kMaxName);
  }
}

TEST_F(ArchiveTest, OneNetworkOfStrangersHasFewFollowedAndNothingOfThemStays) {
  options_.announced = Announced::kAnybodys;
  Make();
  const auto hash = [](uint32_t i) {
    InfoHash out;
    StoreBigEndian64(i + 1, out.mutable_view().data());
    return out;
  };
  for (uint32_t i = 0; i < 100; ++i) {
    archive_->OnSeedAnnounced(now_, Wall(), hash(i), *net::Endpoint::Parse("198.51.100.7:6881"),
                              false);
  }
  EXPECT_EQ(archive_->List().size(), 20u);
  archive_->OnSeedAnnounced(now_, Wall(), hash(500), *net::Endpoint::Parse("203.0.113.7:6881"),
                            false);
  EXPECT_EQ(archive_->List().size(), 21u);
  Wait(Archive::kMetainfoPatience + absl::Seconds(2));
  EXPECT_TRUE(archive_->List().empty());
  // Its real seed comes later.
  archive_->OnSeedAnnounced(now_, Wall(), hash(1), *net::Endpoint::Parse("203.0.113.8:6881"),
                            false);
  EXPECT_EQ(archive_->List().size(), 1u);
}

TEST_F(ArchiveTest, WhatWasSubmittedAsAMagnetIsAskedForAgainWhenASeedComes) {
  const auto magnet =
      torrent::ParseMagnet("magnet:?xt=urn:btih:00112233445566778899aabbccddeeff00112233");
  ASSERT_TRUE(magnet.ok());
  const auto hash = archive_->Submit(now_, Wall(), *magnet, Source::kSubmitted);
  ASSERT_TRUE(hash.ok());
  Wait(Archive::kMetainfoPatience + absl::Seconds(2));
  ASSERT_EQ(StateOf(*hash), TorrentState::kKnown);
  while (archive_->PollOrder()) {
  }
  archive_->OnSeedAnnounced(now_, Wall(), *hash, *net::Endpoint::Parse("203.0.113.8:6881"), true);
  EXPECT_EQ(StateOf(*hash), TorrentState::kMetadata);
  EXPECT_TRUE(Next<FetchMetainfo>().has_value());
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

TEST_F(ArchiveTest, WhatOthersKeepGoesWhenRoomIsNeededAndComesBackWhenTheyLeave) {
  options_.keeper.quota = kPieces * kPiece * 21 / 20;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const auto drop = WatchFor40Minutes(hash, [](int) { return Shown::kRight; });
  ASSERT_TRUE(drop.has_value());
  const auto dropped = static_cast<uint32_t>(drop->pieces.size());
  Look thinned = LookAt(hash, kPieces, 6);
  for (const uint32_t piece : drop->pieces) thinned.have[piece] = false;
  thinned.bytes_on_disk = uint64_t{kPieces - dropped} * kPiece;
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

TEST_F(ArchiveTest, ACrowdOfLiarsKeepsNothingFromBeingFetchedAgain) {
  options_.keeper.quota = kPieces * kPiece * 21 / 20;
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  const auto drop = WatchFor40Minutes(
      hash, [](int peer) { return peer < 6 ? Shown::kRight : Shown::kWrong; }, 12);
  ASSERT_TRUE(drop.has_value());
  Look left = LookAt(hash, kPieces, 12);
  for (const uint32_t piece : drop->pieces) left.have[piece] = false;
  left.bytes_on_disk -= drop->pieces.size() * kPiece;
  // All but two of those who told the truth go.
  left.holders.erase(left.holders.begin() + 2, left.holders.begin() + 6);
  left.organic.assign(kPieces, 8);
  Show(left);
  const auto want = Next<WantPieces>();
  ASSERT_TRUE(want.has_value());
  EXPECT_EQ(want->pieces, drop->pieces);
  EXPECT_TRUE(archive_->OthersGive(now_, hash));
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
