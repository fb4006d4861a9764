#include "libcore/runtime/tcp_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/runtime/socket_address.h"
#include "libcore/runtime/thread.h"

namespace p2pd::runtime {
namespace {

// Sends back what it gets, in one piece, each line `times_` times; "end" ends it.
class Repeating final : public TcpConversation {
 public:
  explicit Repeating(size_t times) : times_(times) {}
  void OnBytes(Instant, ByteView bytes) override {
    EXPECT_TRUE(wants_bytes());
    for (size_t i = 0; i < times_; ++i) absl::StrAppend(&out_, AsText(bytes));
    ended_ = AsText(bytes) == "end";
  }
  ByteView pending() const override { return AsBytes(out_).subspan(sent_); }
  void OnSent(Instant, size_t size) override {
    sent_ += size;
    if (sent_ == out_.size()) out_.clear();
    if (out_.empty()) sent_ = 0;
  }
  bool wants_bytes() const override { return out_.empty(); }
  bool ended() const override { return ended_; }

 private:
  const size_t times_;
  std::string out_;
  size_t sent_ = 0;
  bool ended_ = false;
};

class TcpServerTest : public ::testing::Test {
 protected:
  ~TcpServerTest() override {
    loop_.PostAlways([this] {
      server_.reset();
      loop_.Stop();
    });
  }
  void Start(const TcpServerOptions& options, size_t times = 1) {
    auto server = TcpServer::Open(loop_, net::Endpoint::Parse("127.0.0.1:0").value(), options,
                                  [times](const net::Endpoint& peer, ConnectionId) {
                                    EXPECT_TRUE(peer.address.IsLoopback());
                                    return std::make_unique<Repeating>(times);
                                  });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::make_unique<Thread>("loop", [this] { loop_.Run(); });
  }
  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const SocketAddress address = ToSockaddr(server_->local(), false);
    EXPECT_EQ(connect(fd, address.get(), address.size), 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
  }
  // Up to `size` bytes, fewer at the end of the connection.
  static std::string Read(int fd, size_t size) {
    std::string out(size, ' ');
    size_t at = 0;
    while (at < size) {
      const ssize_t got = recv(fd, out.data() + at, size - at, 0);
      if (got <= 0) break;
      at += static_cast<size_t>(got);
    }
    return out.substr(0, at);
  }

  Loop loop_;
  std::unique_ptr<TcpServer> server_;
  std::unique_ptr<Thread> thread_;
};

TEST_F(TcpServerTest, TalksUntilTheConversationEnds) {
  Start({});
  const int fd = Connect();
  for (const std::string text : {"one", "two"}) {
    ASSERT_EQ(send(fd, text.data(), text.size(), 0), 3);
    EXPECT_EQ(Read(fd, 3), text);
  }
  ASSERT_EQ(send(fd, "end", 3, 0), 3);
  EXPECT_EQ(Read(fd, 10), "end");
  close(fd);
  EXPECT_EQ(server_->stats().accepted, 1u);
}

TEST_F(TcpServerTest, WritesMoreThanTheSocketTakesAtOnce) {
  constexpr size_t kTimes = 8 << 20;
  Start({}, kTimes);
  const int fd = Connect();
  ASSERT_EQ(send(fd, "xyz", 3, 0), 3);
  const std::string all = Read(fd, 3 * kTimes);
  ASSERT_EQ(all.size(), 3 * kTimes);
  EXPECT_EQ(all.substr(all.size() - 3), "xyz");
  // And reads again afterwards.
  ASSERT_EQ(send(fd, "a", 1, 0), 1);
  EXPECT_EQ(Read(fd, kTimes).size(), kTimes);
  close(fd);
}

TEST_F(TcpServerTest, ClosesWhatComesBeyondItsLimits) {
  Start({.patience = absl::Seconds(10), .max_connections = 3, .max_per_address = 2});
  const int a = Connect();
  const int b = Connect();
  const int c = Connect();
  EXPECT_EQ(Read(c, 1), "");
  close(a);
  close(c);
  // The place is free as soon as the server has seen the end.
  std::string answer;
  while (answer.empty()) {
    const int again = Connect();
    if (send(again, "x", 1, MSG_NOSIGNAL) == 1) answer = Read(again, 1);
    close(again);
  }
  EXPECT_EQ(answer, "x");
  EXPECT_GE(server_->stats().refused_address, 1u);
  close(b);
}

// Answers with what it heard, once `later` has made its way.
class Late final : public TcpConversation {
 public:
  explicit Late(std::function<void(Late&)> later) : later_(std::move(later)) {}
  void OnBytes(Instant, ByteView bytes) override {
    EXPECT_TRUE(wants_bytes());
    heard_ = ToText(bytes);
    later_(*this);
  }
  ByteView pending() const override { return AsBytes(out_); }
  void OnSent(Instant, size_t size) override { out_.erase(0, size); }
  bool wants_bytes() const override { return heard_.empty(); }
  bool ended() const override { return false; }
  void Answer() { out_ = std::exchange(heard_, ""); }

 private:
  const std::function<void(Late&)> later_;
  std::string heard_;
  std::string out_;
};

TEST_F(TcpServerTest, AnAnswerMayComeLater) {
  const auto factory = [this](const net::Endpoint&, ConnectionId id) {
    return std::make_unique<Late>([this, id](Late& conversation) {
      loop_.PostAlways([this, id, &conversation] {
        conversation.Answer();
        server_->Flush(id);
        // There is no such connection.
        server_->Flush(id.Next());
      });
    });
  };
  auto server = TcpServer::Open(loop_, net::Endpoint::Parse("127.0.0.1:0").value(), {}, factory);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  thread_ = std::make_unique<Thread>("loop", [this] { loop_.Run(); });
  const int fd = Connect();
  for (const std::string text : {"one", "two"}) {
    ASSERT_EQ(send(fd, text.data(), text.size(), 0), 3);
    EXPECT_EQ(Read(fd, 3), text);
  }
  close(fd);
}

TEST_F(TcpServerTest, AByteNowAndThenHoldsNoConnection) {
  Start({.patience = absl::Milliseconds(1)});
  const int fd = Connect();
  EXPECT_EQ(Read(fd, 1), "");
  EXPECT_EQ(server_->stats().closed_impatient, 1u);
  close(fd);
}

}  // namespace
}  // namespace p2pd::runtime
