#include "libcore/runtime/udp_fan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <string>

#include "libcore/base/mutex.h"
#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

using ::testing::HasSubstr;

net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

// Answers "x" with "<number>x", and nothing to "silence".
class Echo final : public UdpResponder {
 public:
  explicit Echo(char number) : number_(number) {}
  size_t OnDatagram(Instant, const net::Endpoint& from, ByteView datagram,
                    MutableByteView out) override {
    const MutexLock lock(&mutex_);
    from_.insert(from);
    if (AsText(datagram) == "silence") return 0;
    out[0] = static_cast<uint8_t>(number_);
    std::copy(datagram.begin(), datagram.end(), out.begin() + 1);
    return datagram.size() + 1;
  }
  void OnTick(Instant) override {
    const MutexLock lock(&mutex_);
    ++ticks_;
  }
  std::set<net::Endpoint> from() {
    const MutexLock lock(&mutex_);
    return from_;
  }
  void AwaitTick() {
    const MutexLock lock(&mutex_);
    const auto ticked = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ticks_ > 0; };
    mutex_.Await(absl::Condition(&ticked));
  }

 private:
  const char number_;
  Mutex mutex_;
  std::set<net::Endpoint> from_ ABSL_GUARDED_BY(mutex_);
  int ticks_ ABSL_GUARDED_BY(mutex_) = 0;
};

class Client {
 public:
  explicit Client(const net::Endpoint& to)
      : fd_(socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM, 0)) {
    const SocketAddress address = ToSockaddr(to, !to.address.is_v4());
    EXPECT_EQ(connect(fd_, address.get(), address.size), 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void Send(absl::string_view text) {
    EXPECT_EQ(send(fd_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string Receive() {
    char buffer[2000];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    return got < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(got));
  }
  net::Endpoint local() const { return BoundTo(fd_); }

 private:
  const int fd_;
};

TEST(UdpFan, SeveralWorkersShareAPort) {
  Echo a('a');
  Echo b('b');
  auto fan = UdpFan::Open(At("127.0.0.1:0"), "fan", {&a, &b});
  ASSERT_TRUE(fan.ok()) << fan.status();
  std::set<char> answered;
  // The kernel deals senders out by a hash: with 64 of them both get some.
  for (int i = 0; i < 64; ++i) {
    Client client((*fan)->local());
    client.Send("hello");
    const std::string reply = client.Receive();
    EXPECT_EQ(reply.substr(1), "hello");
    answered.insert(reply[0]);
    Echo& worker = reply[0] == 'a' ? a : b;
    EXPECT_TRUE(worker.from().contains(client.local()));
  }
  EXPECT_EQ(answered.size(), 2u);
  // Whoever ticks has counted what it sent.
  a.AwaitTick();
  b.AwaitTick();
  const UdpStats stats = (*fan)->stats();
  EXPECT_EQ(stats.received_datagrams, 64u);
  EXPECT_EQ(stats.received_bytes, 64u * 5);
  EXPECT_EQ(stats.sent_datagrams, 64u);
  EXPECT_EQ(stats.sent_bytes, 64u * 6);
}

TEST(UdpFan, AnswersABatchInOrderWithoutWhatIsSilentOrTooLong) {
  Echo only('o');
  auto fan = UdpFan::Open(At("127.0.0.1:0"), "fan", {&only});
  ASSERT_TRUE(fan.ok()) << fan.status();
  Client client((*fan)->local());
  for (int i = 0; i < 50; ++i) {
    client.Send(std::to_string(i));
    client.Send("silence");
    if (i % 10 == 0) client.Send(std::string(1600, 'x'));
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.Receive(), "o" + std::to_string(i));
  only.AwaitTick();
  EXPECT_EQ((*fan)->stats().dropped_too_large, 5u);
  EXPECT_EQ((*fan)->stats().sent_datagrams, 50u);
}

TEST(UdpFan, TheWildcardServesBothFamilies) {
  Echo only('o');
  auto fan = UdpFan::Open(At("[::]:0"), "fan", {&only});
  if (!fan.ok()) GTEST_SKIP() << "no IPv6 on this machine";
  Client four({.address = At("127.0.0.1:0").address, .port = (*fan)->local().port});
  four.Send("4");
  EXPECT_EQ(four.Receive(), "o4");
  EXPECT_TRUE(only.from().contains(four.local()));
}

TEST(UdpFan, EndsWithoutWaitingForATick) {
  Echo only('o');
  for (int i = 0; i < 20; ++i) {
    auto fan = UdpFan::Open(At("127.0.0.1:0"), "fan", {&only, &only});
    ASSERT_TRUE(fan.ok());
  }
}

TEST(UdpFan, ATakenPortIsOneLine) {
  Echo only('o');
  auto first = UdpFan::Open(At("127.0.0.1:0"), "fan", {&only});
  ASSERT_TRUE(first.ok());
  const auto second = UdpFan::Open((*first)->local(), "fan", {&only});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another program"));
  EXPECT_EQ(UdpFan::Open(At("127.0.0.1:0"), "fan", {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace p2pd::runtime
