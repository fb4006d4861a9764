#include "libcore/base/mutex.h"

#include <time.h>

namespace p2pd {

void Mutex::Unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // Woken before the unlock: who waits may destroy the mutex as soon as it has the lock.
  if (waiting_ > 0) pthread_cond_broadcast(&changed_);
  mutex_.unlock();
}

void Mutex::Await(const absl::Condition& condition) {
  AwaitWithTimeout(condition, absl::InfiniteDuration());
}

bool Mutex::AwaitWithTimeout(const absl::Condition& condition,
                             absl::Duration patience) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  if (condition.Eval()) return true;
  timespec deadline{};
  const bool bounded = patience < absl::Hours(24 * 365);
  if (bounded) {
    // lint: allow(pthread wants the end of a wait as a time)
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline = absl::ToTimespec(absl::DurationFromTimespec(deadline) + patience);
  }
  // Who gives up the lock may have changed what others wait for.
  if (waiting_ > 0) pthread_cond_broadcast(&changed_);
  ++waiting_;
  int result = 0;
  while (result == 0 && !condition.Eval()) {
    result = bounded ? pthread_cond_clockwait(&changed_, mutex_.native_handle(), CLOCK_MONOTONIC,
                                              &deadline)
                     : pthread_cond_wait(&changed_, mutex_.native_handle());
  }
  --waiting_;
  return result == 0 || condition.Eval();
}

}  // namespace p2pd
