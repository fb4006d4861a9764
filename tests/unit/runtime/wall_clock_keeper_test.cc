#include "libcore/runtime/wall_clock_keeper.h"

#include <gtest/gtest.h>

#include "libcore/runtime/clock.h"

namespace p2pd::runtime {
namespace {

TEST(WallClockKeeper, SetsTheClockAtOnce) {
  Loop loop;
  WallClock clock;
  WallClockKeeper keeper(loop, clock, nullptr);
  const absl::Duration error = clock.At(loop.now()) - WallNow();
  EXPECT_LT(absl::AbsDuration(error), absl::Seconds(1));
}

TEST(WallClockKeeper, MayGoBeforeItsLoopRuns) {
  Loop loop;
  WallClock clock;
  {
    WallClockKeeper keeper(loop, clock, [] { FAIL() << "nobody set the clock"; });
  }
  loop.PostAlways([&loop] { loop.Stop(); });
  loop.Run();
}

}  // namespace
}  // namespace p2pd::runtime
