#include "libcore/runtime/socket_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace p2pd::runtime {
namespace {

net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

TEST(SocketAddress, GoesThereAndBack) {
  for (const absl::string_view text : {"127.0.0.1:7464", "255.255.255.255:65535", "0.0.0.0:0"}) {
    const SocketAddress v4 = ToSockaddr(At(text), false);
    EXPECT_EQ(v4.storage.ss_family, AF_INET);
    EXPECT_EQ(v4.size, sizeof(sockaddr_in));
    EXPECT_EQ(FromSockaddr(v4.storage), At(text));
    const SocketAddress mapped = ToSockaddr(At(text), true);
    EXPECT_EQ(mapped.storage.ss_family, AF_INET6);
    EXPECT_EQ(FromSockaddr(mapped.storage), At(text)) << "IPv4-mapped must come back as IPv4";
  }
  for (const absl::string_view text : {"[::1]:1", "[2001:db8::ff]:7464"}) {
    EXPECT_EQ(FromSockaddr(ToSockaddr(At(text), true).storage), At(text));
  }
}

TEST(SocketAddress, MapsIpv4AsRfc4291Does) {
  const SocketAddress mapped = ToSockaddr(At("192.0.2.7:80"), true);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&mapped.storage);
  const uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
  for (int i = 0; i < 16; ++i) EXPECT_EQ(v6->sin6_addr.s6_addr[i], expected[i]);
  EXPECT_EQ(v6->sin6_port, htons(80));
}

}  // namespace
}  // namespace p2pd::runtime
