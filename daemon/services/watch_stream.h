// WatchStream: one Watch method's stream, fed from the node's event log.
//
// It pulls: when nothing waits to be written, it asks the log what came after the last revision it
// has sent, makes at most one message of each resource (as it is now), and writes them one after
// the other; what happens meanwhile is asked for afterwards. So a slow client costs one batch of
// resources, never a queue, and sees the newest state of each. If the log has forgotten what came
// next, the client gets RESYNC and a fresh snapshot.
//
// Threads: pull and messages are made on the core thread; gRPC's callbacks come on its own. What
// both touch is behind one mutex per stream. Limits: NodeHost::kMaxWatchers streams; a batch has as
// many messages as there are resources.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "daemon/errors.h"
#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "libcore/base/mutex.h"
#include "p2pd/v1/watch.pb.h"

namespace p2pd::daemon {

// What one kind of stream shows; all functions run on the core thread.
template <class Response>
struct WatchSource {
  // The resources that there are, without mark and token. An error ends the stream.
  std::function<absl::StatusOr<std::vector<Response>>(NodeHost&)> snapshot;
  // Whether a stream may begin; not asked again when one is resumed.
  std::function<grpc::Status(NodeHost&)> admit = [](NodeHost&) { return grpc::Status::OK; };
  // The message for a change, with its mark; nullopt when the change is not for this stream.
  std::function<std::optional<Response>(NodeHost&, const node::Change&)> changed;
  // True after a message behind which the stream ends with OK.
  std::function<bool(const Response&)> last = [](const Response&) { return false; };
  // What NOT_FOUND of a snapshot is about.
  absl::string_view unknown_reason = "NOT_FOUND";
  // Every change is a message of its own (events), else only the newest of each name.
  bool every_change = false;
};

template <class Response>
class WatchStream final : public grpc::ServerWriteReactor<Response>, public Watcher {
 public:
  // Starts a stream; it deletes itself when gRPC is done with it.
  static grpc::ServerWriteReactor<Response>* Start(NodeHost& host, WatchSource<Response> source,
                                                   std::string resume_token) {
    auto* stream = new WatchStream(host, std::move(source), std::move(resume_token));
    // Under the lock, as all that gRPC's threads do with the stream: whichever of them ends it has
    // seen how it began.
    const MutexLock lock(&stream->mutex_);
    host.PostAlways([stream](NodeHost&) { stream->Begin(); });
    return stream;
  }

  // A stream that ends at once.
  static grpc::ServerWriteReactor<Response>* Refuse(const grpc::Status& status) {
    class Refused final : public grpc::ServerWriteReactor<Response> {
     public:
      explicit Refused(const grpc::Status& why) { this->Finish(why); }
      void OnDone() override { delete this; }
    };
    return new Refused(status);
  }

  // --- core thread ---
  void OnChange() override { Pull(); }
  void OnIdle() override {
    {
      const MutexLock lock(&mutex_);
      if (writing_ || finished_ || !last_) return;
    }
    Response bookmark;
    bookmark.set_mark(v1::WATCH_MARK_BOOKMARK);
    bookmark.set_resume_token(host_.node().events().TokenFor(*last_));
    Write({std::move(bookmark)});
  }
  void OnDrain() override {
    End(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending"));
  }

  // --- gRPC's threads ---
  void OnWriteDone(bool ok) override {
    bool empty = false;
    {
      const MutexLock lock(&mutex_);
      if (!ok) cancelled_ = true;
      batch_.pop_front();
      writing_ = false;
      if (cancelled_) batch_.clear();
      if (StartNext()) return;
      if (MaybeFinish()) return;
      empty = true;
    }
    if (empty) host_.PostAlways([this](NodeHost&) { Pull(); });
  }
  void OnCancel() override {
    const MutexLock lock(&mutex_);
    cancelled_ = true;
    MaybeFinish();
  }
  void OnDone() override {
    {
      const MutexLock lock(&mutex_);
    }
    // Behind every task that names the stream, so that none finds it gone.
    host_.PostAlways([this](NodeHost& host) {
      host.RemoveWatcher(this);
      delete this;
    });
  }

 private:
  WatchStream(NodeHost& host, WatchSource<Response> source, std::string resume_token)
      : host_(host), source_(std::move(source)), resume_token_(std::move(resume_token)) {}

  void Begin() {
    if (!host_.AddWatcher(this)) {
      End(Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS",
                "too many streams are open"));
      return;
    }
    if (resume_token_.empty()) {
      if (const grpc::Status status = source_.admit(host_); !status.ok()) return End(status);
      Snapshot(false);
      return;
    }
    const auto revision = host_.node().events().ParseToken(resume_token_);
    if (!revision || !host_.node().events().Since(*revision)) {
      End(Error(grpc::StatusCode::OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED",
                "the token is of another run or too old: start without one"));
      return;
    }
    last_ = *revision;
    Pull();
  }

  void Snapshot(bool resync) {
    auto resources = source_.snapshot(host_);
    if (!resources.ok()) {
      End(ToGrpc(resources.status(), {{absl::StatusCode::kNotFound, source_.unknown_reason}}));
      return;
    }
    last_ = host_.node().events().last();
    std::vector<Response> batch;
    if (resync) batch.emplace_back().set_mark(v1::WATCH_MARK_RESYNC);
    bool over = false;
    for (Response& resource : *resources) {
      over = over || source_.last(resource);
      resource.set_mark(v1::WATCH_MARK_SNAPSHOT);
      batch.push_back(std::move(resource));
    }
    Response done;
    done.set_mark(v1::WATCH_MARK_SNAPSHOT_DONE);
    done.set_resume_token(host_.node().events().TokenFor(*last_));
    batch.push_back(std::move(done));
    Write(std::move(batch));
    if (over) End(grpc::Status::OK);
  }

  // Writes what changed since last_, unless something is being written.
  void Pull() {
    {
      const MutexLock lock(&mutex_);
      if (writing_ || finished_ || ending_ || !last_) return;
    }
    const auto changes = host_.node().events().Since(*last_);
    if (!changes) {
      Snapshot(true);
      return;
    }
    std::vector<Response> batch;
    bool over = false;
    std::set<std::pair<node::Topic, std::string>> seen;
    // Newest first, so that the newest of each name is the one that stays.
    for (auto change = changes->rbegin(); change != changes->rend(); ++change) {
      if (!source_.every_change && !seen.insert({change->topic, change->name}).second) continue;
      auto message = source_.changed(host_, *change);
      if (!message) continue;
      message->set_resume_token(host_.node().events().TokenFor(change->revision));
      over = over || source_.last(*message);
      batch.push_back(*std::move(message));
    }
    last_ = host_.node().events().last();
    std::reverse(batch.begin(), batch.end());
    Write(std::move(batch));
    if (over) End(grpc::Status::OK);
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

  NodeHost& host_;
  const WatchSource<Response> source_;
  const std::string resume_token_;
  std::optional<node::Revision> last_;  // core thread
  Mutex mutex_;
  std::deque<Response> batch_ ABSL_GUARDED_BY(mutex_);  // the front is being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace p2pd::daemon
