#include "libcore/runtime/clock.h"

#include <gtest/gtest.h>

namespace p2pd::runtime {
namespace {

TEST(Clock, MonotonicNeverGoesBack) {
  Instant last = MonotonicNow();
  for (int i = 0; i < 10'000; ++i) {
    const Instant now = MonotonicNow();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, WallTimeIsOfThisCentury) {
  EXPECT_GT(WallNow(), absl::FromUnixSeconds(1'700'000'000));
  EXPECT_LT(WallNow(), absl::FromUnixSeconds(4'102'444'800));
}

}  // namespace
}  // namespace p2pd::runtime
