#include "libcore/db/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "libcore/base/file.h"

namespace p2pd::db {
namespace {

using testing::HasSubstr;

class DatabaseTest : public testing::Test {
 protected:
  DatabaseTest() {
    std::string name = testing::TempDir() + "/p2pd_db_XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/t.db";
  }
  ~DatabaseTest() override { std::filesystem::remove_all(folder_); }

  static Schema Version(int version) {
    return Schema{.what = "test table",
                  .application_id = 77,
                  .version = version,
                  .tables = "CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB NOT NULL);",
                  .if_damaged = "throw it away",
                  .if_full = "make room"};
  }

  std::string folder_;
  std::string path_;
};

TEST_F(DatabaseTest, RowsOutliveTheConnectionAndTheFileIsOurs) {
  {
    auto database = Database::Open(path_, Version(1));
    ASSERT_TRUE(database.ok()) << database.status();
    const Statement insert = *database->Prepare("INSERT INTO t VALUES(?,?)");
    const Bytes value = {1, 2};
    EXPECT_TRUE(Query(insert).Bind(int64_t{5}).Bind(value).Run());
    EXPECT_TRUE(Query(insert).Bind(int64_t{6}).Bind(ByteView()).Run());
    // The same key again.
    EXPECT_FALSE(Query(insert).Bind(int64_t{5}).Bind(value).Run());
    EXPECT_THAT(std::string(database->Error("add a row").message()), HasSubstr("cannot add a row"));
  }
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  auto database = Database::Open(path_, Version(1));
  ASSERT_TRUE(database.ok());
  const Statement all = *database->Prepare("SELECT k, v FROM t ORDER BY k");
  Query query(all);
  ASSERT_EQ(query.Next(), Query::Step::kRow);
  EXPECT_EQ(query.Number(0), 5);
  EXPECT_EQ(query.Blob(1).size(), 2u);
  ASSERT_EQ(query.Next(), Query::Step::kRow);
  EXPECT_TRUE(query.Blob(1).empty());
  EXPECT_EQ(query.Next(), Query::Step::kDone);
}

TEST_F(DatabaseTest, TextIsFoundAsText) {
  auto database = Database::Open(path_, Version(1));
  const Statement same = *database->Prepare("SELECT ?='ab', ?=''");
  Query query(same);
  query.Text("ab").Text("");
  ASSERT_EQ(query.Next(), Query::Step::kRow);
  EXPECT_EQ(query.Number(0), 1);
  EXPECT_EQ(query.Number(1), 1);
}

TEST_F(DatabaseTest, AnotherVersionAnotherProgramAndRubbishAreRefusedInWords) {
  ASSERT_TRUE(Database::Open(path_, Version(2)).ok());
  const absl::Status newer = Database::Open(path_, Version(1)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer));
  EXPECT_THAT(std::string(newer.message()), HasSubstr("version 2"));
  Schema other = Version(2);
  other.application_id = 78;
  EXPECT_TRUE(absl::IsFailedPrecondition(Database::Open(path_, other).status()));
  const std::string rubbish = folder_ + "/r.db";
  ASSERT_TRUE(
      WriteFileAtomically(rubbish, AsBytes(std::string(8192, 'x')), FileMode::kSecret).ok());
  EXPECT_FALSE(Database::Open(rubbish, Version(1)).ok());
}

TEST_F(DatabaseTest, AFullFileSaysWhatToDo) {
  Settings small;
  small.max_pages = 8;
  auto database = Database::Open(path_, Version(1), small);
  ASSERT_TRUE(database.ok());
  const Statement insert = *database->Prepare("INSERT INTO t(v) VALUES(?)");
  const Bytes large(64 << 10);
  ASSERT_FALSE(Query(insert).Bind(large).Run());
  const absl::Status status = database->Error("add a row");
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("make room"));
}

TEST_F(DatabaseTest, TheCheckpointMovesRowsIntoTheFile) {
  auto database = Database::Open(path_, Version(1));
  const Statement insert = *database->Prepare("INSERT INTO t(v) VALUES(?)");
  const Bytes large(100 << 10);
  ASSERT_TRUE(Query(insert).Bind(large).Run());
  const auto before = std::filesystem::file_size(path_);
  const auto checkpointer = Checkpointer::Open(path_, Version(1));
  ASSERT_TRUE(checkpointer.ok());
  EXPECT_TRUE((*checkpointer)->Checkpoint().ok());
  EXPECT_GT(std::filesystem::file_size(path_), before);
}

}  // namespace
}  // namespace p2pd::db
