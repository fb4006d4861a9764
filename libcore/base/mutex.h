// Mutex: a lock with conditions, in the shape of absl::Mutex, made of pthread's own.
//
// Why not absl::Mutex itself: Debian's Abseil is not instrumented, so ThreadSanitizer sees no order
// between two holders of an absl::Mutex and reports every access that it protects. pthread's calls
// it knows.
//
// Rules: a condition is evaluated with the lock held, by the thread that waits. Whoever unlocks
// wakes all who wait, so a condition may depend on anything that the lock guards. Threads: any.
#pragma once

#include <pthread.h>

#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace p2pd {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() { pthread_cond_destroy(&changed_); }

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION();

  // Waits, with the lock given back meanwhile, until the condition holds; the lock must be held.
  // The condition is absl's in form only: a pointer to a bool, or to something callable.
  void Await(const absl::Condition& condition);
  // The same for at most `patience`; true when the condition held in the end.
  bool AwaitWithTimeout(const absl::Condition& condition, absl::Duration patience);

 private:
  std::mutex mutex_;
  pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
  int waiting_ = 0;  // under mutex_
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }

 private:
  Mutex* const mutex_;
};

}  // namespace p2pd
