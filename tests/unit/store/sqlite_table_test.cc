#include "libcore/store/sqlite_table.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "libcore/base/file.h"
#include "tests/unit/store/object_table_test.h"

namespace p2pd::store {
namespace {

using absl::StatusCode;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "/p2pd_table_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string File() const { return path_ + "/objects.db"; }

 private:
  std::string path_;
};

struct MakeSqlite {
  std::unique_ptr<ObjectTable> Make() { return *SqliteTable::Open(folder.File()); }
  TemporaryFolder folder;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, ObjectTableTest, MakeSqlite);

class SqliteTableTest : public testing::Test {
 protected:
  StoredRow Row(const std::string& data) {
    const Object object = f.Raw(data);
    return {object, "a", f.now, object.key()};
  }
  ObjectFixture f;
  TemporaryFolder folder;
};

TEST_F(SqliteTableTest, RowsAndSumsOutliveTheTable) {
  size_t bytes = 0;
  {
    const auto table = *SqliteTable::Open(folder.File());
    ASSERT_TRUE(table->Insert(Row("one")).ok());
    ASSERT_TRUE(table->Insert(Row("two")).ok());
    bytes = table->total_bytes();
  }
  const auto table = *SqliteTable::Open(folder.File());
  EXPECT_EQ(table->total_objects(), 2u);
  EXPECT_EQ(table->total_bytes(), bytes);
  EXPECT_EQ(table->BytesOf("a"), bytes);
  EXPECT_EQ(table->Find(Key(), std::nullopt).size(), 2u);
}

TEST_F(SqliteTableTest, FileIsForTheOwnerOnly) {
  const auto table = *SqliteTable::Open(folder.File());
  ASSERT_TRUE(table->Insert(Row("one")).ok());
  for (const char* suffix : {"", "-wal"}) {
    struct stat info{};
    ASSERT_EQ(stat((folder.File() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

// What Insert acknowledged is there after kill -9, whenever it came.
TEST_F(SqliteTableTest, NothingAcknowledgedIsLostByKill) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto table = SqliteTable::Open(folder.File());
      for (int i = 0; table.ok() && i < 100000; ++i) {
        const std::string data = std::to_string(round) + ":" + std::to_string(i);
        if (!(*table)->Insert(Row(data)).ok()) _exit(1);
        if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
      _exit(1);
    }
    close(pipe_ends[1]);
    int last = -1;
    for (int i = -1; i < 40 + round * 17 && read(pipe_ends[0], &i, sizeof i) == sizeof i;) {
      last = i;
    }
    ASSERT_EQ(kill(child, SIGKILL), 0);
    // What it acknowledged until the signal reached it counts too.
    for (int i = 0; read(pipe_ends[0], &i, sizeof i) == sizeof i;) last = i;
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    close(pipe_ends[0]);
    ASSERT_GE(last, 40 + round * 17);
    const auto table = SqliteTable::Open(folder.File());
    ASSERT_TRUE(table.ok()) << table.status();
    for (int i = 0; i <= last; ++i) {
      const Object object = f.Raw(std::to_string(round) + ":" + std::to_string(i));
      ASSERT_TRUE((*table)->Holds(object.key(), object.digest())) << round << ":" << i;
    }
  }
}

TEST_F(SqliteTableTest, CheckpointMovesTheLogIntoTheFile) {
  const auto table = *SqliteTable::Open(folder.File());
  const auto size = [&](const char* suffix) {
    return std::filesystem::file_size(folder.File() + suffix);
  };
  const auto before = size("");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(table->Insert(Row(std::to_string(i) + std::string(2000, 'x'))).ok());
  }
  // Nothing moves by itself: moving syncs, and the owner's thread must not wait for a disk.
  EXPECT_EQ(size(""), before);
  const auto checkpointer = OpenCheckpointer(folder.File());
  ASSERT_TRUE(checkpointer.ok()) << checkpointer.status();
  ASSERT_TRUE((*checkpointer)->Checkpoint().ok());
  EXPECT_GT(size(""), before);
  const auto log = size("-wal");
  ASSERT_TRUE(table->Insert(Row("again")).ok());
  EXPECT_EQ(size("-wal"), log);  // the log is used again from its start
  EXPECT_EQ(table->total_objects(), 51u);
}

TEST_F(SqliteTableTest, AFullDiskIsSaidAndNothingIsHalfDone) {
  SqliteOptions options;
  options.max_pages = 24;
  const auto table = *SqliteTable::Open(folder.File(), options);
  absl::Status status;
  int kept = 0;
  for (int i = 0; i < 200 && status.ok(); ++i) {
    status = table->Insert(Row(std::to_string(i) + std::string(3000, 'x')));
    kept += status.ok() ? 1 : 0;
  }
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  EXPECT_NE(status.message().find(folder.File()), absl::string_view::npos);
  EXPECT_EQ(table->total_objects(), static_cast<size_t>(kept));
  EXPECT_EQ(table->Find(Key(), std::nullopt).size(), static_cast<size_t>(kept));
  // Room that is made can be used.
  EXPECT_GT(table->EraseExpired(f.now + absl::Hours(25)), 0u);
  EXPECT_TRUE(table->Insert(Row("again")).ok());
}

TEST_F(SqliteTableTest, ADamagedFileIsSaidToBeSo) {
  {
    const auto table = *SqliteTable::Open(folder.File());
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(table->Insert(Row(std::to_string(i) + std::string(500, 'x'))).ok());
    }
  }
  Bytes content = *ReadFile(folder.File(), 10 << 20);
  for (size_t i = 5000; i < content.size(); i += 97) content[i] ^= 0xff;
  ASSERT_TRUE(WriteFileAtomically(folder.File(), content, FileMode::kSecret).ok());
  const auto opened = SqliteTable::Open(folder.File());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), StatusCode::kDataLoss) << opened.status();
  EXPECT_NE(opened.status().message().find("move the file away"), absl::string_view::npos);
}

