#include "libcore/archive/lt/io_threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "libcore/base/check.h"

namespace p2pd::archive::lt {

IoThreads::IoThreads(uint32_t lanes) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  P2PD_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  for (uint32_t i = 0; i < std::max(lanes, 1u) + 1; ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    Lane& lane = *lanes_.back();
    // lint: allow(see io_threads.h)
    lane.thread = std::thread([&lane] { Run(lane); });
    pthread_setname_np(lane.thread.native_handle(), "archive-disk");
  }
  P2PD_CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}

IoThreads::~IoThreads() {
  for (const auto& lane : lanes_) {
    const MutexLock lock(&lane->mutex);
    lane->ending = true;
  }
  for (const auto& lane : lanes_) lane->thread.join();
}

void IoThreads::Push(uint64_t lane, Job job) {
  PushTo(*lanes_[lane % (lanes_.size() - 1)], std::move(job));
}

void IoThreads::PushKeep(Job job) { PushTo(*lanes_.back(), std::move(job)); }

void IoThreads::PushTo(Lane& lane, Job job) {
  const MutexLock lock(&lane.mutex);
  lane.jobs.push_back(std::move(job));
}

void IoThreads::Drain() {
  for (const auto& lane : lanes_) {
    const MutexLock lock(&lane->mutex);
    auto idle = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane->mutex) {
      return lane->jobs.empty() && !lane->busy;
    };
    lane->mutex.Await(absl::Condition(&idle));
  }
}

void IoThreads::Run(Lane& lane) {
  auto awake = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(lane.mutex) {
    return lane.ending || !lane.jobs.empty();
  };
  while (true) {
    Job job;
    {
      const MutexLock lock(&lane.mutex);
      lane.busy = false;
      lane.mutex.Await(absl::Condition(&awake));
      if (lane.jobs.empty()) return;
      job = std::move(lane.jobs.front());
      lane.jobs.pop_front();
      lane.busy = true;
    }
    job();
  }
}

}  // namespace p2pd::archive::lt
