#include "libcore/runtime/tcp_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

using ::testing::HasSubstr;

net::Endpoint Loopback() { return net::Endpoint::Parse("127.0.0.1:0").value(); }

TEST(TcpListener, HandsOverEachConnection) {
  Loop loop;
  int accepted = -1;
  const auto listener = TcpListener::Open(loop, Loopback(), [&](int fd) {
    accepted = fd;
    loop.Stop();
  });
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_NE((*listener)->local().port, 0);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  const SocketAddress address = ToSockaddr((*listener)->local(), false);
  ASSERT_EQ(connect(client, address.get(), address.size), 0);
  loop.Run();
  ASSERT_GE(accepted, 0);
  ASSERT_EQ(write(client, "x", 1), 1);
  close(client);
  close(accepted);
}

TEST(TcpListener, ATakenPortIsOneLine) {
  Loop loop;
  const auto first = TcpListener::Open(loop, Loopback(), [](int fd) { close(fd); });
  ASSERT_TRUE(first.ok());
  const auto second = TcpListener::Open(loop, (*first)->local(), [](int fd) { close(fd); });
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST(TcpListener, AnAddressOfAnotherMachineIsRefused) {
  Loop loop;
  const auto listener = TcpListener::Open(loop, net::Endpoint::Parse("192.0.2.1:0").value(),
                                          [](int fd) { close(fd); });
  EXPECT_EQ(listener.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace p2pd::runtime
