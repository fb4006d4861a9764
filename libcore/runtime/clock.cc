#include "libcore/runtime/clock.h"

#include <time.h>

#include "libcore/base/check.h"

namespace p2pd::runtime {

Instant MonotonicNow() {
  timespec now{};
  P2PD_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return Instant::FromNanos(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

absl::Time WallNow() {
  timespec now{};
  P2PD_CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
  return absl::TimeFromTimespec(now);
}

}  // namespace p2pd::runtime
