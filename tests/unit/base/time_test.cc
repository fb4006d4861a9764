#include "libcore/base/time.h"

#include <gtest/gtest.h>

namespace p2pd {
namespace {

TEST(Instant, AddsAndSubtractsSpans) {
  const Instant t = Instant::FromNanos(1000);

  EXPECT_EQ((t + absl::Nanoseconds(5)).nanos(), 1005);
  EXPECT_EQ((t - absl::Microseconds(2)).nanos(), -1000);
  EXPECT_EQ(t + absl::Seconds(2) - t, absl::Seconds(2));
  EXPECT_LT(t, t + absl::Nanoseconds(1));
}

TEST(Instant, SaturatesInsteadOfWrapping) {
  const Instant t = Instant::FromNanos(1000);

  EXPECT_EQ(t + absl::InfiniteDuration(), Instant::Max());
  EXPECT_EQ(t - absl::InfiniteDuration(), Instant::Min());
  EXPECT_EQ(Instant::FromNanos(-1000) + -absl::InfiniteDuration(), Instant::Min());
  EXPECT_EQ(t - -absl::InfiniteDuration(), Instant::Max());
  EXPECT_EQ(Instant::Max() + absl::Seconds(1), Instant::Max());
  EXPECT_EQ(Instant::Min() - absl::Seconds(1), Instant::Min());
}

TEST(Instant, CutsOffPartsOfANanosecond) {
  const Instant t = Instant::FromNanos(1000);

  EXPECT_EQ((t + absl::Nanoseconds(1.75)).nanos(), 1001);
  EXPECT_EQ((t + -absl::Nanoseconds(1.75)).nanos(), 998);
  EXPECT_EQ((t - absl::Nanoseconds(1.75)).nanos(), 998);
  EXPECT_EQ((Instant::FromNanos(-10) + absl::Nanoseconds(1.75)).nanos(), -8);
  EXPECT_EQ(Instant::FromNanos(5) - Instant::FromNanos(-5), absl::Nanoseconds(10));
}

TEST(Instant, DifferencesAreWiderThanAnInstant) {
  EXPECT_GT(Instant::Max() - Instant::Min(), absl::Hours(24 * 365 * 500));
  EXPECT_LT(Instant::Min() - Instant::Max(), -absl::Hours(24 * 365 * 500));
}

TEST(Earliest, NulloptIsNever) {
  const Instant a = Instant::FromNanos(1);
  const Instant b = Instant::FromNanos(2);

  EXPECT_EQ(Earliest(a, b), a);
  EXPECT_EQ(Earliest(b, a), a);
  EXPECT_EQ(Earliest(std::nullopt, b), b);
  EXPECT_EQ(Earliest(a, std::nullopt), a);
  EXPECT_EQ(Earliest(std::nullopt, std::nullopt), std::nullopt);
}

TEST(WallClock, FollowsTheMonotonicClockFromItsLastSetting) {
  const absl::Time noon = absl::FromUnixSeconds(1'800'000'000);
  WallClock clock(Instant::FromNanos(500), noon);

  EXPECT_EQ(clock.At(Instant::FromNanos(500) + absl::Hours(1)), noon + absl::Hours(1));
  EXPECT_EQ(clock.At(Instant::FromNanos(500) - absl::Hours(1)), noon - absl::Hours(1));

  clock.Set(Instant::FromNanos(1000), noon - absl::Hours(24));
  EXPECT_EQ(clock.At(Instant::FromNanos(1000)), noon - absl::Hours(24));
}

}  // namespace
}  // namespace p2pd
