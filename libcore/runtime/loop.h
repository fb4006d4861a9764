// Loop: one thread's event loop (Boost.Asio underneath). Tasks are posted from any thread, timers
// and watched descriptors belong to the thread that runs the loop.
//
// Rules: nothing here blocks; a task runs to its end before the next, so what a loop owns needs no
// lock. The queue of posted tasks has a maximum, and Post says when it is full: whoever posts for a
// stranger counts and drops, whoever posts for a client answers RESOURCE_EXHAUSTED.
// Threads: Post and Stop from any; everything else from the thread that is in Run, or before it.
// Limits: kMaxPosted tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "libcore/base/time.h"

namespace p2pd::runtime {

class Loop {
 public:
  // About 100 ms of small tasks: beyond it the loop is late, and more work would only make it
  // later.
  static constexpr size_t kMaxPosted = 65'536;

  Loop();
  // Tasks that never ran are destroyed, not run.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // CLOCK_MONOTONIC.
  Instant now() const;
  // Queues `task` behind what is queued. False, and `task` is gone, when kMaxPosted tasks wait.
  [[nodiscard]] bool Post(absl::AnyInvocable<void()> task);
  // As Post, but never refused: for the few tasks of our own that must not be lost (stop, answers).
  void PostAlways(absl::AnyInvocable<void()> task);
  // Runs until Stop, once.
  void Run();
  void Stop();
  // Tasks that Post refused so far.
  uint64_t refused() const;

  class Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// One-shot timer on a loop, set again as often as needed. The callback may set it again or destroy
// other timers, not its own.
class Timer {
 public:
  Timer(Loop& loop, absl::AnyInvocable<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces what was set; an instant in the past fires at once, nullopt never.
  void Set(std::optional<Instant> at);
  std::optional<Instant> at() const;

 private:
  class Impl;
  // Owners: the timer, and the one pending wait inside the loop, which must outlive the timer.
  std::shared_ptr<Impl> impl_;
};

// Calls back whenever a descriptor becomes readable, until destroyed, which the callback itself may
// do. Does not own the descriptor: it must stay open as long as the watch.
class ReadWatch {
 public:
  ReadWatch(Loop& loop, int fd, absl::AnyInvocable<void()> callback);
  ~ReadWatch();
  ReadWatch(const ReadWatch&) = delete;
  ReadWatch& operator=(const ReadWatch&) = delete;

 private:
  class Impl;
  // Owners: the watch, and the one pending wait inside the loop, which must outlive the watch.
  std::shared_ptr<Impl> impl_;
};

// The same whenever a descriptor can be written to. Not beside a ReadWatch of the same descriptor:
// who waits to write has no room for what reading would bring.
class WriteWatch {
 public:
  WriteWatch(Loop& loop, int fd, absl::AnyInvocable<void()> callback);
  ~WriteWatch();
  WriteWatch(const WriteWatch&) = delete;
  WriteWatch& operator=(const WriteWatch&) = delete;

 private:
  class Impl;
  // Owners: the watch, and the one pending wait inside the loop, which must outlive the watch.
  std::shared_ptr<Impl> impl_;
};

}  // namespace p2pd::runtime
