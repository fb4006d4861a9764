// NodeHost: a node::Node with a socket, a clock and two threads: the core thread, which owns all
// protocol state, and the media thread. gRPC's threads come in by Post and are answered by
// callbacks.
//
// Rules: whatever touches the node runs on the core thread; after each task, datagram batch and
// timeout the host drains the node: what it wants sent goes to the socket, what completed to its
// waiter, what media it wants to the media thread, what changed to the watchers. A waiter is called
// exactly once: by the completion, by its patience, or by the drain of the daemon.
// Threads: Post, PostAlways, udp stats from any; what is marked core from tasks and callbacks only.
// Limits: runtime::Loop::kMaxPosted tasks, kMaxWaiting operations, Watchers::kMost streams.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "daemon/call_keeper.h"
#include "daemon/config.h"
#include "daemon/media_host.h"
#include "daemon/recorder.h"
#include "daemon/watchers.h"
#include "libcore/base/storage.h"
#include "libcore/db/database.h"
#include "libcore/node/node.h"
#include "libcore/runtime/address_watch.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/system_rng.h"
#include "libcore/runtime/thread.h"
#include "libcore/runtime/udp_port.h"
#include "libcore/runtime/wall_clock_keeper.h"
#include "libcore/store/sqlite_table.h"
#include "p2pd/v1/call_service.pb.h"

namespace p2pd::daemon {

class NodeHost {
 public:
  // Operations that wait for completion at a time; each holds one gRPC call.
  static constexpr size_t kMaxWaiting = 4096;

  // Opens socket and store, loads the node and starts both threads. Errors are one line for a
  // person. `config` outlives the host.
  static absl::StatusOr<std::unique_ptr<NodeHost>> Start(const Config& config);
  // Stops at once; Drain first for a clean end.
  ~NodeHost();

  // --- any thread ---
  // Runs `task` on the core thread; false when too many wait: answer RESOURCE_EXHAUSTED.
  [[nodiscard]] bool Post(absl::AnyInvocable<void(NodeHost&)> task);
  void PostAlways(absl::AnyInvocable<void(NodeHost&)> task);
  // Ends calls, writes offline states, leaves the overlay; `done` is called on the core thread when
  // that is done or `grace` is over. Operations that wait are failed, watchers told to end.
  void Drain(absl::Duration grace, absl::AnyInvocable<void()> done);
  const net::Endpoint& listen_endpoint() const { return udp_->local(); }
  runtime::Loop& loop() { return loop_; }

  // --- core thread ---
  node::Node& node() { return *node_; }
  Instant now() const { return loop_.now(); }
  absl::Time wall() const { return wall_.At(loop_.now()); }
  Rng& rng() { return rng_; }
  bool draining() const { return draining_; }
  const std::vector<net::Endpoint>& addresses() const { return addresses_; }
  const Config& config() const { return config_; }
  Instant started() const { return started_; }
  absl::Time started_wall() const { return started_wall_; }
  // Counters of the node, the socket and the media thread, and of what AddCounters names.
  std::map<std::string, uint64_t> AllCounters() const;
  // Parts beside the node, such as the tracker, that have counters too; called on the core thread
  // as long as the host lives.
  using MoreCounters = absl::AnyInvocable<void(std::map<std::string, uint64_t>&) const>;
  void AddCounters(MoreCounters more) { more_counters_.push_back(std::move(more)); }

  // Calls `waiter` when the operation completes; with DeadlineExceeded after `patience`; with
  // Unavailable when the daemon drains; with ResourceExhausted at once when kMaxWaiting wait.
  using Waiter = absl::AnyInvocable<void(const node::Completed&)>;
  void Await(node::OperationId id, absl::Duration patience, Waiter waiter);

  // Requests of other nodes for this service go to `server` on the core thread, which answers by
  // node().Answer within 10 s.
  using Server = absl::AnyInvocable<void(NodeHost&, const overlay::IncomingRequest&)>;
  void Serve(overlay::Service service, Server server);

  // Of the node's event log.
  Watchers& watchers() { return watchers_; }

