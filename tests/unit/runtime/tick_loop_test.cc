#include "libcore/runtime/tick_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <vector>

#include "absl/synchronization/notification.h"
#include "libcore/runtime/clock.h"

namespace p2pd::runtime {
namespace {

TEST(TickLoop, TicksAreOnePeriodApartAndNeverEarly) {
  std::vector<Instant> due;
  bool early = false;
  absl::Notification enough;
  TickStats stats;
  {
    TickLoop loop("p2pd-test", absl::Milliseconds(2), [&](Instant at) {
      if (enough.HasBeenNotified()) return;
      early = early || MonotonicNow() < at;
      due.push_back(at);
      if (due.size() == 10) enough.Notify();
    });
    loop.SetActive(true);
    enough.WaitForNotification();
    stats = loop.stats();
  }
  EXPECT_FALSE(early);
  for (size_t i = 1; i < due.size(); ++i) {
    // A machine under load may skip, but only whole periods.
    EXPECT_EQ((due[i] - due[i - 1]) % absl::Milliseconds(2), absl::ZeroDuration());
    EXPECT_GE(due[i] - due[i - 1], absl::Milliseconds(2));
  }
  EXPECT_GE(stats.ticks, 10u);
  EXPECT_EQ(std::accumulate(stats.late.begin(), stats.late.end(), uint64_t{0}), stats.ticks);
}

TEST(TickLoop, MissedTicksBeyondTheCatchUpAreSkippedAndCounted) {
  absl::Notification enough;
  constexpr absl::Duration kPeriod = absl::Milliseconds(1);
  bool stalled = false;
  Instant before;
  Instant after;
  TickStats stats;
  {
    TickLoop loop("p2pd-test", kPeriod, [&](Instant at) {
      if (!stalled) {
        stalled = true;
        before = at;
        // Busy, as a tick that takes too long is.
        const Instant until = MonotonicNow() + kPeriod * 20;
        while (MonotonicNow() < until) {
        }
        return;
      }
      if (enough.HasBeenNotified()) return;
      after = at;
      enough.Notify();
    });
    loop.SetActive(true);
    enough.WaitForNotification();
    stats = loop.stats();
  }
  EXPECT_GE(stats.skipped, 10u);
  EXPECT_GT(after - before, kPeriod * 10);
}

TEST(TickLoop, RestsUntilItIsCalledAndAgainAfterwards) {
  std::atomic<int> ticks{0};
  absl::Notification first;
  TickLoop loop("p2pd-test", absl::Milliseconds(1), [&](Instant) {
    if (++ticks == 1) first.Notify();
  });
  EXPECT_EQ(loop.stats().ticks, 0u);
  loop.SetActive(true);
  first.WaitForNotification();
  loop.SetActive(false);
}

TEST(TickLoop, MayGoWithoutEverHavingTicked) {
  TickLoop loop("p2pd-test", absl::Hours(1), [](Instant) { FAIL(); });
}

}  // namespace
}  // namespace p2pd::runtime
