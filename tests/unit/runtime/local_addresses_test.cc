#include "libcore/runtime/local_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::runtime {
namespace {

using ::testing::ElementsAre;

net::IpAddress Ip(absl::string_view text) { return net::IpAddress::Parse(text).value(); }
net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

TEST(LocalAddresses, HasNoLinkLocalOnes) {
  for (const net::IpAddress& address : LocalAddresses()) {
    EXPECT_FALSE(address.IsLinkLocal()) << address.ToString();
    EXPECT_FALSE(address.IsMulticast()) << address.ToString();
    EXPECT_FALSE(address.IsUnspecified()) << address.ToString();
  }
}

TEST(ReachableEndpoints, OfABoundAddressIsThatAddress) {
  EXPECT_THAT(ReachableEndpoints(At("127.0.0.1:9"), {Ip("10.0.0.1")}, 4),
              ElementsAre(At("127.0.0.1:9")));
}

TEST(ReachableEndpoints, OfTheWildcardAreTheAddressesOfItsFamilies) {
  const std::vector<net::IpAddress> local = {Ip("10.0.0.1"), Ip("fd00::1"), Ip("127.0.0.1")};
  EXPECT_THAT(ReachableEndpoints(At("[::]:9"), local, 4),
              ElementsAre(At("10.0.0.1:9"), At("[fd00::1]:9")));
  EXPECT_THAT(ReachableEndpoints(At("0.0.0.0:9"), local, 4), ElementsAre(At("10.0.0.1:9")));
}

TEST(ReachableEndpoints, LoopbackOnlyWhereNothingElseIs) {
  EXPECT_THAT(ReachableEndpoints(At("[::]:9"), {Ip("127.0.0.1"), Ip("::1")}, 4),
              ElementsAre(At("127.0.0.1:9"), At("[::1]:9")));
}

TEST(ReachableEndpoints, KeepsTheMaximum) {
  EXPECT_THAT(ReachableEndpoints(At("[::]:9"), {Ip("10.0.0.1"), Ip("10.0.0.2"), Ip("10.0.0.3")}, 2),
              ElementsAre(At("10.0.0.1:9"), At("10.0.0.2:9")));
}

}  // namespace
}  // namespace p2pd::runtime
