// IoThreads: the few threads that wait for the disk, so that libtorrent's own never does.
//
// Rules: jobs of one lane are done in the order in which they came, by one thread; what belongs to
// one piece goes to one lane, so that its writes come before its hash without a lock. The lane
// kKeep is for what waits for the platter: syncs, holes, scrubbing. Signals are blocked, so that
// they reach the thread that waits for them. Threads: any. Limits: the queues are bounded by who
// asks: libtorrent stops reading from peers while `write_buffers` are full, and asks for no more
// than peers' requests that it took.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::lt {

class IoThreads {
 public:
  using Job = absl::AnyInvocable<void()>;

  explicit IoThreads(uint32_t lanes);
  // Does what is queued first.
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  // Any number; taken modulo the lanes.
  void Push(uint64_t lane, Job job);
  void PushKeep(Job job);
  // Returns when all that was queued before is done, on all lanes. Not from a job.
  void Drain();

 private:
  struct Lane {
    Mutex mutex;
    std::deque<Job> jobs ABSL_GUARDED_BY(mutex);
    bool busy ABSL_GUARDED_BY(mutex) = false;
    bool ending ABSL_GUARDED_BY(mutex) = false;
    // lint: allow(libtorrent's disk threads live with libtorrent, which makes its own as well)
    std::thread thread;
  };
  static void Run(Lane& lane);
  static void PushTo(Lane& lane, Job job);
  // The last one is kKeep.
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace p2pd::archive::lt
