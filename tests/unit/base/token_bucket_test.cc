#include "libcore/base/token_bucket.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"

namespace p2pd {
namespace {

const Instant kStart = Instant::FromNanos(1'000'000'000);

TEST(TokenBucket, StartsFullAndGivesNoMoreThanTheBurst) {
  TokenBucket bucket(/*rate=*/10, /*burst=*/30);

  EXPECT_TRUE(bucket.TryTake(kStart, 30));
  EXPECT_FALSE(bucket.TryTake(kStart, 0.1));
}

TEST(TokenBucket, ARefusalTakesNothing) {
  TokenBucket bucket(10, 30);

  EXPECT_FALSE(bucket.TryTake(kStart, 31));
  EXPECT_TRUE(bucket.TryTake(kStart, 30));
}

TEST(TokenBucket, RefillsAtItsRateUpToTheBurst) {
  TokenBucket bucket(10, 30);
  bucket.Force(kStart, 30);

  EXPECT_DOUBLE_EQ(bucket.level(kStart + absl::Seconds(1)), 10);
  EXPECT_DOUBLE_EQ(bucket.level(kStart + absl::Hours(1)), 30);
}

TEST(TokenBucket, ForceGoesIntoDebtThatIsPaidBackFirst) {
  TokenBucket bucket(10, 30);

  bucket.Force(kStart, 50);

  EXPECT_DOUBLE_EQ(bucket.level(kStart), -20);
  EXPECT_FALSE(bucket.TryTake(kStart + absl::Seconds(2), 1));
  EXPECT_TRUE(bucket.TryTake(kStart + absl::Seconds(3), 10));
}

TEST(TokenBucket, TimeThatGoesBackIsNoTime) {
  TokenBucket bucket(10, 30);
  bucket.Force(kStart, 30);

  EXPECT_DOUBLE_EQ(bucket.level(kStart - absl::Hours(1)), 0);
  EXPECT_DOUBLE_EQ(bucket.level(kStart + absl::Seconds(1)), 10);
}

TEST(TokenBucket, TheFirstUseIsNoRefill) {
  TokenBucket bucket(10, 30);

  bucket.Force(Instant::Max(), 30);

  EXPECT_DOUBLE_EQ(bucket.level(Instant::Max()), 0);
}

TEST(TokenBucket, WhoComesWhenToldFindsEnough) {
  SeededRng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const double burst = 1 + static_cast<double>(rng.Below(100'000));
    const double rate = 1 + static_cast<double>(rng.Below(1'000'000));
    const double amount = burst * rng.Unit();
    TokenBucket bucket(rate, burst);
    bucket.Force(kStart, burst * 2 * rng.Unit());

    const Instant when = bucket.WhenAvailable(kStart, amount);

    EXPECT_TRUE(bucket.TryTake(when, amount)) << "rate " << rate << " amount " << amount;
  }
}

TEST(TokenBucket, ThereIsNothingToWaitForWhenItIsThereAndNoUseWhenItNeverWillBe) {
  TokenBucket bucket(10, 30);

  EXPECT_EQ(bucket.WhenAvailable(kStart, 30), kStart);
  EXPECT_EQ(bucket.WhenAvailable(kStart, 31), Instant::Max());
}

}  // namespace
}  // namespace p2pd
