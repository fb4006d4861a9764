// WatchStream: one Watch method's stream, fed from the node's event log.
//
// It pulls: when nothing waits to be written, it asks the log what came after the last revision it
// has sent, makes at most one message of each resource (as it is now), and writes them one after
// the other; what happens meanwhile is asked for afterwards. So a slow client costs one batch of
// resources, never a queue, and sees the newest state of each. If the log has forgotten what came
// next, the client gets RESYNC and a fresh snapshot.
//
// Threads: pull and messages are made on the core thread; see stream_writer.h. Limits:
// Watchers::kMost streams; a batch has as many messages as there are resources.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/errors.h"
#include "daemon/node_host.h"
#include "daemon/services/stream_writer.h"
#include "grpcpp/grpcpp.h"
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
  // The stream is over, however it ended.
  std::function<void(NodeHost&)> gone = [](NodeHost&) {};
  // Every change is a message of its own (events), else only the newest of each name.
  bool every_change = false;
};

template <class Response>
class WatchStream final : public StreamWriter<Response>, public Watcher {
 public:
  // Starts a stream; it deletes itself when gRPC is done with it.
  static grpc::ServerWriteReactor<Response>* Start(NodeHost& host, WatchSource<Response> source,
                                                   std::string resume_token) {
    auto* stream = new WatchStream(host, std::move(source), std::move(resume_token));
    stream->BeginLocked([&] { host.PostAlways([stream](NodeHost&) { stream->Begin(); }); });
    return stream;
  }

  // --- core thread ---
  void OnChange() override { Pull(); }
  void OnIdle() override {
    if (!last_ || this->Busy()) return;
    Response bookmark;
    bookmark.set_mark(v1::WATCH_MARK_BOOKMARK);
    bookmark.set_resume_token(host_.node().events().TokenFor(*last_));
    this->Write({std::move(bookmark)});
  }
  void OnDrain() override {
    this->End(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending"));
  }

 private:
  WatchStream(NodeHost& host, WatchSource<Response> source, std::string resume_token)
      : host_(host), source_(std::move(source)), resume_token_(std::move(resume_token)) {}

  void OnEmpty() override {
    host_.PostAlways([this](NodeHost&) { Pull(); });
  }
  // Behind every task that names the stream, so that none finds it gone.
  void OnOver() override {
    host_.PostAlways([this](NodeHost& host) {
      host.watchers().Remove(this);
      source_.gone(host);
      delete this;
    });
  }

  void Begin() {
    if (!host_.watchers().Add(this)) {
      this->End(Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS",
                      "too many streams are open"));
      return;
    }
    if (resume_token_.empty()) {
      if (const grpc::Status status = source_.admit(host_); !status.ok()) return this->End(status);
      Snapshot(false);
      return;
    }
    const auto revision = host_.node().events().ParseToken(resume_token_);
    if (!revision || !host_.node().events().Since(*revision)) {
      this->End(Error(grpc::StatusCode::OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED",
                      "the token is of another run or too old: start without one"));
      return;
    }
    last_ = *revision;
    Pull();
  }

  void Snapshot(bool resync) {
    auto resources = source_.snapshot(host_);
    if (!resources.ok()) {
      this->End(
          ToGrpc(resources.status(), {{absl::StatusCode::kNotFound, source_.unknown_reason}}));
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
    this->Write(std::move(batch));
    if (over) this->End(grpc::Status::OK);
  }

  // Writes what changed since last_, unless something is being written.
  void Pull() {
    if (!last_ || this->Busy()) return;
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
    this->Write(std::move(batch));
    if (over) this->End(grpc::Status::OK);
  }

  NodeHost& host_;
  const WatchSource<Response> source_;
  const std::string resume_token_;
  std::optional<node::Revision> last_;  // core thread
};

}  // namespace p2pd::daemon
