#include "libcore/media/rate_ladder.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

class Ladder : public ::testing::Test {
 protected:
  Ladder() { ladder_.SetMost(32'000); }
  // `seconds` of reports of a way that is free, or on which the queue grows.
  void Calm(int seconds) {
    for (int i = 0; i < seconds; ++i) Report(0);
  }
  void Grow(int seconds) {
    for (int i = 0; i < seconds; ++i) Report(queue_ms_ + 20);
  }
  void Report(uint32_t queue_ms) {
    queue_ms_ = queue_ms;
    trend_.OnReceipt(0, 48 * queue_ms);
    ladder_.OnReport(trend_);
  }
  DelayTrend trend_;
  RateLadder ladder_;
  uint32_t queue_ms_ = 0;
};

TEST_F(Ladder, AFreeWayHasWhatIsAskedFor) {
  Calm(100);
  EXPECT_EQ(ladder_.bitrate(), 32'000);
  ladder_.SetMost(64'000);
  EXPECT_EQ(ladder_.bitrate(), 64'000);
  ladder_.SetMost(20'000);
  EXPECT_EQ(ladder_.bitrate(), 20'000);
}

TEST_F(Ladder, DownAStepWithEachReportOfAGrowingQueue) {
  Calm(3);
  for (const int bitrate : {24'000, 16'000, 12'000, 12'000}) {
    Grow(1);
    EXPECT_EQ(ladder_.bitrate(), bitrate);
  }
}

TEST_F(Ladder, BetweenTheStepsTheNextOneIsBelow) {
  ladder_.SetMost(20'000);
  Calm(1);
  Grow(1);
  EXPECT_EQ(ladder_.bitrate(), 16'000);
  ladder_.SetMost(8'000);
  Grow(3);
  EXPECT_EQ(ladder_.bitrate(), 8'000);
}

TEST_F(Ladder, UpAgainAStepAtATime) {
  Calm(1);
  Grow(2);
  ASSERT_EQ(ladder_.bitrate(), 16'000);
  Calm(9);
  EXPECT_EQ(ladder_.bitrate(), 16'000);
  Calm(1);
  EXPECT_EQ(ladder_.bitrate(), 24'000);
  Calm(10);
  EXPECT_EQ(ladder_.bitrate(), 32'000);
  Calm(100);
  EXPECT_EQ(ladder_.bitrate(), 32'000);
}

TEST_F(Ladder, AStepThatTheWayDoesNotBearIsTriedLessOften) {
  Calm(1);
  Grow(1);
  int tries = 0;
  for (int second = 0; second < 300; ++second) {
    const int before = ladder_.bitrate();
    if (before > 24'000) {
      Grow(1);
    } else {
      Calm(1);
    }
    if (ladder_.bitrate() > before) ++tries;
  }
  // After 10, 20, 40 and then every 80 s.
  EXPECT_GE(tries, 5);
  EXPECT_LE(tries, 6);
}

}  // namespace
}  // namespace p2pd::media
