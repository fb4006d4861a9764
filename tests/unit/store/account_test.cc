#include "libcore/store/account.h"

#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

std::string Of(const char* address) { return NetworkAccount(*net::IpAddress::Parse(address)); }

TEST(Account, NetworksAreSlash24And56) {
  EXPECT_EQ(Of("198.51.100.1"), Of("198.51.100.200"));
  EXPECT_NE(Of("198.51.100.1"), Of("198.51.101.1"));
  EXPECT_EQ(Of("2001:db8:1:2201::1"), Of("2001:db8:1:22ff::2"));
  EXPECT_NE(Of("2001:db8:1:2200::1"), Of("2001:db8:1:2300::1"));
  EXPECT_LE(Of("2001:db8:1:2200::1").size(), kMaxAccount);
}

TEST(Account, WhoBringsWhatOthersSentHasAShareOfItsOwn) {
  const net::IpAddress address = *net::IpAddress::Parse("198.51.100.1");
  const std::string bearer = NetworkAccount(address, false);
  EXPECT_NE(bearer, NetworkAccount(address));
  EXPECT_FALSE(IsExempt(bearer));
  EXPECT_TRUE(IsExempt(NetworkAccount(*net::IpAddress::Parse("10.0.0.1"), false)));
}

TEST(Account, PrivateNetworksHaveNoLimit) {
  EXPECT_TRUE(IsExempt(Of("127.0.0.1")));
  EXPECT_TRUE(IsExempt(Of("10.1.2.3")));
  EXPECT_FALSE(IsExempt(Of("198.51.100.1")));
  EXPECT_FALSE(IsExempt(""));
}

TEST(Account, TrustedRootsAreChargedThemselves) {
  ObjectFixture f;
  const std::string network = Of("198.51.100.1");
  EXPECT_EQ(AccountFor(f.Authentication(), {}, network), network);
  const TrustedRoots roots = {f.ca.root.fingerprint()};
  const std::string account = AccountFor(f.Authentication(), roots, network);
  EXPECT_NE(account, network);
  EXPECT_TRUE(IsExempt(account));
  EXPECT_LE(account.size(), kMaxAccount);
  EXPECT_EQ(AccountFor(f.Raw("x"), roots, network), network);
}

}  // namespace
}  // namespace p2pd::store
