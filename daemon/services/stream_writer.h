// StreamWriter: the writing half of a Watch method's stream. Takes batches of messages and writes
// them one after the other; says when all are written, so that whoever fills it makes the next
// batch only then and no queue grows behind a slow client.
//
// Threads: Write, End and Busy on the thread that fills it; gRPC's callbacks come on its own. What
// both touch is behind one mutex per stream.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "grpcpp/grpcpp.h"
#include "libcore/base/mutex.h"

namespace p2pd::daemon {

template <class Response>
class StreamWriter : public grpc::ServerWriteReactor<Response> {
 public:
  // A stream that ends at once.
  static grpc::ServerWriteReactor<Response>* Refuse(const grpc::Status& status) {
    class Refused final : public grpc::ServerWriteReactor<Response> {
     public:
      explicit Refused(const grpc::Status& why) { this->Finish(why); }
      void OnDone() override { delete this; }
    };
    return new Refused(status);
  }

  // --- gRPC's threads ---
  void OnWriteDone(bool ok) final {
    {
      const MutexLock lock(&mutex_);
      if (!ok) cancelled_ = true;
      batch_.pop_front();
      writing_ = false;
      if (cancelled_) batch_.clear();
      if (StartNext() || MaybeFinish()) return;
    }
    OnEmpty();
  }
  void OnCancel() final {
    const MutexLock lock(&mutex_);
    cancelled_ = true;
    MaybeFinish();
  }
  void OnDone() final {
    // Whoever caused this may hold the lock still, and the stream is not to go under his hands.
    {
      const MutexLock lock(&mutex_);
    }
    OnOver();
  }

 protected:
  // gRPC's threads: everything is written.
  virtual void OnEmpty() = 0;
  // gRPC's threads, last of all: the stream deletes itself behind every task that names it.
  virtual void OnOver() = 0;

  // Runs `begin` under the lock, as all that gRPC's threads do with the stream: whichever of them
  // ends it has seen how it began.
  template <class Begin>
  void BeginLocked(Begin begin) {
    const MutexLock lock(&mutex_);
    begin();
  }
  // Something waits to be written, or nothing will be any more.
  bool Busy() {
    const MutexLock lock(&mutex_);
    return writing_ || finished_ || ending_;
  }
  void Write(std::vector<Response> batch) {
    const MutexLock lock(&mutex_);
    if (finished_ || cancelled_) return;
    for (Response& message : batch) batch_.push_back(std::move(message));
    StartNext();
  }
  // Finishes behind what still waits to be written.
  void End(grpc::Status status) {
    const MutexLock lock(&mutex_);
    if (ending_) return;
    ending_ = true;
    status_ = std::move(status);
    MaybeFinish();
  }

 private:
  bool StartNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || batch_.empty()) return writing_;
    writing_ = true;
    this->StartWrite(&batch_.front());
    return true;
  }

  bool MaybeFinish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_ || writing_ || !(ending_ || cancelled_)) return finished_;
    finished_ = true;
    this->Finish(ending_ ? status_ : grpc::Status::CANCELLED);
    return true;
  }

  Mutex mutex_;
  std::deque<Response> batch_ ABSL_GUARDED_BY(mutex_);  // the front is being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace p2pd::daemon
