// Watchers: streams that follow a log, told of what happens to it by the thread that owns it.
// Threads: those of the owner. Limits: kMost.
#pragma once

#include <cstddef>
#include <set>

#include "absl/time/time.h"

namespace p2pd::daemon {

class Watcher {
 public:
  virtual ~Watcher() = default;
  // The log has grown, or a writer is ready again.
  virtual void OnChange() = 0;
  // kIdle has passed since the last one: time for a bookmark.
  virtual void OnIdle() = 0;
  // The daemon drains: end the stream.
  virtual void OnDrain() = 0;
};

class Watchers {
 public:
  static constexpr size_t kMost = 256;
  static constexpr absl::Duration kIdle = absl::Seconds(30);

  // False when there are kMost.
  [[nodiscard]] bool Add(Watcher* watcher) {
    if (watchers_.size() >= kMost) return false;
    watchers_.insert(watcher);
    return true;
  }
  void Remove(Watcher* watcher) { watchers_.erase(watcher); }
  // Each hears of it; they may go meanwhile.
  void Tell(void (Watcher::*what)()) const {
    const std::set<Watcher*> watchers = watchers_;
    for (Watcher* watcher : watchers) (watcher->*what)();
  }

 private:
  std::set<Watcher*> watchers_;
};

}  // namespace p2pd::daemon
