// EventBox: events from any thread to the engine's owner.
//
// Rules: `wake` is called, without the lock, when the box was empty. Beyond the limit events are
// counted and gone. Threads: any.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "libcore/archive/lt/events.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::lt {

class EventBox {
 public:
  EventBox(size_t capacity, std::function<void()> wake)
      : capacity_(capacity), wake_(std::move(wake)) {}

  void Put(Event event) {
    {
      const MutexLock lock(&mutex_);
      if (events_.size() == capacity_) {
        ++lost_;
        return;
      }
      events_.push_back(std::move(event));
      if (events_.size() > 1) return;
    }
    if (wake_) wake_();
  }
  std::optional<Event> Take() {
    const MutexLock lock(&mutex_);
    if (events_.empty()) return std::nullopt;
    std::optional<Event> out(std::move(events_.front()));
    events_.pop_front();
    return out;
  }
  uint64_t lost() const {
    const MutexLock lock(&mutex_);
    return lost_;
  }

 private:
  const size_t capacity_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::deque<Event> events_ ABSL_GUARDED_BY(mutex_);
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace p2pd::archive::lt
