#include "libcore/runtime/address_watch.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <thread>

#include "libcore/runtime/local_addresses.h"

namespace p2pd::runtime {
namespace {

// On a machine of its own where that may be made: whose addresses come and go is ours to say.
TEST(AddressWatch, CallsWhenAnAddressComesAndWhenItGoes) {
  bool made = true;
  int calls = 0;
  std::thread([&] {
    made = unshare(CLONE_NEWNET) == 0;
    if (!made) return;
    Loop loop;
    const auto there = [] {
      const auto all = LocalAddresses();
      return std::find(all.begin(), all.end(), *net::IpAddress::Parse("10.9.8.7")) != all.end();
    };
    bool came = false;
    const auto watch = AddressWatch::Open(loop, [&] {
      ++calls;
      if (there() && !came) {
        came = true;
        EXPECT_EQ(system("ip link set lo down"), 0);
      } else if (came && !there()) {
        loop.Stop();
      }
    });
    ASSERT_TRUE(watch.ok()) << watch.status();
    loop.PostAlways(
        [] { EXPECT_EQ(system("ip address add 10.9.8.7/32 dev lo && ip link set lo up"), 0); });
    loop.Run();
  }).join();
  if (!made) GTEST_SKIP() << "no right to make a network namespace";
  EXPECT_GE(calls, 2);
}

}  // namespace
}  // namespace p2pd::runtime