  // What a call plays; counts from the start of its media. Unspecified and STREAM: whatever stream
  // is attached, else silence.
  void SetAudioSource(const session::CallId& call, v1::AudioSource source);
  // Records an active call into a file below the daemon's folder, or no more; the other side is
  // told before and after. NotFound, FailedPrecondition (not active), errors of the file.
  absl::Status Record(const session::CallId& call, bool on, media::RecordingFormat format);
  // The last recording of a call.
  struct Recording {
    std::string path;  // empty: none
    bool runs = false;
    std::string trouble;  // why it ended before the call did
  };
  Recording RecordingOf(const session::CallId& call) const;
  // Where recordings are; the folder is made with the first.
  std::string recordings() const { return config_.data_dir + "/recordings"; }
  // A call as the API shows it.
  v1::Call ShowCall(const node::CallView& call) const;
  // What is kept of calls.
  CallKeeper& keeper() { return *keeper_; }
  v1::AudioSource AudioSourceOf(const session::CallId& call) const;
  // Attaches a client's stream: AlreadyExists when another has that direction, FailedPrecondition
  // when the call does not play a stream. Either part may be null.
  absl::Status AttachAudio(const session::CallId& call, const CallAudio& audio);
  // Gives back what AttachAudio took.
  void DetachAudio(const session::CallId& call, const CallAudio& audio);

  // The call that one `request_id` made within kRequestIdLife, for harmless repetition.
  static constexpr absl::Duration kRequestIdLife = absl::Minutes(10);
  static constexpr size_t kMaxRequestIds = 1024;
  std::optional<session::CallId> CallOfRequest(const std::string& request_id) const;
  void RememberRequest(const std::string& request_id, const session::CallId& call);

 private:
  struct Waiting {
    Instant deadline;
    Waiter waiter;
  };
  struct AudioSlot {
    v1::AudioSource source = v1::AUDIO_SOURCE_UNSPECIFIED;
    CallAudio stream;
    bool running = false;
    Recording recording;
  };
  struct Request {
    std::string id;
    session::CallId call;
    Instant at;
  };

  explicit NodeHost(const Config& config);
  absl::Status OpenParts();
  absl::Status StartNode();
  // Background thread: moves the store's log into its file, resolves names of bootstrap nodes.
  void OnBackground();
  // Media thread.
  void SendMedia(const net::Endpoint& to, ByteView datagram);
  void OnBatch(Instant now, absl::Span<const runtime::ReceivedDatagram> batch);
  // Drains the node and sets the timer.
  void Pump();
  bool DrainCompleted();
  bool DrainRequests();
  void ObeyMedia();
  void ExpireWaiting(Instant now);
  void NotifyWatchers();
  void OnHousekeeping();
  void CheckAddresses();
  void CheckDrained();
  CallAudio AudioFor(const AudioSlot& slot) const;
  void OnRecorded(const session::CallId& call, const std::string& path, const absl::Status& status);

  const Config& config_;
  runtime::SystemRng rng_;
  runtime::Loop loop_;
  WallClock wall_;
  FolderStorage storage_;
  std::unique_ptr<store::SqliteTable> table_;
  std::unique_ptr<runtime::WallClockKeeper> wall_keeper_;
  std::unique_ptr<runtime::UdpPort> udp_;
  std::unique_ptr<runtime::AddressWatch> address_watch_;  // null: the kernel does not tell
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<MediaHost> media_;
  std::unique_ptr<Recorder> recorder_;   // null until somebody records
  std::unique_ptr<CallBook> call_book_;  // until the keeper has it
  std::vector<net::Endpoint> addresses_;
  Instant started_;
  absl::Time started_wall_;

  std::map<node::OperationId, Waiting> waiting_;
  std::map<overlay::Service, Server> servers_;
  Watchers watchers_;
  node::Revision notified_;
  std::map<session::CallId, AudioSlot> audio_;
  std::deque<Request> requests_;

  std::unique_ptr<CallKeeper> keeper_;

  // Background thread only, once it runs.
  runtime::Loop background_loop_;
  std::unique_ptr<runtime::Timer> background_timer_;
  std::vector<std::unique_ptr<db::Checkpointer>> checkpointers_;
  std::vector<std::string> unresolved_;

  std::vector<MoreCounters> more_counters_;
  bool draining_ = false;
  bool draining_limit_ = false;  // the grace is over
  absl::AnyInvocable<void()> drained_;
  std::unique_ptr<runtime::Timer> node_timer_;
  std::unique_ptr<runtime::Timer> housekeeping_;
  std::unique_ptr<runtime::Timer> drain_timer_;
  int seconds_ = 0;  // of housekeeping, for what happens less often
  // The threads go first: they use everything above.
  std::unique_ptr<runtime::Thread> background_;
  std::unique_ptr<runtime::Thread> core_;
};

}  // namespace p2pd::daemon
