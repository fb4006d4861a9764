#include "libcore/media/redundancy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "libcore/base/rng.h"

namespace p2pd::media {
namespace {

// Reports of what a Gilbert channel lets through: each second tells of the last two.
class Policy : public ::testing::Test {
 protected:
  void Run(RedundancyPolicy& policy, int seconds, double to_bad, double to_good) {
    for (int i = 0; i < 50 * seconds; ++i) {
      bad_ = bad_ ? rng_.Unit() >= to_good : rng_.Unit() < to_bad;
      came_.push_back(!bad_);
      if (came_.size() % 50 == 0) policy.OnArrivals(Last(), trend_);
    }
  }
  Arrivals Last() const {
    Arrivals arrivals;
    arrivals.count = std::min<size_t>(came_.size(), 100);
    const size_t begin = came_.size() - arrivals.count;
    arrivals.begin = static_cast<uint16_t>(65'000 + begin);
    for (size_t i = 0; i < arrivals.count; ++i) arrivals.came[i] = came_[begin + i];
    return arrivals;
  }
  void GrowQueue() {
    trend_.OnReceipt(0, 0);
    trend_.OnReceipt(0, 48 * 100);
    ASSERT_TRUE(trend_.growing());
  }

  SeededRng rng_{5};
  std::vector<bool> came_;
  bool bad_ = false;
  DelayTrend trend_;
  RedundancyPolicy policy_{true};
};

TEST_F(Policy, ACalmNetworkHasFecAlone) {
  Run(policy_, 20, 0.0, 1.0);
  EXPECT_EQ(policy_.distance(), 0);
  EXPECT_EQ(policy_.loss(), 0.0);
}

TEST_F(Policy, AFewLossesAreFecsToo) {
  Run(policy_, 20, 0.02, 0.98);
  EXPECT_EQ(policy_.distance(), 0);
}

TEST_F(Policy, ManyRandomLossesAreCopiedInTheNextPacket) {
  Run(policy_, 10, 0.2, 0.8);
  EXPECT_NEAR(policy_.loss(), 0.2, 0.07);
  EXPECT_EQ(policy_.distance(), 1);
}

TEST_F(Policy, ACopyStandsBeyondTheBurst) {
  Run(policy_, 10, 0.04, 0.35);
  EXPECT_GE(policy_.distance(), 2);
  // Two at a time and no longer: a copy two behind finds them all, and no farther one is worth it.
  RedundancyPolicy pairs(true);
  for (int i = 0; i < 500; ++i) {
    came_.push_back(i % 12 >= 2);
    if (came_.size() % 50 == 0) pairs.OnArrivals(Last(), trend_);
  }
  EXPECT_EQ(pairs.distance(), 2);
}

TEST_F(Policy, CopiesGoWhenTheLossesDo) {
  Run(policy_, 10, 0.2, 0.8);
  ASSERT_EQ(policy_.distance(), 1);
  // Not in a lull, but after it.
  Run(policy_, 3, 0.0, 1.0);
  EXPECT_EQ(policy_.distance(), 1);
  Run(policy_, 15, 0.0, 1.0);
  EXPECT_EQ(policy_.distance(), 0);
}

TEST_F(Policy, NothingIsAddedWhileTheQueueGrowsOrRightAfter) {
  GrowQueue();
  Run(policy_, 10, 0.2, 0.8);
  EXPECT_EQ(policy_.distance(), 0);
  for (int i = 0; i < 10; ++i) trend_.OnReceipt(0, 48 * 100);
  Run(policy_, 5, 0.2, 0.8);
  EXPECT_EQ(policy_.distance(), 0);
  Run(policy_, 6, 0.2, 0.8);
  EXPECT_EQ(policy_.distance(), 1);
}

TEST_F(Policy, CopiesThatFillTheQueueEnd) {
  Run(policy_, 10, 0.2, 0.8);
  ASSERT_EQ(policy_.distance(), 1);
  GrowQueue();
  Run(policy_, 1, 0.2, 0.8);
  EXPECT_EQ(policy_.distance(), 0);
}

TEST_F(Policy, WhoDoesNotKnowCopiesGetsNone) {
  RedundancyPolicy policy(false);
  Run(policy, 10, 0.3, 0.7);
  EXPECT_EQ(policy.distance(), 0);
}

TEST_F(Policy, ALostReportLosesNothingAndARepeatedOneCountsOnce) {
  Run(policy_, 1, 0.2, 0.8);
  RedundancyPolicy other(true);
  other.OnArrivals(Last(), trend_);
  other.OnArrivals(Last(), trend_);
  EXPECT_EQ(other.loss(), policy_.loss());
}

TEST(FrameBitrate, CopiesTakeBitsFromTheFrames) {
  EXPECT_EQ(FrameBitrate(32'000, false), 32'000);
  EXPECT_EQ(FrameBitrate(32'000, true), 24'000);
  EXPECT_EQ(FrameBitrate(12'000, true), 12'000);
  EXPECT_EQ(FrameBitrate(8'000, true), 8'000);
}

}  // namespace
}  // namespace p2pd::media
