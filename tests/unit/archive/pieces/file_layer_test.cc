#include "libcore/archive/pieces/file_layer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::pieces {
namespace {

namespace fs = std::filesystem;

struct FileLayerTest : ::testing::Test {
  testing::TempFolder temp;
  FileLayer& layer = SystemFileLayer();
  std::string root = temp.path() + "/files";
  std::string outside = temp.path() + "/outside";
  void SetUp() override {
    ASSERT_TRUE(layer.MakeRoot(root).ok());
    fs::create_directory(outside);
    std::ofstream(outside + "/secret") << "secret";
  }
};

TEST_F(FileLayerTest, AFileIsMadeWrittenReadAndRemoved) {
  EXPECT_TRUE(absl::IsNotFound(layer.Open({root, "a/b/c"}, false).status()));
  const auto file = *layer.Open({root, "a/b/c"}, true);
  ASSERT_TRUE(file->Resize(100'000).ok());
  ASSERT_TRUE(file->WriteAt(50'000, AsBytes("hello")).ok());
  ASSERT_TRUE(file->Sync().ok());
  Bytes got(5);
  ASSERT_TRUE(file->ReadAt(50'000, absl::MakeSpan(got), false).ok());
  EXPECT_EQ(ToText(got), "hello");
  EXPECT_TRUE(absl::IsOutOfRange(file->ReadAt(99'998, absl::MakeSpan(got), false)));
  const FileFacts facts = *file->Facts();
  EXPECT_EQ(facts.size, 100'000u);
  EXPECT_LT(facts.bytes_on_disk, 100'000u);
  EXPECT_TRUE(facts.linked);
  ASSERT_TRUE(layer.Remove({root, "a/b/c"}).ok());
  EXPECT_FALSE((*file->Facts()).linked);
  EXPECT_FALSE(fs::exists(root + "/a"));
  EXPECT_TRUE(fs::exists(root));
  EXPECT_TRUE(layer.Remove({root, "a/b/c"}).ok());
}

TEST_F(FileLayerTest, AHoleGivesSpaceBackAndReadsAsZeros) {
  const auto file = *layer.Open({root, "x"}, true);
  const Bytes full(1 << 20, 7);
  ASSERT_TRUE(file->WriteAt(0, full).ok());
  ASSERT_TRUE(file->Sync().ok());
  const FileFacts before = *file->Facts();
  ASSERT_TRUE(file->Punch(0, 1 << 19).ok());
  const FileFacts after = *file->Facts();
  EXPECT_EQ(after.size, before.size);
  EXPECT_EQ(before.bytes_on_disk - after.bytes_on_disk, uint64_t{1} << 19);
  Bytes got(2);
  ASSERT_TRUE(file->ReadAt((1 << 19) - 1, absl::MakeSpan(got), false).ok());
  EXPECT_EQ(got, (Bytes{0, 7}));
}

TEST_F(FileLayerTest, LinksAndWhatIsNoFileAreRefused) {
  fs::create_symlink(outside, root + "/folder");
  fs::create_symlink(outside + "/secret", root + "/file");
  fs::create_symlink(outside + "/new", root + "/dangling");
  fs::create_directory(root + "/really a folder");
  ASSERT_EQ(mkfifo((root + "/pipe").c_str(), 0600), 0);
  for (const char* below : {"folder/secret", "file", "dangling", "pipe", "file/x"}) {
    for (const bool create : {false, true}) {
      const auto opened = layer.Open({root, below}, create);
      EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << below << opened.status();
    }
  }
  EXPECT_FALSE(layer.Open({root, "really a folder"}, true).ok());
  EXPECT_FALSE(layer.Remove({root, "folder/secret"}).ok());
  EXPECT_TRUE(fs::exists(outside + "/secret"));
  EXPECT_FALSE(fs::exists(outside + "/new"));
}

TEST_F(FileLayerTest, SmallFilesAreReplacedWhole) {
  const std::string path = root + "/small";
  EXPECT_TRUE(absl::IsNotFound(layer.ReadWhole(path, 100).status()));
  ASSERT_TRUE(layer.Replace(path, AsBytes("one")).ok());
  ASSERT_TRUE(layer.Replace(path, AsBytes("two")).ok());
  EXPECT_EQ(ToText(*layer.ReadWhole(path, 100)), "two");
  EXPECT_TRUE(absl::IsResourceExhausted(layer.ReadWhole(path, 2).status()));
  ASSERT_TRUE(layer.RemoveWhole(path).ok());
  ASSERT_TRUE(layer.RemoveWhole(path).ok());
}

}  // namespace
}  // namespace p2pd::archive::pieces
