// Torrents of one name, and what they are called on disk.
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "tests/unit/archive/archive_fixture.h"

namespace p2pd::archive {
namespace {

using testing::HasSubstr;
using torrent::InfoHash;

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

TEST_F(ArchiveTest, WhatAStrangerHandsInTakesNobodysPlace) {
  options_.same_name = SameName::kSupersede;
  Make();
  const InfoHash older = Submit(MakeMetainfo("speech", 100));
  Wait(absl::Seconds(5));
  for (const Source source : {Source::kOverlay, Source::kFeed}) {
    const Bytes two = MakeMetainfo("speech", source == Source::kFeed ? 98 : 99);
    const auto newer = archive_->Submit(now_, Wall(), two, source);
    ASSERT_TRUE(newer.ok());
    const uint32_t pieces = archive_->Find(*newer)->row.pieces;
    Show(LookAt(*newer, pieces, 0, pieces));
    Wait(absl::Seconds(5));
    EXPECT_TRUE(archive_->Find(older).has_value());
  }
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

}  // namespace
}  // namespace p2pd::archive
