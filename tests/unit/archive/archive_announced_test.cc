// What strangers announce is followed within bounds.
#include "tests/unit/archive/archive_fixture.h"

namespace p2pd::archive {
namespace {

using torrent::InfoHash;

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

TEST_F(ArchiveTest, TheTrackersOfAMagnetStayWithItsTorrent) {
  const Bytes metainfo = MakeMetainfo("speech");
  const auto magnet = torrent::ParseMagnet(absl::StrCat(
      "magnet:?xt=urn:btih:", torrent::ToHex(HashOf(metainfo)), "&tr=udp://tracker.example:6969"));
  ASSERT_TRUE(magnet.ok());
  const auto hash = archive_->Submit(now_, Wall(), *magnet, Source::kSubmitted);
  ASSERT_TRUE(hash.ok());
  EXPECT_EQ(Next<FetchMetainfo>()->trackers, magnet->trackers);
  archive_->OnMetainfo(now_, Wall(), *hash, metainfo);
  const auto save = Next<SaveMetainfo>();
  ASSERT_TRUE(save.has_value());
  const auto saved = torrent::ParseMetainfo(save->metainfo);
  EXPECT_EQ(saved->trackers, std::vector<std::vector<std::string>>{magnet->trackers});
  EXPECT_EQ(saved->hashes.Best(), *hash);
  EXPECT_THAT(Next<StartTorrent>()->trackers, testing::Not(testing::IsEmpty()));
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

// Bytes that are wanted at most; nothing of it was ever here.
TEST_F(ArchiveTest, WhatStrangersNameCostsABoundedPartOfMemory) {
  options_.announced = Announced::kAnybodys;
  options_.keeper.quota = uint64_t{1} << 40;
  Make();
  constexpr uint32_t kMany = 400'000;
  constexpr uint64_t kCost = kMany * (20 + Archive::kPieceCost);
  constexpr int kFit = Archive::kMaxHearsay / kCost;
  for (int i = 0; i <= kFit; ++i) {
    const Bytes metainfo = MakeMetainfo(absl::StrCat("large ", i), kMany);
    archive_->OnSeedAnnounced(now_, Wall(), HashOf(metainfo), Peer(i), true);
    archive_->OnMetainfo(now_, Wall(), HashOf(metainfo), metainfo);
  }
  EXPECT_EQ(archive_->List().size(), static_cast<size_t>(kFit));
  EXPECT_EQ(counters_.Get("archive.refused_hearsay"), 1u);
  // Who hands it in here may.
  Submit(MakeMetainfo("his own", kMany));
  EXPECT_EQ(archive_->List().size(), kFit + 1u);
}

TEST_F(ArchiveTest, WhatAStrangerNamesAndTheQuotaCannotHoldIsNotTaken) {
  options_.announced = Announced::kAnybodys;
  options_.keeper.quota = kPieces * kPiece - 1;
  Make();
  const Bytes metainfo = MakeMetainfo("speech");
  archive_->OnSeedAnnounced(now_, Wall(), HashOf(metainfo), Peer(1), true);
  archive_->OnMetainfo(now_, Wall(), HashOf(metainfo), metainfo);
  EXPECT_TRUE(archive_->List().empty());
  EXPECT_TRUE(absl::IsResourceExhausted(
      archive_->Submit(now_, Wall(), metainfo, Source::kOverlay).status()));
  Submit(metainfo);
}

TEST_F(ArchiveTest, WhatAStrangerNamedAndNobodyGaveIsForgotten) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes nothing = MakeMetainfo("nothing");
  const Bytes some = MakeMetainfo("some");
  for (const Bytes& metainfo : {nothing, some}) {
    archive_->OnSeedAnnounced(now_, Wall(), HashOf(metainfo), Peer(1), true);
    archive_->OnMetainfo(now_, Wall(), HashOf(metainfo), metainfo);
  }
  for (int i = 0; i < 2; ++i) {
    Show(LookAt(HashOf(nothing), 0, 0));
    Show(LookAt(HashOf(some), 1, 0));
    Wait(Archive::kLostAfter);
  }
  // A piece that nobody else has is not thrown away.
  EXPECT_EQ(archive_->List(), std::vector<InfoHash>{HashOf(some)});
}

TEST_F(ArchiveTest, OfWhatAStrangerNamedAndCannotBeTakenNothingStays) {
  options_.announced = Announced::kAnybodys;
  options_.same_name = SameName::kReject;
  Make();
  Submit(MakeMetainfo("speech", 98));
  const Bytes same = MakeMetainfo("speech", 99);
  archive_->OnSeedAnnounced(now_, Wall(), HashOf(same), Peer(1), true);
  archive_->OnMetainfo(now_, Wall(), HashOf(same), same);
  const InfoHash other = HashOf(MakeMetainfo("other"));
  archive_->OnSeedAnnounced(now_, Wall(), other, Peer(2), true);
  archive_->OnMetainfo(now_, Wall(), other, ToBytes("no metainfo"));
  EXPECT_EQ(archive_->List().size(), 1u);
  torrent::Magnet magnet;
  magnet.hashes.v1 = other;
  ASSERT_TRUE(archive_->Submit(now_, Wall(), magnet, Source::kOverlay).ok());
  Wait(Archive::kMetainfoPatience);
  EXPECT_EQ(archive_->List().size(), 1u);
  EXPECT_EQ(library_->All().size(), 1u);
}

TEST_F(ArchiveTest, WhoSaysThatHeHasItAndGivesNothingIsBelievedForAWhileOnly) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes metainfo = MakeMetainfo("speech");
  archive_->OnSeedAnnounced(now_, Wall(), HashOf(metainfo), Peer(1), true);
  archive_->OnMetainfo(now_, Wall(), HashOf(metainfo), metainfo);
  Wait(Archive::kHearsayPatience / 2);
  Show(LookAt(HashOf(metainfo), 0, 1));
  Wait(absl::Seconds(2));
  EXPECT_EQ(archive_->List().size(), 1u);
  Wait(Archive::kHearsayPatience / 2);
  Show(LookAt(HashOf(metainfo), 0, 1));
  Wait(absl::Seconds(2));
  EXPECT_TRUE(archive_->List().empty());
}

}  // namespace
}  // namespace p2pd::archive
