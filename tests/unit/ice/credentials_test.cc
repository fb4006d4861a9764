#include "libcore/ice/credentials.h"

#include <gtest/gtest.h>

namespace p2pd::ice {
namespace {

TEST(CredentialsTest, BothSidesDeriveTheSameAndEachHasItsOwn) {
  const Bytes secret(32, 9);
  const Credentials caller = DeriveCredentials(secret, Side::kCaller, 0);
  EXPECT_EQ(caller.fragment.size(), 12u);
  EXPECT_EQ(caller.password.size(), 32u);
  const Credentials again = DeriveCredentials(secret, Side::kCaller, 0);
  EXPECT_EQ(caller.fragment, again.fragment);
  EXPECT_EQ(caller.password.view(), again.password.view());
  for (const Credentials& other :
       {DeriveCredentials(secret, Side::kCallee, 0), DeriveCredentials(secret, Side::kCaller, 1),
        DeriveCredentials(Bytes(32, 8), Side::kCaller, 0)}) {
    EXPECT_NE(caller.fragment, other.fragment);
    EXPECT_NE(caller.password.view(), other.password.view());
  }
}

}  // namespace
}  // namespace p2pd::ice
