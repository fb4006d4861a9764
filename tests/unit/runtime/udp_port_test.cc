#include "libcore/runtime/udp_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "libcore/base/rng.h"

namespace p2pd::runtime {
namespace {

using ::testing::HasSubstr;

net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

struct Received {
  net::Endpoint from;
  std::string bytes;
};

class UdpPortTest : public ::testing::Test {
 protected:
  // Opens a port that collects what it receives and stops the loop at `stop_after` datagrams.
  std::unique_ptr<UdpPort> Open(absl::string_view bind, size_t stop_after) {
    auto port = UdpPort::Open(
        loop_, At(bind), [this, stop_after](Instant, absl::Span<const ReceivedDatagram> datagrams) {
          for (const ReceivedDatagram& datagram : datagrams) {
            received_.push_back({datagram.from, ToText(datagram.bytes)});
          }
          if (received_.size() >= stop_after) loop_.Stop();
        });
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  Loop loop_;
  std::vector<Received> received_;
};

TEST_F(UdpPortTest, CarriesADatagramAndTellsWhoSentIt) {
  auto receiver = Open("127.0.0.1:0", 1);
  auto sender = Open("127.0.0.1:0", 1);
  ASSERT_NE(receiver->local().port, 0);
  ASSERT_TRUE(sender->Send(receiver->local(), AsBytes("hello")));
  loop_.Run();
  ASSERT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].bytes, "hello");
  EXPECT_EQ(received_[0].from, sender->local());
  EXPECT_EQ(sender->stats().sent_datagrams, 1u);
  EXPECT_EQ(sender->stats().sent_bytes, 5u);
  EXPECT_EQ(receiver->stats().received_datagrams, 1u);
  EXPECT_EQ(receiver->stats().received_bytes, 5u);
}

TEST_F(UdpPortTest, TheWildcardServesBothFamiliesAndShowsIpv4AsIpv4) {
  auto both = Open("[::]:0", 1);
  if (both->local().address.is_v4()) GTEST_SKIP() << "no IPv6 on this machine";
  auto sender = Open("127.0.0.1:0", 1);
  const net::Endpoint target = {.address = net::IpAddress::Parse("127.0.0.1").value(),
                                .port = both->local().port};
  ASSERT_TRUE(sender->Send(target, AsBytes("four")));
  loop_.Run();
  ASSERT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].from, sender->local());
}

TEST_F(UdpPortTest, AnswersOverIpv4FromTheWildcard) {
  auto both = Open("[::]:0", 1);
  if (both->local().address.is_v4()) GTEST_SKIP() << "no IPv6 on this machine";
  auto receiver = Open("127.0.0.1:0", 1);
  ASSERT_TRUE(both->Send(receiver->local(), AsBytes("mapped")));
  loop_.Run();
  ASSERT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].bytes, "mapped");
  EXPECT_EQ(received_[0].from.port, both->local().port);
}

TEST_F(UdpPortTest, ABurstLargerThanABatchArrivesWhole) {
  constexpr size_t kBurst = 100;
  auto receiver = Open("127.0.0.1:0", kBurst);
  auto sender = Open("127.0.0.1:0", 1);
  for (size_t i = 0; i < kBurst; ++i) {
    ASSERT_TRUE(sender->Send(receiver->local(), AsBytes(std::to_string(i))));
  }
  loop_.Run();
  ASSERT_EQ(received_.size(), kBurst);
  for (size_t i = 0; i < kBurst; ++i) EXPECT_EQ(received_[i].bytes, std::to_string(i));
}

TEST_F(UdpPortTest, DropsAndCountsWhatIsTooLarge) {
  auto receiver = Open("127.0.0.1:0", 1);
  auto sender = Open("127.0.0.1:0", 1);
  ASSERT_TRUE(sender->Send(receiver->local(), Bytes(UdpPort::kMaxReceive + 1, 'x')));
  ASSERT_TRUE(sender->Send(receiver->local(), Bytes(UdpPort::kMaxReceive, 'y')));
  loop_.Run();
  ASSERT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].bytes[0], 'y');
  EXPECT_EQ(receiver->stats().dropped_too_large, 1u);
}

TEST_F(UdpPortTest, ATakenPortIsOneLineThatSaysWhatToDo) {
  auto first = Open("127.0.0.1:0", 1);
  const auto second = UdpPort::Open(loop_, first->local(), [](Instant, auto) {});
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              ::testing::AllOf(HasSubstr(first->local().ToString()), HasSubstr("in use"),
                               HasSubstr("--listen")));
}

TEST_F(UdpPortTest, AnAddressOfAnotherMachineIsRefused) {
  const auto port = UdpPort::Open(loop_, At("192.0.2.1:0"), [](Instant, auto) {});
  ASSERT_EQ(port.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(port.status().message()), HasSubstr("does not have that address"));
}

TEST_F(UdpPortTest, AnIpv4SocketCannotReachIpv6AndSaysSo) {
  auto port = Open("127.0.0.1:0", 1);
  EXPECT_FALSE(port->Send(At("[2001:db8::1]:9"), AsBytes("x")));
  EXPECT_EQ(port->stats().send_errors, 1u);
}

}  // namespace
}  // namespace p2pd::runtime
