#include "libcore/base/storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>

#include "tests/unit/base/temp_folder.h"

namespace p2pd {
namespace {

using ::p2pd::testing::TempFolder;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StorageName, TakesWordsAndNothingThatLeavesTheFolder) {
  for (const absl::string_view name :
       {"a", "state", "identities/a@example.org/key.pem", "A-Z_0.9", "a/b/c", "a.new.x", "new"}) {
    EXPECT_TRUE(Storage::ValidName(name)) << name;
  }
  for (const absl::string_view name :
       {"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", ".a", "a b", "a\\b", "a\n",
        "a:b", "a+b", "ä", "a.new", "a.new/b", "a/b.new"}) {
    EXPECT_FALSE(Storage::ValidName(name)) << name;
  }
  EXPECT_FALSE(Storage::ValidName(absl::string_view("a\0b", 3)));
  EXPECT_TRUE(Storage::ValidName(std::string(200, 'x')));
  EXPECT_FALSE(Storage::ValidName(std::string(201, 'x')));
  EXPECT_TRUE(Storage::ValidName(std::string(127, 'x') + "/" + std::string(127, 'x')));
  EXPECT_FALSE(Storage::ValidName(std::string(128, 'x') + "/" + std::string(127, 'x')));
}

// Both kinds keep the same contract.
class StorageContract : public ::testing::TestWithParam<bool> {
 protected:
  StorageContract() {
    if (GetParam()) {
      storage_ = std::make_unique<FolderStorage>(folder_ / "state");
    } else {
      storage_ = std::make_unique<MemoryStorage>();
    }
  }
  TempFolder folder_;
  std::unique_ptr<Storage> storage_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, StorageContract, ::testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "Folder" : "Memory";
});

TEST_P(StorageContract, ReadsBackTheLastWrite) {
  ASSERT_TRUE(storage_->Write("a/b", AsBytes("one"), FileMode::kPublic).ok());
  ASSERT_TRUE(storage_->Write("a/b", AsBytes("two"), FileMode::kSecret).ok());

  EXPECT_EQ(ToText(*storage_->Read("a/b")), "two");
}

