#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/archive/archive_fixture.h"

namespace p2pd::archive {
namespace {

using torrent::InfoHash;

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

TEST_F(ArchiveTest, BothNamesOfAHybridAreAllowedAgain) {
  const std::vector<InfoHash> names = torrent::ParseMetainfo(MakeHybrid())->hashes.Names();
  const InfoHash other = Submit(MakeMetainfo("speech"));
  for (const InfoHash& name : names) {
    Submit(MakeHybrid());
    ASSERT_TRUE(archive_->Deny(now_, Wall(), names[0], "no").ok());
    Wait(absl::Seconds(1));
    ASSERT_TRUE(archive_->Deny(now_, Wall(), other, "no").ok());
    Wait(absl::Seconds(1));
    ASSERT_TRUE(archive_->Allow(name).ok());
    EXPECT_EQ(archive_->denials(), std::set<InfoHash>{other});
    EXPECT_EQ(library_->Denied().size(), 1u);
  }
}

TEST_F(ArchiveTest, WhatWasRemovedByHandComesBackByHandAlone) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes metainfo = MakeMetainfo("speech");
  const InfoHash hash = Submit(metainfo);
  ASSERT_TRUE(archive_->Dismiss(now_, Wall(), hash).ok());
  EXPECT_TRUE(absl::IsNotFound(archive_->Dismiss(now_, Wall(), hash)));
  EXPECT_FALSE(archive_->Find(hash).has_value());
  for (int i = 0; i < 2; ++i) {
    archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), true);
    EXPECT_FALSE(archive_->Find(hash).has_value());
    for (const Source source : {Source::kFeed, Source::kOverlay}) {
      EXPECT_TRUE(
          absl::IsPermissionDenied(archive_->Submit(now_, Wall(), metainfo, source).status()));
    }
    // Over a restart, too.
    Make();
    archive_->Load(now_, [](const std::string&) { return absl::NotFoundError("none"); });
  }
  Submit(metainfo);
  ASSERT_TRUE(archive_->Remove(now_, hash).ok());
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), true);
  EXPECT_TRUE(archive_->Find(hash).has_value());
}

TEST_F(ArchiveTest, WhatTheOperatorsListNamesIsDeniedToo) {
  options_.announced = Announced::kAnybodys;
  Make();
  const Bytes metainfo = MakeMetainfo("speech");
  const InfoHash hash = Submit(metainfo);
  const InfoHash other = Submit(MakeMetainfo("other"));
  std::set<InfoHash> named = {hash};
  archive_->SetDenyList(now_, [&named](const InfoHash& name) { return named.count(name) != 0; });
  EXPECT_FALSE(archive_->Find(hash).has_value());
  EXPECT_TRUE(archive_->Find(other).has_value());
  EXPECT_TRUE(archive_->denials().empty());
  archive_->OnSeedAnnounced(now_, Wall(), hash, Peer(1), true);
  EXPECT_FALSE(archive_->Find(hash).has_value());
  EXPECT_TRUE(absl::IsPermissionDenied(
      archive_->Submit(now_, Wall(), metainfo, Source::kSubmitted).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(archive_->Allow(hash)));
  named.clear();
  EXPECT_TRUE(absl::IsNotFound(archive_->Allow(hash)));
  Submit(metainfo);
}

TEST_F(ArchiveTest, DenialsAreToldToTheTracker) {
  Make();
  const InfoHash hash = Submit(MakeMetainfo("speech"));
  ASSERT_TRUE(archive_->Deny(now_, Wall(), hash, "no").ok());
  EXPECT_TRUE(Next<TellDenied>().has_value());
  EXPECT_EQ(archive_->denials(), std::set<InfoHash>{hash});
  Make();
  archive_->Load(now_, [](const std::string&) { return absl::NotFoundError("none"); });
  EXPECT_TRUE(Next<TellDenied>().has_value());
  ASSERT_TRUE(archive_->Allow(hash).ok());
  EXPECT_TRUE(Next<TellDenied>().has_value());
  EXPECT_TRUE(archive_->denials().empty());
}

}  // namespace
}  // namespace p2pd::archive
