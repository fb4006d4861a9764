// WallClockKeeper: keeps a WallClock right while the system clock is slewed and when it is stepped
// (NTP, a person, resume from sleep).
#pragma once

#include "absl/functional/any_invocable.h"
#include "libcore/base/time.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

// Threads: the loop's; the clock it keeps is read on that thread only.
class WallClockKeeper {
 public:
  // Sets `clock` now, every minute, and whenever the kernel reports a step; `on_step` (may be
  // empty) runs after a step. `clock` outlives the keeper.
  WallClockKeeper(Loop& loop, WallClock& clock, absl::AnyInvocable<void()> on_step);
  ~WallClockKeeper();

 private:
  void Refresh();
  void Arm();
  void OnReadable();

  Loop& loop_;
  WallClock& clock_;
  absl::AnyInvocable<void()> on_step_;
  int fd_ = -1;
  std::unique_ptr<ReadWatch> watch_;
  Timer timer_;
};

}  // namespace p2pd::runtime
