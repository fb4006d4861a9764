#include "libcore/runtime/tick_loop.h"

#include <errno.h>
#include <time.h>

#include <utility>

#include "libcore/base/check.h"
#include "libcore/runtime/clock.h"

namespace p2pd::runtime {
namespace {

void SleepUntil(Instant at) {
  timespec deadline{};
  deadline.tv_sec = at.nanos() / 1'000'000'000;
  deadline.tv_nsec = at.nanos() % 1'000'000'000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace

TickLoop::TickLoop(const std::string& thread_name, absl::Duration period,
                   absl::AnyInvocable<void(Instant)> on_tick)
    : period_(period), on_tick_(std::move(on_tick)) {
  P2PD_CHECK(period > absl::ZeroDuration());
  thread_ = std::make_unique<Thread>(thread_name, [this] { Run(); });
}

TickLoop::~TickLoop() {
  {
    const MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.reset();
}

void TickLoop::SetActive(bool active) {
  const MutexLock lock(&mutex_);
  active_ = active;
}

TickStats TickLoop::stats() const {
  TickStats out;
  for (size_t i = 0; i < late_.size(); ++i) out.late[i] = late_[i].load(std::memory_order_relaxed);
  out.ticks = ticks_.load(std::memory_order_relaxed);
  out.skipped = skipped_.load(std::memory_order_relaxed);
  return out;
}

bool TickLoop::WaitUntilActive() {
  const MutexLock lock(&mutex_);
  const auto called = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || active_; };
  mutex_.Await(absl::Condition(&called));
  return !stop_;
}

void TickLoop::Run() {
  while (WaitUntilActive()) {
    Instant due = MonotonicNow() + period_;
    while (true) {
      SleepUntil(due);
      {
        const MutexLock lock(&mutex_);
        if (stop_ || !active_) break;
      }
      const absl::Duration late = MonotonicNow() - due;
      Count(late);
      const absl::Duration tolerated = period_ * kMaxCatchUp;
      if (late > tolerated) {
        const int64_t skipped = (late - tolerated) / period_;
        skipped_.fetch_add(static_cast<uint64_t>(skipped), std::memory_order_relaxed);
        due = due + period_ * skipped;
      }
      on_tick_(due);
      due = due + period_;
    }
  }
}

void TickLoop::Count(absl::Duration late) {
  size_t bucket = 0;
  while (bucket < TickStats::kBoundsMicros.size() &&
         late >= absl::Microseconds(TickStats::kBoundsMicros[bucket])) {
    ++bucket;
  }
  late_[bucket].fetch_add(1, std::memory_order_relaxed);
  ticks_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace p2pd::runtime
