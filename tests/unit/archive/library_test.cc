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
  EXPECT_EQ(rows[0].paths, "");
  EXPECT_THAT(library_->Search("b c", 10), ElementsAre(Hash(1)));
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

TEST_F(LibraryTest, AnUpdateLeavesTheWordsAsTheyAre) {
  TorrentRow row = Row(1, "speech");
  row.paths = "voices/ann.wav";
  row.pieces = 2;
  EXPECT_TRUE(absl::IsNotFound(library_->Update(row)));
  ASSERT_TRUE(library_->Put(row).ok());
  row.paths.clear();
  row.state = TorrentState::kDormant;
  row.pinned = true;
  row.archived = absl::FromUnixSeconds(5);
  row.uploaded = 6;
  row.downloaded = 7;
  row.demand = 8;
  row.held = {true, false};
  ASSERT_TRUE(library_->Update(row).ok());
  Open();
  EXPECT_THAT(library_->Search("ann", 10), ElementsAre(Hash(1)));
  const std::vector<TorrentRow> rows = library_->All();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].state, TorrentState::kDormant);
  EXPECT_TRUE(rows[0].pinned);
  EXPECT_EQ(rows[0].archived, row.archived);
  EXPECT_EQ(rows[0].uploaded, 6u);
  EXPECT_EQ(rows[0].downloaded, 7u);
  EXPECT_EQ(rows[0].demand, 8);
  EXPECT_EQ(rows[0].held, row.held);
}

TEST_F(LibraryTest, WhatWasRemovedIsRememberedUntilItIsTakenAgain) {
  ASSERT_TRUE(library_->NoteRemoved(Hash(2), absl::FromUnixSeconds(1)).ok());
  ASSERT_TRUE(library_->NoteRemoved(Hash(1), absl::FromUnixSeconds(2)).ok());
  Open();
  EXPECT_THAT(library_->Removed(), ElementsAre(Hash(2), Hash(1)));
  ASSERT_TRUE(library_->ForgetRemoved(Hash(2)).ok());
  EXPECT_THAT(library_->Removed(), ElementsAre(Hash(1)));
}

// As the version before made it.
constexpr char kTablesBefore[] =
    "CREATE TABLE torrents("
    "hash BLOB NOT NULL UNIQUE, v1 BLOB NOT NULL, v2 BLOB NOT NULL, name TEXT NOT NULL, "
    "file TEXT NOT NULL, folder TEXT NOT NULL, paths TEXT NOT NULL, size INTEGER NOT NULL, "
    "piece_length INTEGER NOT NULL, pieces INTEGER NOT NULL, state INTEGER NOT NULL, "
    "source INTEGER NOT NULL, flags INTEGER NOT NULL, added INTEGER NOT NULL, "
    "archived INTEGER NOT NULL, uploaded INTEGER NOT NULL, downloaded INTEGER NOT NULL, "
    "demand INTEGER NOT NULL, held BLOB NOT NULL, id INTEGER PRIMARY KEY);"
    "CREATE VIRTUAL TABLE words USING fts5(name, paths);"
    "CREATE TABLE denied(hash BLOB PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE readings(hash BLOB NOT NULL, at INTEGER NOT NULL, organic INTEGER NOT NULL, "
    "total INTEGER NOT NULL, PRIMARY KEY(hash, at)) WITHOUT ROWID;"
    "CREATE TABLE trackers(hash BLOB NOT NULL, place INTEGER NOT NULL, url TEXT NOT NULL, "
    "PRIMARY KEY(hash, place)) WITHOUT ROWID;"
    "INSERT INTO torrents VALUES(x'0100000000000000000000000000000000000000',"
    "x'0100000000000000000000000000000000000000',x'','speech','f','speech','voices/ann.wav',"
    "3,2,1,4,1,0,1700000000000000,0,5,6,0,x'',1);"
    "INSERT INTO words(rowid,name,paths) VALUES(1,'speech','voices/ann.wav');";

TEST_F(LibraryTest, AFileOfTheVersionBeforeIsBroughtToThisOne) {
  library_.reset();
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directory(folder_);
  {
    db::Schema schema;
    schema.what = "library";
    schema.application_id = 0x7032616c;
    schema.version = Library::kSchemaVersion - 1;
    schema.tables = kTablesBefore;
    const auto before = db::Database::Open(folder_ + "/library.db", schema);
    ASSERT_TRUE(before.ok()) << before.status();
  }
  for (int i = 0; i < 2; ++i) {
    Open();
    EXPECT_THAT(library_->Search("ann", 10), ElementsAre(Hash(1)));
    const std::vector<TorrentRow> rows = library_->All();
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].folder, "speech");
    EXPECT_EQ(rows[0].state, TorrentState::kArchived);
    EXPECT_EQ(rows[0].downloaded, 6u);
  }
  ASSERT_TRUE(library_->NoteRemoved(Hash(2), absl::FromUnixSeconds(1)).ok());
  ASSERT_TRUE(library_->Put(Row(1, "talk")).ok());
  EXPECT_THAT(library_->Search("ann", 10), IsEmpty());
}

TEST_F(LibraryTest, TrackersOfAMagnetStayInTheirOrderUntilTheyAreTakenBack) {
  const std::vector<std::string> trackers = {"udp://b.example:1", "http://a.example/announce"};
  ASSERT_TRUE(library_->Put(Row(1, "speech")).ok());
  ASSERT_TRUE(library_->PutTrackers(Hash(1), trackers).ok());
  Open();
  EXPECT_EQ(library_->TrackersOf(Hash(1)), trackers);
  EXPECT_THAT(library_->TrackersOf(Hash(2)), IsEmpty());
  ASSERT_TRUE(library_->PutTrackers(Hash(1), {}).ok());
  EXPECT_THAT(library_->TrackersOf(Hash(1)), IsEmpty());
  ASSERT_TRUE(library_->PutTrackers(Hash(1), trackers).ok());
  ASSERT_TRUE(library_->Erase(Hash(1)).ok());
  EXPECT_THAT(library_->TrackersOf(Hash(1)), IsEmpty());
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
