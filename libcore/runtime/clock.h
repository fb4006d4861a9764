// The two clocks of the operating system, read nowhere else.
//
// Rules: everything above takes an Instant or a WallClock, so that a test or the simulator can lead
// it; only loops and threads of this module call these. Threads: any.
#pragma once

#include "absl/time/time.h"
#include "libcore/base/time.h"

namespace p2pd::runtime {

// CLOCK_MONOTONIC: never goes back, does not count the time that the machine sleeps.
Instant MonotonicNow();
// CLOCK_REALTIME.
absl::Time WallNow();

}  // namespace p2pd::runtime
