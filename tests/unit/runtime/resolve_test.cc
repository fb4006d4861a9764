#include "libcore/runtime/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::runtime {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(Resolve, ALiteralAddressNeedsNoResolver) {
  EXPECT_THAT(Resolve("192.0.2.7:7464").value(),
              ElementsAre(net::Endpoint::Parse("192.0.2.7:7464").value()));
  EXPECT_THAT(Resolve("[2001:db8::1]:1").value(),
              ElementsAre(net::Endpoint::Parse("[2001:db8::1]:1").value()));
}

TEST(Resolve, KnowsLocalhost) {
  // On which families is the machine's choice; a bare one without /etc/hosts knows it too.
  const auto found = Resolve("localhost:7464");
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_FALSE(found->empty());
  for (const net::Endpoint& endpoint : *found) {
    EXPECT_TRUE(endpoint.address.IsLoopback());
    EXPECT_EQ(endpoint.port, 7464);
  }
}

TEST(Resolve, RefusesWhatIsNoHostAndPort) {
  for (const absl::string_view text :
       {"", ":", "host", "host:", ":7464", "host:0", "host:65536", "host:-1", "host:12x",
        "host: 12", "host:+1", "a b:1", "a/b:1", "[::1]", "::1:", "1.2.3.4:", "-", "host:7464:"}) {
    EXPECT_FALSE(ValidHostPort(text)) << text;
    EXPECT_EQ(Resolve(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ValidHostPort("127.0.0.1:0"));
  EXPECT_TRUE(ValidHostPort("127.0.0.1:1"));
  EXPECT_TRUE(ValidHostPort("node-1.example.org:65535"));
}

}  // namespace
}  // namespace p2pd::runtime
