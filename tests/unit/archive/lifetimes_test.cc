#include "libcore/archive/lifetimes.h"

#include <gtest/gtest.h>

namespace p2pd::archive {
namespace {

TEST(Lifetimes, BeginsWithThePrior) {
  const Lifetimes lifetimes(Instant{});
  // A mean residual session of 2 h and 70 s of reaction.
  EXPECT_NEAR(lifetimes.ChanceToLeave(absl::Seconds(70)), 0.0097, 0.0001);
}

TEST(Lifetimes, LearnsFromWhoLeaves) {
  Lifetimes lifetimes{Instant{}};
  Instant now;
  lifetimes.Observe(now, 10, 0);
  for (int minute = 0; minute < 600; ++minute) {
    now = now + absl::Minutes(1);
    lifetimes.Observe(now, 10, 1);
  }
  // One in ten each minute.
  EXPECT_NEAR(lifetimes.Rate() * 600, 1, 0.05);
}

TEST(Lifetimes, ForgetsWhatWasLongAgo) {
  Lifetimes lifetimes{Instant{}};
  Instant now;
  lifetimes.Observe(now, 10, 1000);
  now = now + 10 * Lifetimes::kMemory;
  lifetimes.Observe(now, 10, 0);
  EXPECT_LT(lifetimes.Rate(), 1e-5);
}

TEST(Lifetimes, AClockThatStandsStillOrGoesBackDoesNoHarm) {
  Lifetimes lifetimes{Instant{} + absl::Hours(1)};
  lifetimes.Observe(Instant{} + absl::Hours(1), 3, 1);
  lifetimes.Observe(Instant{}, 3, 1);
  EXPECT_GT(lifetimes.Rate(), 0);
  EXPECT_LE(lifetimes.ChanceToLeave(absl::Hours(1000)), 1);
}

}  // namespace
}  // namespace p2pd::archive