TEST_P(StorageContract, WhatIsNotThereIsNotFoundAndRemovedWithoutComplaint) {
  EXPECT_EQ(storage_->Read("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(storage_->Remove("a").ok());
  EXPECT_THAT(storage_->List(""), IsEmpty());
}

TEST(FolderStorage, ASecretThatOthersMayReadIsRefused) {
  const TempFolder folder;
  FolderStorage storage(folder / "state");
  ASSERT_TRUE(storage.Write("key", AsBytes("x"), FileMode::kSecret).ok());
  EXPECT_EQ(ToText(*storage.ReadSecret("key")), "x");
  ASSERT_EQ(chmod((folder / "state/key").c_str(), 0644), 0);
  EXPECT_EQ(storage.ReadSecret("key").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(storage.Read("key").ok());
}

TEST_P(StorageContract, RemovedIsGone) {
  ASSERT_TRUE(storage_->Write("a", AsBytes("x"), FileMode::kPublic).ok());

  ASSERT_TRUE(storage_->Remove("a").ok());

  EXPECT_EQ(storage_->Read("a").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StorageContract, ListsByPrefixSorted) {
  for (const absl::string_view name : {"b/2", "b/1", "a", "bc", "b/1.x/y"}) {
    ASSERT_TRUE(storage_->Write(name, AsBytes("x"), FileMode::kPublic).ok());
  }

  EXPECT_THAT(storage_->List("b/"), ElementsAre("b/1", "b/1.x/y", "b/2"));
  EXPECT_THAT(storage_->List(""), ElementsAre("a", "b/1", "b/1.x/y", "b/2", "bc"));
  EXPECT_THAT(storage_->List("c"), IsEmpty());
}

TEST_P(StorageContract, RefusesANameThatIsNone) {
  for (const absl::string_view name : {"", "../x", "/etc/passwd", "a/../../x", "a.new"}) {
    EXPECT_EQ(storage_->Read(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(storage_->Write(name, AsBytes("x"), FileMode::kPublic).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
    EXPECT_EQ(storage_->Remove(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST_P(StorageContract, RefusesABlobThatIsTooLarge) {
  ASSERT_TRUE(storage_->Write("a", AsBytes("old"), FileMode::kPublic).ok());
  const Bytes large(Storage::kMaxBlob + 1);

  EXPECT_EQ(storage_->Write("a", large, FileMode::kPublic).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ToText(*storage_->Read("a")), "old");
}

TEST(FolderStorage, IsStillThereForTheNextProcess) {
  const TempFolder folder;
  ASSERT_TRUE(FolderStorage(folder.path()).Write("a/b", AsBytes("x"), FileMode::kSecret).ok());

  EXPECT_EQ(ToText(*FolderStorage(folder.path()).Read("a/b")), "x");
  struct stat info{};
  ASSERT_EQ(stat((folder / "a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST(FolderStorage, WhatIsRemovedLeavesNoFolderAndNoHalfWrittenFile) {
  const TempFolder folder;
  FolderStorage storage(folder / "state");
  for (const absl::string_view name : {"a/b/one", "a/b/two", "c"}) {
    ASSERT_TRUE(storage.Write(name, AsBytes("x"), FileMode::kSecret).ok());
  }
  const std::string torn = folder / "state/a/b/one.new";
  ASSERT_TRUE(WriteFileAtomically(torn, AsBytes("half a key"), FileMode::kSecret).ok());

  ASSERT_TRUE(storage.Remove("a/b/one").ok());
  EXPECT_FALSE(std::filesystem::exists(torn));
  EXPECT_TRUE(std::filesystem::exists(folder / "state/a/b/two"));
  ASSERT_TRUE(storage.Remove("a/b/two").ok());
  EXPECT_FALSE(std::filesystem::exists(folder / "state/a"));
  ASSERT_TRUE(storage.Remove("c").ok());
  EXPECT_TRUE(std::filesystem::exists(folder / "state")) << "the folder itself is the owner's";
  EXPECT_TRUE(storage.Write("a/b/one", AsBytes("x"), FileMode::kSecret).ok());
}

TEST(FolderStorage, TellsAPersonTheFileBehindAName) {
  EXPECT_EQ(FolderStorage("/data").TitleOf("node/keys"), "/data/node/keys");
  EXPECT_EQ(MemoryStorage().TitleOf("node/keys"), "node/keys");
}

TEST(FolderStorage, HalfWrittenFilesAreNotListed) {
  const TempFolder folder;
  FolderStorage storage(folder.path());
  ASSERT_TRUE(storage.Write("a", AsBytes("x"), FileMode::kPublic).ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "b.new", AsBytes("torn"), FileMode::kPublic).ok());

  EXPECT_THAT(storage.List(""), ElementsAre("a"));
}

TEST(FolderStorage, AFileInTheWayOfTheFolderIsAnError) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFileAtomically(folder / "state", AsBytes("x"), FileMode::kPublic).ok());
  FolderStorage storage(folder / "state");

  EXPECT_FALSE(storage.Write("a", AsBytes("x"), FileMode::kPublic).ok());
  EXPECT_THAT(storage.List(""), IsEmpty());
}

TEST(MemoryStorage, FailsWritesOnRequestAndKeepsTheOld) {
  MemoryStorage storage;
  ASSERT_TRUE(storage.Write("a", AsBytes("old"), FileMode::kPublic).ok());

  storage.FailWrites(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(storage.Write("a", AsBytes("new"), FileMode::kPublic),
            absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(ToText(*storage.Read("a")), "old");

  storage.FailWrites(absl::OkStatus());
  EXPECT_TRUE(storage.Write("a", AsBytes("new"), FileMode::kPublic).ok());
}

}  // namespace
}  // namespace p2pd
