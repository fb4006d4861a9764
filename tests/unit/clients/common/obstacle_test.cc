#include "clients/common/obstacle.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ObstacleTest : public ::testing::Test {
 protected:
  ObstacleTest() {
    char pattern[] = "/tmp/p2pctl-obstacle-XXXXXX";
    folder_ = mkdtemp(pattern);
    socket_ = folder_ + "/s";
  }
  ~ObstacleTest() override {
    if (listener_ >= 0) close(listener_);
    std::filesystem::remove_all(folder_);
  }
  void Listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener_, 4), 0);
  }

  std::string folder_;
  std::string socket_;
  int listener_ = -1;
};

TEST_F(ObstacleTest, NoSocket) {
  const ConnectionProblem problem = UnixObstacle(socket_, 1s);

  EXPECT_EQ(problem.code, ExitCode::kUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("unix:" + socket_));
  EXPECT_THAT(problem.text, HasSubstr("start p2pd"));
}

TEST_F(ObstacleTest, ASocketThatWasLeftBehind) {
  Listen();
  close(std::exchange(listener_, -1));

  const ConnectionProblem problem = UnixObstacle(socket_, 1s);

  EXPECT_EQ(problem.code, ExitCode::kUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("nobody serves"));
}

TEST_F(ObstacleTest, APathTooLongForASocketIsAMistake) {
  EXPECT_EQ(UnixObstacle("/tmp/" + std::string(103, 'x'), 1s).code, ExitCode::kUsage);
  EXPECT_EQ(UnixObstacle("", 1s).code, ExitCode::kUsage);
  EXPECT_EQ(UnixObstacle("/tmp/" + std::string(102, 'x'), 1s).code, ExitCode::kUnreachable);
}

TEST_F(ObstacleTest, AStoppedDaemonIsSilentNotAway) {
  Listen();

  const ConnectionProblem problem = UnixObstacle(socket_, 50ms);

  EXPECT_EQ(problem.code, ExitCode::kTimedOut);
  EXPECT_THAT(problem.text, HasSubstr("said nothing"));
}

TEST_F(ObstacleTest, WhoClosesTheDoorOnItsOwnUserIsNoP2pd) {
  Listen();
  std::thread porter([this] { close(accept(listener_, nullptr, nullptr)); });

  const ConnectionProblem problem = UnixObstacle(socket_, 5s);
  porter.join();

  EXPECT_EQ(problem.code, ExitCode::kUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("does not speak as a p2pd"));
}

TEST_F(ObstacleTest, NobodyAtAPort) {
  const ConnectionProblem problem = TcpObstacle("127.0.0.1", 1, "ca.pem", 1s);

  EXPECT_EQ(problem.code, ExitCode::kUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("nobody answers at 127.0.0.1:1"));
  EXPECT_EQ(TcpObstacle("[::1]", 1, "ca.pem", 1s).code, ExitCode::kUnreachable);
}

TEST_F(ObstacleTest, ANameWithoutAnAddress) {
  const ConnectionProblem problem = TcpObstacle("no such host", 1, "ca.pem", 1s);

  EXPECT_EQ(problem.code, ExitCode::kUnreachable);
  EXPECT_THAT(problem.text, HasSubstr("no such host"));
}

}  // namespace
}  // namespace p2pd::clients
