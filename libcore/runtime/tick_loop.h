// TickLoop: a thread that calls back at a fixed beat, by absolute deadlines on the monotonic clock,
// so that lateness of one tick never shifts the next. The media thread.
//
// Rules: a late tick is called at once, and ticks that were missed are made up for up to
// kMaxCatchUp at a time; beyond that they are skipped and counted, since voice that old is of no
// use. How late ticks come is kept as a histogram: it is the first thing to look at when voice
// stutters. Threads: the callback runs on the loop's own thread; stats() from any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "libcore/base/mutex.h"
#include "libcore/base/time.h"
#include "libcore/runtime/thread.h"

namespace p2pd::runtime {

// How many ticks came how late.
struct TickStats {
  // Upper bounds of the buckets; the last bucket has none.
  static constexpr std::array<int, 6> kBoundsMicros = {100, 500, 1'000, 5'000, 10'000, 50'000};
  std::array<uint64_t, kBoundsMicros.size() + 1> late{};
  uint64_t ticks = 0;
  uint64_t skipped = 0;
};

class TickLoop {
 public:
  // 5 ticks of 10 ms: what a jitter buffer can still use.
  static constexpr int kMaxCatchUp = 5;

  // `on_tick` gets the instant at which the tick was due. `period` > 0.
  TickLoop(const std::string& thread_name, absl::Duration period,
           absl::AnyInvocable<void(Instant)> on_tick);
  // Lets a running tick end, then joins.
  ~TickLoop();

  // Starts or rests the beat; ticks of the time at rest are not made up for. When it rests, a tick
  // that runs may still end after this returns.
  void SetActive(bool active) ABSL_LOCKS_EXCLUDED(mutex_);
  TickStats stats() const;

 private:
  void Run();
  void Count(absl::Duration late);
  // False when the loop is to end.
  bool WaitUntilActive() ABSL_LOCKS_EXCLUDED(mutex_);

  const absl::Duration period_;
  absl::AnyInvocable<void(Instant)> on_tick_;
  Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool active_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<std::atomic<uint64_t>, TickStats::kBoundsMicros.size() + 1> late_{};
  std::atomic<uint64_t> ticks_{0};
  std::atomic<uint64_t> skipped_{0};
  std::unique_ptr<Thread> thread_;
};

}  // namespace p2pd::runtime
