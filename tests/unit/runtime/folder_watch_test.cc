#include "libcore/runtime/folder_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/base/temp_folder.h"

namespace p2pd::runtime {
namespace {

TEST(FolderWatch, CallsWhenAFileComesAndWhenItGoes) {
  const testing::TempFolder folder;
  Loop loop;
  int calls = 0;
  auto watch = FolderWatch::Open(loop, folder.path(), [&] {
    ++calls;
    if (std::filesystem::exists(folder / "a")) {
      std::filesystem::remove(folder / "a");
    } else {
      loop.Stop();
    }
  });
  ASSERT_TRUE(watch.ok()) << watch.status();
  loop.PostAlways([&] { std::ofstream(folder / "a") << "text"; });
  loop.Run();
  EXPECT_GE(calls, 2);
}

TEST(FolderWatch, SaysWhatCannotBeWatched) {
  const testing::TempFolder folder;
  Loop loop;
  const auto nothing = FolderWatch::Open(loop, folder / "none", [] {});
  EXPECT_TRUE(absl::IsNotFound(nothing.status())) << nothing.status();
  std::ofstream(folder / "file") << "text";
  EXPECT_FALSE(FolderWatch::Open(loop, folder / "file", [] {}).ok());
}

}  // namespace
}  // namespace p2pd::runtime
