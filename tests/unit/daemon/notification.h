// Notification: absl's, on a lock that ThreadSanitizer can see (libcore/base/mutex.h says why).
#pragma once

#include "libcore/base/mutex.h"

namespace p2pd::daemon {

class Notification {
 public:
  void Notify() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    notified_ = true;
  }
  bool HasBeenNotified() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return notified_;
  }
  void WaitForNotification() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&notified_));
  }

 private:
  Mutex mutex_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace p2pd::daemon
