#include "libcore/overlay/rtt.h"

#include <gtest/gtest.h>

namespace p2pd::overlay {
namespace {

TEST(RoundTrip, StartsAt400Milliseconds) {
  EXPECT_EQ(RoundTrip().Timeout(), absl::Milliseconds(400));
  EXPECT_FALSE(RoundTrip().Smoothed().has_value());
}

TEST(RoundTrip, FirstSampleGivesThreeTimesItself) {
  RoundTrip rtt;
  rtt.OnSample(absl::Milliseconds(100));
  EXPECT_EQ(rtt.Timeout(), absl::Milliseconds(300));
}

TEST(RoundTrip, SettlesAboveTheSmoothedValue) {
  RoundTrip rtt;
  for (int i = 0; i < 100; ++i) rtt.OnSample(absl::Milliseconds(100));
  EXPECT_GE(rtt.Timeout(), absl::Milliseconds(110));
  EXPECT_LE(rtt.Timeout(), absl::Milliseconds(111));
}

TEST(RoundTrip, StaysWithinItsClamps) {
  RoundTrip fast;
  for (int i = 0; i < 100; ++i) fast.OnSample(absl::Microseconds(50));
  EXPECT_EQ(fast.Timeout(), RoundTrip::kMin);
  RoundTrip slow;
  slow.OnSample(absl::Seconds(5));
  EXPECT_EQ(slow.Timeout(), RoundTrip::kMax);
  slow.OnSample(absl::Seconds(-5));
  EXPECT_GE(*slow.Smoothed(), absl::ZeroDuration());
}

}  // namespace
}  // namespace p2pd::overlay
