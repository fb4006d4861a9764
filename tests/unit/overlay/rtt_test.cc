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
  slow.OnSample(absl::Milliseconds(500));
  EXPECT_EQ(slow.Timeout(), RoundTrip::kMax);
  slow.OnSample(absl::Seconds(50));
  EXPECT_EQ(slow.Timeout(), RoundTrip::kSlowest);
  slow.OnSample(absl::Seconds(-50));
  EXPECT_GE(*slow.Smoothed(), absl::ZeroDuration());
}

TEST(RoundTrip, AWayOfTwoSecondsIsWaitedForLongerThanItTakes) {
  RoundTrip rtt;
  rtt.OnSample(absl::Seconds(2));
  EXPECT_EQ(rtt.Timeout(), absl::Seconds(3));
}

TEST(RoundTrip, WhatWasAnsweredAtTheSecondSendingIsNoSampleButABound) {
  RoundTrip rtt;
  rtt.OnBound(absl::Seconds(2));
  rtt.OnBound(absl::Seconds(3));
  EXPECT_FALSE(rtt.Smoothed().has_value());
  EXPECT_EQ(rtt.Timeout(), absl::Seconds(2));
  rtt.OnSample(absl::Milliseconds(100));
  EXPECT_EQ(rtt.Timeout(), absl::Milliseconds(300));
  // Sleep is no round trip.
  RoundTrip slept;
  slept.OnBound(absl::Hours(8));
  EXPECT_EQ(slept.Timeout(), RoundTrip::kInitial);
}

}  // namespace
}  // namespace p2pd::overlay
