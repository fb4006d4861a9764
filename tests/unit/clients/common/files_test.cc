#include "clients/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/clients/device.h"

namespace p2pd::clients {
namespace {

using ::testing::HasSubstr;

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    char pattern[] = "/tmp/p2pctl-files-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Content(const std::string& path) {
    return ReadInput(path, 1000, &problem_).value_or(problem_);
  }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::string folder_;
  std::string problem_;
};

TEST_F(FilesTest, ComeBackAsWritten) {
  const absl::Status written = WriteOutput(Path("x"), "content", /*secret=*/true);

  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(Content(Path("x")), "content");
  struct stat info{};
  ASSERT_EQ(stat(Path("x").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Entries(), 1u) << "nothing is left beside it";
}

TEST_F(FilesTest, ProblemsNameTheFile) {
  EXPECT_FALSE(ReadInput(Path("none"), 100, &problem_).has_value());
  EXPECT_THAT(problem_, HasSubstr("/none"));
  ASSERT_TRUE(WriteOutput(Path("big"), std::string(101, 'x'), false).ok());
  EXPECT_FALSE(ReadInput(Path("big"), 100, &problem_).has_value());
  EXPECT_FALSE(ReadInput(folder_, 100, &problem_).has_value());
  EXPECT_THAT(problem_, HasSubstr("Is a directory"));
}

TEST_F(FilesTest, BadPlacesAreToldBeforeAndAfter) {
  std::ofstream(Path("plain")) << "x";
  for (const std::string& path : {Path("no/such"), folder_, Path("plain/below")}) {
    const absl::Status before = CheckOutput(path);
    const absl::Status after = WriteOutput(path, "x", false);

    EXPECT_EQ(before.code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(before.message(), HasSubstr(path));
    EXPECT_FALSE(after.ok()) << path;
    EXPECT_THAT(after.message(), HasSubstr(path));
  }
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FilesTest, CheckingChangesNothing) {
  std::ofstream(Path("old")) << "old";

  EXPECT_TRUE(CheckOutput(Path("old")).ok());
  EXPECT_TRUE(CheckOutput(Path("new")).ok());
  EXPECT_TRUE(CheckOutput("-").ok());

  EXPECT_EQ(Content(Path("old")), "old");
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(FilesTest, ADeviceStaysOneAndItsErrorIsTold) {
  const std::string full = MakeDevice(folder_, kFullDevice);
  const std::string null = MakeDevice(folder_, kNullDevice);

  const absl::Status failed = WriteOutput(full, "x", false);

  EXPECT_EQ(failed.code(), absl::StatusCode::kResourceExhausted) << failed;
  EXPECT_THAT(failed.message(), HasSubstr(full + ": No space left on device"));
  EXPECT_TRUE(WriteOutput(null, "x", /*secret=*/true).ok());
  for (const std::string& device : {full, null}) {
    struct stat info{};
    ASSERT_EQ(stat(device.c_str(), &info), 0);
    EXPECT_TRUE(S_ISCHR(info.st_mode)) << device;
    EXPECT_NE(info.st_mode & 0777, 0600u) << device;
  }
}

TEST_F(FilesTest, APipeIsWrittenInto) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = Content(Path("pipe")); });

  const absl::Status written = WriteOutput(Path("pipe"), "through", false);
  reader.join();

  EXPECT_TRUE(written.ok()) << written;
  EXPECT_EQ(got, "through");
  EXPECT_TRUE(std::filesystem::is_fifo(Path("pipe")));
}

TEST_F(FilesTest, LinksAreFollowed) {
  std::filesystem::create_directory(Path("far"));
  std::ofstream(Path("far/real")) << "old";
  std::filesystem::create_symlink("far/real", Path("relative"));
  std::filesystem::create_symlink(Path("relative"), Path("link"));
  std::filesystem::create_symlink("far/to-be", Path("dangling"));

  EXPECT_TRUE(WriteOutput(Path("link"), "new", false).ok());
  EXPECT_TRUE(WriteOutput(Path("dangling"), "first", false).ok());

  EXPECT_TRUE(std::filesystem::is_symlink(Path("link")));
  EXPECT_TRUE(std::filesystem::is_symlink(Path("dangling")));
  EXPECT_EQ(Content(Path("far/real")), "new");
  EXPECT_EQ(Content(Path("far/to-be")), "first");
}

TEST_F(FilesTest, LinksWithoutEndAreAnError) {
  std::filesystem::create_symlink("b", Path("a"));
  std::filesystem::create_symlink("a", Path("b"));

  EXPECT_FALSE(CheckOutput(Path("a")).ok());
  EXPECT_FALSE(WriteOutput(Path("a"), "x", false).ok());
}

TEST_F(FilesTest, AnOpenDescriptorIsNoFileToReplace) {
  const int fd = open(Path("kept").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  struct stat before{};
  ASSERT_EQ(fstat(fd, &before), 0);

  EXPECT_TRUE(WriteOutput("/dev/fd/" + std::to_string(fd), "in place", false).ok());

  struct stat after{};
  ASSERT_EQ(stat(Path("kept").c_str(), &after), 0);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(Content(Path("kept")), "in place");
  close(fd);
}

TEST_F(FilesTest, StandardOutputHasSeveralNames) {
  ::testing::internal::CaptureStdout();
  const bool dash = IsStandardOutput("-");
  const bool device = IsStandardOutput("/dev/stdout");
  const bool other = IsStandardOutput(Path("x"));
  const absl::Status written = WriteOutput("/dev/stdout", "said", false);
  const std::string said = ::testing::internal::GetCapturedStdout();

  EXPECT_TRUE(dash);
  EXPECT_TRUE(device);
  EXPECT_FALSE(other);
  EXPECT_TRUE(written.ok()) << written;
  EXPECT_EQ(said, "said");
}

TEST_F(FilesTest, AFailedReplacementLeavesTheOldContent) {
  std::ofstream(Path("old")) << "old";
  // The name beside it is taken by what cannot be removed as a file.
  std::filesystem::create_directory(Path("old.new"));

  EXPECT_FALSE(WriteOutput(Path("old"), "new", false).ok());

  EXPECT_EQ(Content(Path("old")), "old");
}

}  // namespace
}  // namespace p2pd::clients
