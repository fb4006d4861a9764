#include "libcore/media/delay_trend.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

// A report a second; the receiver's clock is somewhere else, and wraps.
class Trend : public ::testing::Test {
 protected:
  void Report(double transit_ms) {
    sent_ += 48'000;
    trend_.OnReceipt(sent_, sent_ + 0xffff'8000u + static_cast<uint32_t>(transit_ms * 48.0));
  }
  DelayTrend trend_;
  uint32_t sent_ = 0xffff'0000u;
};

TEST_F(Trend, AFreeWayHasNoQueue) {
  for (const double ms : {20.0, 25.0, 21.0, 30.0, 20.0, 33.0, 20.0}) {
    Report(ms);
    EXPECT_FALSE(trend_.growing()) << ms;
  }
  EXPECT_EQ(trend_.queue(), absl::ZeroDuration());
}

TEST_F(Trend, AQueueGrowsUntilItNoLongerDoes) {
  Report(20);
  Report(20);
  Report(45);
  EXPECT_TRUE(trend_.growing());
  EXPECT_EQ(trend_.queue(), absl::Milliseconds(25));
  Report(70);
  EXPECT_TRUE(trend_.growing());
  Report(66);
  EXPECT_FALSE(trend_.growing());
  Report(20);
  EXPECT_FALSE(trend_.growing());
}

TEST_F(Trend, ALongQueueCountsEvenWhenItStands) {
  Report(20);
  for (int i = 0; i < 5; ++i) Report(220);
  EXPECT_TRUE(trend_.growing());
  EXPECT_EQ(trend_.queue(), absl::Milliseconds(200));
}

TEST_F(Trend, ALongerWayIsTheWayAfterTenReports) {
  Report(20);
  for (int i = 0; i < 10; ++i) Report(220);
  EXPECT_FALSE(trend_.growing());
  EXPECT_EQ(trend_.queue(), absl::ZeroDuration());
}

TEST_F(Trend, DriftIsNoQueue) {
  for (int i = 0; i < 600; ++i) {
    Report(20 + 0.5 * i);
    EXPECT_FALSE(trend_.growing()) << i;
  }
}

TEST(DelayTrend, AClockThatMakesNoSenseOverflowsNothing) {
  DelayTrend trend;
  uint32_t received = 0;
  for (int i = 0; i < 40; ++i) {
    received += 0x7fffffff;
    trend.OnReceipt(0, received);
    EXPECT_LE(trend.queue(), absl::Minutes(1));
    EXPECT_GE(trend.queue(), absl::ZeroDuration());
  }
}

}  // namespace
}  // namespace p2pd::media
