#include "libcore/runtime/unix_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <optional>
#include <string>

namespace p2pd::runtime {
namespace {

using ::testing::HasSubstr;

int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

class UnixListenerTest : public ::testing::Test {
 protected:
  UnixListenerTest() {
    std::string pattern = ::testing::TempDir() + "p2pd-unix-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/door/control.sock";
  }
  ~UnixListenerTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<UnixListener>> Open() {
    return UnixListener::Open(loop_, path_, [this](int fd, const PeerCredentials& peer) {
      peer_ = peer;
      CloseConnection(fd);
      loop_.Stop();
    });
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  Loop loop_;
  std::string folder_;
  std::string path_;
  std::optional<PeerCredentials> peer_;
};

TEST_F(UnixListenerTest, TellsWhoConnects) {
  const auto listener = Open();
  ASSERT_TRUE(listener.ok()) << listener.status();
  const int client = Connect(path_);
  ASSERT_GE(client, 0);
  loop_.Run();
  ASSERT_TRUE(peer_.has_value());
  EXPECT_EQ(peer_->pid, getpid());
  EXPECT_EQ(peer_->uid, Self().uid);
  EXPECT_EQ(peer_->gid, Self().gid);
  close(client);
}

TEST_F(UnixListenerTest, TheSocketIsForOwnerAndGroupInAFolderThatOthersCannotEnter) {
  const auto listener = Open();
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_EQ(ModeOf(path_), 0660u);
  EXPECT_EQ(ModeOf(folder_ + "/door"), 0750u);
}

TEST_F(UnixListenerTest, LeavesASocketAloneThatSomebodyServes) {
  const auto first = Open();
  ASSERT_TRUE(first.ok());
  const auto second = Open();
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("served by another process"));
  const int client = Connect(path_);
  EXPECT_GE(client, 0) << "the first still serves";
  close(client);
}

TEST_F(UnixListenerTest, ReplacesASocketThatNobodyServes) {
  std::filesystem::create_directory(folder_ + "/door");
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path_.data(), path_.size());
  ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  const auto listener = Open();
  EXPECT_TRUE(listener.ok()) << listener.status();
}

TEST_F(UnixListenerTest, NeverRemovesAFileThatIsNoSocket) {
  std::filesystem::create_directory(folder_ + "/door");
  FILE* file = fopen(path_.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fclose(file);
  const auto listener = Open();
  ASSERT_EQ(listener.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, RefusesAPathThatNoSocketCanHave) {
  path_ = folder_ + "/" + std::string(120, 'x');
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kInvalidArgument);
  path_ = "";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(UnixListenerTest, RemovesItsOwnSocketWhenItGoesAndNoOther) {
  {
    const auto listener = Open();
    ASSERT_TRUE(listener.ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  {
    const auto listener = Open();
    ASSERT_TRUE(listener.ok());
    ASSERT_EQ(unlink(path_.c_str()), 0);
    FILE* other = fopen(path_.c_str(), "w");
    ASSERT_NE(other, nullptr);
    fclose(other);
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace p2pd::runtime