TEST_F(SqliteTableTest, AForeignFileIsNotTouched) {
  ASSERT_TRUE(WriteFileAtomically(folder.File(),
                                  AsBytes("these are no objects of ours, but text"
                                          " of somebody else's, long enough"),
                                  FileMode::kSecret)
                  .ok());
  EXPECT_EQ(SqliteTable::Open(folder.File()).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(AsText(*ReadFile(folder.File(), 1000)).substr(0, 5), "these");
}

TEST_F(SqliteTableTest, ANewerVersionIsLeftAlone) {
  {
    const auto table = *SqliteTable::Open(folder.File());
  }
  Bytes content = *ReadFile(folder.File(), 1 << 20);
  content[63] = 9;  // user_version of the SQLite file format, big-endian at offset 60
  ASSERT_TRUE(WriteFileAtomically(folder.File(), content, FileMode::kSecret).ok());
  const auto opened = SqliteTable::Open(folder.File());
  EXPECT_EQ(opened.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(opened.status().message().find("version 9"), absl::string_view::npos)
      << opened.status();
}

TEST_F(SqliteTableTest, AFolderThatIsNotThereIsNamed) {
  const auto opened = SqliteTable::Open(folder.File() + ".d/objects.db");
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.status().message().find(".d/objects.db"), absl::string_view::npos);
}

TEST_F(SqliteTableTest, ARowChangedBehindOurBackIsNotGivenOut) {
  const StoredRow row = Row("precious data that nobody should change");
  {
    const auto table = *SqliteTable::Open(folder.File());
    ASSERT_TRUE(table->Insert(row).ok());
  }
  Bytes content = *ReadFile(folder.File(), 1 << 20);
  const std::string text = ToText(content);
  const size_t at = text.find("precious");
  ASSERT_NE(at, std::string::npos);
  content[at] = 'P';
  ASSERT_TRUE(WriteFileAtomically(folder.File(), content, FileMode::kSecret).ok());
  const auto table = *SqliteTable::Open(folder.File());
  EXPECT_TRUE(table->Find(Key(), std::nullopt).empty());
  EXPECT_EQ(table->read_error().code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace p2pd::store
