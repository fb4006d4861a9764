#include "daemon/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

TEST(DataDir, IsMadeForItsOwnerAlone) {
  const TempDir folder;
  const auto opened = DataDir::Open(folder.path() + "/a/b");
  ASSERT_TRUE(opened.ok()) << opened.status();
  struct stat info{};
  ASSERT_EQ(stat((folder.path() + "/a/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(DataDir, ASecondDaemonIsToldWhoHasIt) {
  const TempDir folder;
  const auto first = DataDir::Open(folder.path());
  ASSERT_TRUE(first.ok());
  const auto second = DataDir::Open(folder.path());
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              ::testing::AllOf(HasSubstr(absl::StrCat("process ", getpid())),
                               HasSubstr(folder.path()), HasSubstr("--data-dir")));
}

TEST(DataDir, IsFreeAgainWhenItsHolderHasGone) {
  const TempDir folder;
  {
    ASSERT_TRUE(DataDir::Open(folder.path()).ok());
  }
  EXPECT_TRUE(DataDir::Open(folder.path()).ok());
}

TEST(DataDir, AFileInItsPlaceIsOneLine) {
  const TempDir folder;
  std::ofstream(folder.path() + "/file") << "x";
  const auto opened = DataDir::Open(folder.path() + "/file");
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr(folder.path() + "/file"));
}

TEST(DataDir, AFolderThatCannotBeMadeComesWithAdvice) {
  const auto opened = DataDir::Open("/proc/none/data");
  ASSERT_FALSE(opened.ok());
  const std::string message(opened.status().message());
  EXPECT_THAT(message, HasSubstr("/proc/none"));
  EXPECT_THAT(message, HasSubstr("--data-dir"));
  EXPECT_THAT(message, ::testing::Not(HasSubstr("cannot cannot")));
}

}  // namespace
}  // namespace p2pd::daemon
