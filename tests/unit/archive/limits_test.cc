#include "libcore/archive/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive {
namespace {

constexpr uint64_t kKiB = 1024;

// In a zone whose midnight is not that of UTC.
const absl::TimeZone kZone = absl::FixedTimeZone(3600);

absl::Time At(int year, int month, int day, int hour, int minute) {
  return absl::FromCivil(absl::CivilMinute(year, month, day, hour, minute), kZone);
}

TEST(ScheduleRule, HoldsInItsHoursOfItsDays) {
  constexpr int kMonday = 0;
  constexpr int kFriday = 4;
  constexpr int kSaturday = 5;
  constexpr int kSunday = 6;
  const ScheduleRule office{.days = 0x1f, .from = 8 * 60, .to = 18 * 60};
  EXPECT_FALSE(office.Holds(kMonday, 8 * 60 - 1));
  EXPECT_TRUE(office.Holds(kMonday, 8 * 60));
  EXPECT_TRUE(office.Holds(kFriday, 18 * 60 - 1));
  EXPECT_FALSE(office.Holds(kFriday, 18 * 60));
  EXPECT_FALSE(office.Holds(kSaturday, 12 * 60));
  // Over midnight: its day is the one on which it begins.
  const ScheduleRule night{.days = 1 << kSunday, .from = 22 * 60, .to = 6 * 60};
  EXPECT_FALSE(night.Holds(kSunday, 5 * 60));
  EXPECT_TRUE(night.Holds(kSunday, 23 * 60));
  EXPECT_TRUE(night.Holds(kMonday, 5 * 60));
  EXPECT_FALSE(night.Holds(kMonday, 6 * 60));
  EXPECT_FALSE(night.Holds(kMonday, 23 * 60));
  const ScheduleRule all_day{.days = 1 << kSaturday, .from = 0, .to = 0};
  EXPECT_TRUE(all_day.Holds(kSaturday, 0));
  EXPECT_TRUE(all_day.Holds(kSaturday, 24 * 60 - 1));
  EXPECT_FALSE(all_day.Holds(kSunday, 0));
}

TEST(Limits, TheFirstRuleThatHoldsSaysEachRate) {
  LimitSettings settings{.up = 100 * kKiB, .down = 200 * kKiB};
  settings.schedule.push_back({.from = 8 * 60, .to = 18 * 60, .up = 10 * kKiB});
  settings.schedule.push_back({.from = 0, .to = 0, .up = 0, .down = 20 * kKiB});
  const Limits limits(settings, kZone);
  // 2026-11-23 is a Monday.
  const LimitsInForce day = limits.At(At(2026, 11, 23, 9, 0));
  EXPECT_EQ(day.up, 10 * kKiB);
  EXPECT_EQ(day.down, 20 * kKiB);
  EXPECT_EQ(day.up_origin, LimitOrigin::kSchedule);
  const LimitsInForce night = limits.At(At(2026, 11, 23, 19, 0));
  EXPECT_EQ(night.up, 0u) << "0 lifts the limit";
  EXPECT_EQ(night.down, 20 * kKiB);
}

TEST(Limits, WhatWasSetByHandHoldsUntilItIsTakenBack) {
  LimitSettings settings{.up = 100, .down = 200, .slots = 3};
  settings.schedule.push_back({.up = 50});
  Limits limits(settings, kZone);
  const absl::Time now = At(2026, 11, 23, 9, 0);
  EXPECT_EQ(limits.At(now).up, 50u);
  limits.Change({.up = 7});
  limits.Change({.slots = 9, .connections = 5, .budget = 11});
  LimitsInForce in_force = limits.At(now);
  EXPECT_EQ(in_force.up, 7u);
  EXPECT_EQ(in_force.up_origin, LimitOrigin::kByHand);
  EXPECT_EQ(in_force.down, 200u);
  EXPECT_EQ(in_force.down_origin, LimitOrigin::kConfigured);
  EXPECT_EQ(in_force.slots, 9u);
  EXPECT_EQ(in_force.connections, 5u);
  EXPECT_EQ(in_force.budget, 11u);
  limits.ForgetChanges();
  EXPECT_EQ(limits.At(now).up, 50u);
  EXPECT_EQ(limits.At(now).slots, 3u);
  limits.Change({.up = 7});
  limits.Configure({.up = 1});
  EXPECT_EQ(limits.At(now).up, 1u);
}

TEST(Limits, TheBudgetIsThatOfACalendarMonth) {
  Limits limits({.budget = 1000}, kZone);
  limits.OnSent(At(2026, 11, 30, 23, 50), 600);
  EXPECT_FALSE(limits.At(At(2026, 11, 30, 23, 51)).used_up);
  limits.OnSent(At(2026, 11, 30, 23, 52), 1000);
  const LimitsInForce spent = limits.At(At(2026, 11, 30, 23, 59));
  EXPECT_TRUE(spent.used_up);
  EXPECT_EQ(spent.sent, 1000u);
  EXPECT_EQ(spent.renewed, At(2026, 12, 1, 0, 0));
  // Without a word from the engine, too.
  EXPECT_FALSE(limits.At(At(2026, 12, 1, 0, 0)).used_up);
  limits.OnSent(At(2026, 12, 1, 0, 1), 1200);
  EXPECT_EQ(limits.At(At(2026, 12, 1, 0, 1)).sent, 200u);
  EXPECT_EQ(limits.At(At(2026, 12, 1, 0, 1)).renewed, At(2027, 1, 1, 0, 0));
  // The engine was started anew.
  limits.OnSent(At(2026, 12, 1, 0, 2), 50);
  EXPECT_EQ(limits.At(At(2026, 12, 1, 0, 2)).sent, 250u);
}

TEST(Limits, AClockThatJumpsBackLosesNothingAndHoldsNothing) {
  Limits limits({.budget = 1000}, kZone);
  limits.OnSent(At(2026, 11, 5, 0, 0), 900);
  limits.OnSent(At(2026, 10, 31, 0, 0), 950);
  EXPECT_EQ(limits.At(At(2026, 10, 31, 0, 0)).sent, 950u);
  limits.OnSent(At(2026, 11, 5, 0, 0), 960);
  EXPECT_EQ(limits.At(At(2026, 11, 5, 0, 0)).sent, 960u);
  // Years ahead and back: the month that is now goes on, and ends.
  limits.OnSent(At(2031, 1, 1, 0, 0), 970);
  limits.OnSent(At(2026, 11, 6, 0, 0), 980);
  EXPECT_EQ(limits.At(At(2026, 11, 6, 0, 0)).sent, 980u);
  EXPECT_EQ(limits.At(At(2026, 12, 1, 0, 0)).sent, 0u);
}

TEST(Limits, WhatWasSentOutlivesTheProcess) {
  Limits before({.budget = 1000}, kZone);
  before.OnSent(At(2026, 11, 5, 0, 0), 1500);
  EXPECT_EQ(before.Encode(), "2026-11 1500\n");
  Limits after({.budget = 1000}, kZone);
  ASSERT_TRUE(after.Restore(before.Encode()).ok());
  after.OnSent(At(2026, 11, 5, 0, 1), 0);
  EXPECT_TRUE(after.At(At(2026, 11, 5, 0, 1)).used_up);
  EXPECT_EQ(after.At(At(2026, 11, 5, 0, 1)).sent, 1500u);
  for (const char* const text : {"", "2026-11", "2026-11 x", "2026-13 1", "2026-11 1 2", "x 1",
                                 "2026-11 99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(after.Restore(text))) << text;
  }
  EXPECT_EQ(after.At(At(2026, 11, 5, 0, 1)).sent, 1500u);
}

}  // namespace
}  // namespace p2pd::archive
