#include "libcore/archive/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace p2pd::archive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() {
    std::string name = testing::TempDir() + "/p2pd_library_XXXXXX";
    folder_ = mkdtemp(name.data());
    Open();
  }
  ~LibraryTest() override {
    library_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    library_.reset();
    auto library = Library::Open(folder_ + "/library.db");
    ASSERT_TRUE(library.ok()) << library.status();
    library_ = *std::move(library);
  }
  static torrent::InfoHash Hash(uint8_t number) {
    torrent::InfoHash out;
    out.mutable_view()[0] = number;
    return out;
  }
  static TorrentRow Row(uint8_t number, const std::string& name) {
    TorrentRow row;
    row.hashes.v1 = Hash(number);
    row.name = name;
    row.added = absl::FromUnixSeconds(1'700'000'000 + number);
    return row;
  }

  std::string folder_;
  std::unique_ptr<Library> library_;
};

TEST_F(LibraryTest, ARowComesBackAsItWas) {
  TorrentRow row = Row(1, "Speech");
  row.hashes.v2.emplace();
  row.file = "speech--2026.torrent";
  row.folder = "speech";
  row.paths = "a/b c/d";
  row.size = uint64_t{1} << 45;
  row.piece_length = 262'144;
  row.pieces = 77;
  row.state = TorrentState::kThinned;
  row.source = Source::kAnnounced;
  row.is_private = row.may_lose = true;
  row.archived = absl::FromUnixMicros(1'700'000'123'456'789);
  row.uploaded = 5;
  row.downloaded = 6;
  row.demand = 2.5;
  ASSERT_TRUE(library_->Put(row).ok());
  Open();
  const std::vector<TorrentRow> rows = library_->All();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].hashes, row.hashes);
  EXPECT_EQ(rows[0].name, row.name);
  EXPECT_EQ(rows[0].file, row.file);
  EXPECT_EQ(rows[0].folder, row.folder);
  EXPECT_EQ(rows[0].paths, row.paths);
  EXPECT_EQ(rows[0].size, row.size);
  EXPECT_EQ(rows[0].piece_length, row.piece_length);
  EXPECT_EQ(rows[0].pieces, row.pieces);
  EXPECT_EQ(rows[0].state, row.state);
  EXPECT_EQ(rows[0].source, row.source);
  EXPECT_TRUE(rows[0].is_private && rows[0].may_lose && !rows[0].pinned);
  EXPECT_EQ(rows[0].added, row.added);
  EXPECT_EQ(rows[0].archived, row.archived);
  EXPECT_EQ(rows[0].uploaded, 5u);
  EXPECT_EQ(rows[0].downloaded, 6u);
  EXPECT_EQ(rows[0].demand, 2.5);
}

TEST_F(LibraryTest, SearchFindsBeginningsOfWordsAndKnowsNoOperators) {
  TorrentRow speech = Row(1, "Linux speech collection");
  speech.paths = "readme.txt\nvoices/ann.wav";
  ASSERT_TRUE(library_->Put(speech).ok());
  ASSERT_TRUE(library_->Put(Row(2, "Linux distribution")).ok());
  EXPECT_EQ(library_->Search("linux", 10).size(), 2u);
  EXPECT_THAT(library_->Search("lin spee", 10), ElementsAre(Hash(1)));
  EXPECT_THAT(library_->Search("ann.wav", 10), ElementsAre(Hash(1)));
  EXPECT_EQ(library_->Search("linux", 1).size(), 1u);
  for (const absl::string_view text :
       {"", "   ", "\"", "*", "NOT linux", "linux OR zebra", "name:linux zebra", "(", "a\"b*"}) {
    EXPECT_THAT(library_->Search(text, 10), IsEmpty()) << text;
  }
}

TEST_F(LibraryTest, WhatWasReplacedOrErasedIsNotFound) {
  ASSERT_TRUE(library_->Put(Row(1, "first")).ok());
  ASSERT_TRUE(library_->Put(Row(1, "second")).ok());
  EXPECT_THAT(library_->Search("first", 10), IsEmpty());
  EXPECT_EQ(library_->All().size(), 1u);
  ASSERT_TRUE(library_->Erase(Hash(1)).ok());
  EXPECT_THAT(library_->Search("second", 10), IsEmpty());
  EXPECT_THAT(library_->All(), IsEmpty());
}

TEST_F(LibraryTest, DenialsOutliveTheProcess) {
  ASSERT_TRUE(library_->Deny({Hash(3), std::string(1000, 'r'), absl::FromUnixSeconds(5)}).ok());
  Open();
  const std::vector<Denial> denied = library_->Denied();
  ASSERT_EQ(denied.size(), 1u);
  EXPECT_EQ(denied[0].hash, Hash(3));
  EXPECT_EQ(denied[0].reason.size(), Library::kMaxReason);
  ASSERT_TRUE(library_->Allow(Hash(3)).ok());
  EXPECT_THAT(library_->Denied(), IsEmpty());
}

TEST_F(LibraryTest, TheHistoryIsBounded) {
  for (int i = 0; i < Library::kMaxReadings + 10; ++i) {
    ASSERT_TRUE(library_->Note(Hash(1), {absl::FromUnixSeconds(i), {1, 8000}, {2, 0}}).ok());
  }
  const std::vector<Reading> history = library_->History(Hash(1));
  ASSERT_EQ(history.size(), static_cast<size_t>(Library::kMaxReadings));
  EXPECT_EQ(history[0].at, absl::FromUnixSeconds(10));
  EXPECT_EQ(history[0].organic, (Availability{1, 8000}));
  EXPECT_EQ(history[0].total, (Availability{2, 0}));
  EXPECT_THAT(library_->History(Hash(2)), IsEmpty());
}

}  // namespace
}  // namespace p2pd::archive
