#include "libcore/runtime/wall_clock_keeper.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <utility>

#include "libcore/base/log.h"
#include "libcore/runtime/clock.h"

namespace p2pd::runtime {
namespace {

// The kernel slews by at most 500 ppm: 30 ms a minute, far below what any signed date needs.
constexpr absl::Duration kRefresh = absl::Minutes(1);

}  // namespace

WallClockKeeper::WallClockKeeper(Loop& loop, WallClock& clock, absl::AnyInvocable<void()> on_step)
    : loop_(loop),
      clock_(clock),
      on_step_(std::move(on_step)),
      timer_(loop, [this] { Refresh(); }) {
  fd_ = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd_ >= 0) {
    watch_ = std::make_unique<ReadWatch>(loop, fd_, [this] { OnReadable(); });
    Arm();
  }
  Refresh();
}

WallClockKeeper::~WallClockKeeper() {
  watch_.reset();
  if (fd_ >= 0) close(fd_);
}

void WallClockKeeper::Refresh() {
  clock_.Set(loop_.now(), WallNow());
  timer_.Set(loop_.now() + kRefresh);
}

void WallClockKeeper::Arm() {
  // A deadline that never comes: all it does is to be cancelled when the clock is set.
  itimerspec never{};
  never.it_value.tv_sec = std::numeric_limits<int32_t>::max();
  timerfd_settime(fd_, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
}

void WallClockKeeper::OnReadable() {
  uint64_t expirations = 0;
  const ssize_t got = read(fd_, &expirations, sizeof(expirations));
  if (got < 0 && errno == EAGAIN) return;
  const absl::Duration step = WallNow() - clock_.At(loop_.now());
  Refresh();
  Arm();
  P2PD_LOG(runtime, kInfo, "the system clock was set by ", absl::FormatDuration(step));
  if (on_step_) on_step_();
}

}  // namespace p2pd::runtime
