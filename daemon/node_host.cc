#include "daemon/node_host.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/convert/call.h"
#include "daemon/udp_counters.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/net/demux.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/local_addresses.h"
#include "libcore/runtime/resolve.h"

namespace p2pd::daemon {
namespace {

constexpr absl::Duration kHousekeeping = absl::Seconds(1);
// A machine that changed its network is found again after this long where the kernel does not tell.
constexpr int kAddressSeconds = 3;
constexpr int kBookmarkSeconds = 30;
static_assert(Watchers::kIdle == absl::Seconds(kBookmarkSeconds));
// What db::Checkpointer asks for; also how often a name that was not resolved is tried again.
constexpr absl::Duration kBackgroundInterval = absl::Seconds(60);
constexpr absl::Duration kUnresolvedInterval = absl::Seconds(15);
constexpr absl::Duration kDrainPoll = absl::Milliseconds(20);
// Of the tone that AUDIO_SOURCE_TONE promises: 440 Hz at -20 dBFS.
constexpr double kToneHertz = 440;
constexpr double kToneAmplitude = 0.1;
// Pages of 4 KiB beyond the quota: indices and what is half full.
constexpr size_t kPageSize = 4096;

std::string HostName() {
  char name[65] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return "";
  return name;
}

node::Completed Failed(node::OperationId id, absl::Status status) {
  node::Completed completed;
  completed.id = id;
  completed.status = std::move(status);
  return completed;
}

}  // namespace

NodeHost::NodeHost(const Config& config) : config_(config), storage_(config.data_dir) {}

absl::StatusOr<std::unique_ptr<NodeHost>> NodeHost::Start(const Config& config) {
  std::unique_ptr<NodeHost> host(new NodeHost(config));
  P2PD_RETURN_IF_ERROR(host->OpenParts());
  P2PD_RETURN_IF_ERROR(host->StartNode());
  NodeHost* const raw = host.get();
  host->background_ =
      std::make_unique<runtime::Thread>("p2pd-disk", [raw] { raw->background_loop_.Run(); });
  host->core_ = std::make_unique<runtime::Thread>("p2pd-core", [raw] { raw->loop_.Run(); });
  return host;
}

NodeHost::~NodeHost() {
  // What did not come to run has one reason to tell, and wrote nothing since it was opened.
  const bool ran = core_ != nullptr;
  loop_.Stop();
  core_.reset();
  background_loop_.Stop();
  background_.reset();
  // The media thread reports to the loop, which no longer runs but still stands.
  media_.reset();
  for (size_t i = 0; ran && i < checkpointers_.size(); ++i) {
    const absl::Status status = checkpointers_[i]->Checkpoint();
    if (!status.ok()) P2PD_LOG(daemon, kError, status.message());
  }
}

absl::Status NodeHost::OpenParts() {
  started_ = loop_.now();
  started_wall_ = runtime::WallNow();
  wall_keeper_ = std::make_unique<runtime::WallClockKeeper>(loop_, wall_, [this] { Pump(); });
  P2PD_ASSIGN_OR_RETURN(
      udp_, runtime::UdpPort::Open(loop_, config_.listen,
                                   [this](Instant now, auto batch) { OnBatch(now, batch); }));
  auto watch = runtime::AddressWatch::Open(loop_, [this] {
    CheckAddresses();
    Pump();
  });
  if (watch.ok()) {
    address_watch_ = *std::move(watch);
  } else {
    P2PD_LOG(daemon, kWarn, watch.status().message());
  }
  P2PD_RETURN_IF_ERROR(MakeFolder(config_.data_dir + "/store"));
  const std::string path = config_.data_dir + "/store/objects.db";
  store::SqliteOptions options;
  // Half as much again: rows do not fill their pages.
  options.max_pages = static_cast<int>(config_.store_max_bytes / kPageSize * 3 / 2);
  P2PD_ASSIGN_OR_RETURN(table_, store::SqliteTable::Open(path, options));
  P2PD_ASSIGN_OR_RETURN(checkpointers_.emplace_back(), store::OpenCheckpointer(path));
  const std::string calls = config_.data_dir + "/calls.db";
  P2PD_ASSIGN_OR_RETURN(call_book_, CallBook::Open(calls));
  P2PD_ASSIGN_OR_RETURN(checkpointers_.emplace_back(), CallBook::OpenCheckpointer(calls));
  return absl::OkStatus();
}

absl::Status NodeHost::StartNode() {
  node::NodeOptions options;
  addresses_ = config_.advertise;
  if (addresses_.empty()) {
    addresses_ = runtime::ReachableEndpoints(udp_->local(), runtime::LocalAddresses(),
                                             overlay::NodeRecord::kMaxAddresses);
  }
  options.addresses = addresses_;
  for (const std::string& text : config_.bootstrap) {
    if (const auto literal = net::Endpoint::Parse(text)) {
      options.bootstrap.push_back(*literal);
    } else {
      unresolved_.push_back(text);
    }
  }
  options.role = config_.role;
  options.device_label = HostName();
  options.maintenance_bytes_per_second = config_.maintenance_bytes_per_second;
  options.relay_bytes_per_second = config_.relay_bytes_per_second;
  options.store_max_bytes = config_.store_max_bytes;
  options.state_lifetime = config_.state_lifetime;
  options.ring_timeout = config_.calls.ring_timeout;
  options.rekey = config_.calls.rekey;
  options.media.dtx = config_.calls.dtx;
  options.strict_revocation = config_.strict_revocation;
  options.ring = {.from = config_.calls.ring_from,
                  .waiting = config_.calls.waiting,
                  .quiet = config_.calls.quiet_hours,
                  .zone = absl::LocalTimeZone()};
  options.answering = config_.calls.voicemail > absl::ZeroDuration();
  options.follow_transfers = config_.calls.follow_transfers;
  node_timer_ = std::make_unique<runtime::Timer>(loop_, [this] {
    node_->OnTimeout(loop_.now());
    Pump();
  });
  housekeeping_ = std::make_unique<runtime::Timer>(loop_, [this] { OnHousekeeping(); });
  drain_timer_ = std::make_unique<runtime::Timer>(loop_, [this] { CheckDrained(); });
  background_timer_ =
      std::make_unique<runtime::Timer>(background_loop_, [this] { OnBackground(); });
  media_ = std::make_unique<MediaHost>(
      rng_, [this](const net::Endpoint& to, ByteView datagram) { SendMedia(to, datagram); },
      [this](node::MediaReport report) {
        (void)loop_.Post([this, report = std::move(report)] {
          node_->OnMedia(loop_.now(), report);
          Pump();
        });
      });
  const node::Node::Parts parts{.storage = storage_, .table = *table_, .rng = rng_, .wall = wall_};
  P2PD_ASSIGN_OR_RETURN(node_, node::Node::Create(options, parts, loop_.now()));
  P2PD_RETURN_IF_ERROR(node_->Start(loop_.now()));
  P2PD_ASSIGN_OR_RETURN(std::vector<int16_t> greeting, CallKeeper::ReadGreeting(config_.calls));
  keeper_ = std::make_unique<CallKeeper>(*this, std::move(call_book_), std::move(greeting));
  housekeeping_->Set(loop_.now() + kHousekeeping);
  background_timer_->Set(loop_.now());
  Pump();
  return absl::OkStatus();
}

void NodeHost::SendMedia(const net::Endpoint& to, ByteView datagram) {
  if (!overlay::IsDetour(to)) {
    udp_->Send(to, datagram);
    return;
  }
  // Through another node: its links belong to the core thread.
  (void)loop_.Post([this, to, bytes = ToBytes(datagram)] {
    node_->SendRelayedMedia(loop_.now(), to, bytes);
    Pump();
  });
}

bool NodeHost::Post(absl::AnyInvocable<void(NodeHost&)> task) {
  return loop_.Post([this, task = std::move(task)]() mutable {
    task(*this);
    Pump();
  });
}

void NodeHost::PostAlways(absl::AnyInvocable<void(NodeHost&)> task) {
  loop_.PostAlways([this, task = std::move(task)]() mutable {
    task(*this);
    Pump();
  });
}

void NodeHost::Drain(absl::Duration grace, absl::AnyInvocable<void()> done) {
  loop_.PostAlways([this, grace, done = std::move(done)]() mutable {
    draining_ = true;
    drained_ = std::move(done);
    node_->Drain(loop_.now());
    drain_timer_->Set(loop_.now());
    // The limit: a second timer that outlives nothing but the host.
    housekeeping_ = std::make_unique<runtime::Timer>(loop_, [this] {
      P2PD_LOG(daemon, kWarn, "the drain took too long; what is left expires by itself");
      draining_limit_ = true;
      CheckDrained();
    });
    housekeeping_->Set(loop_.now() + grace);
    Pump();
  });
}

void NodeHost::CheckDrained() {
  if (!drained_) return;
  Pump();
  if (!node_->Drained() && !draining_limit_) {
    drain_timer_->Set(loop_.now() + kDrainPoll);
    return;
  }
  auto waiting = std::move(waiting_);
  waiting_.clear();
  for (auto& [id, entry] : waiting) {
    entry.waiter(Failed(id, absl::UnavailableError("the daemon is ending")));
  }
  watchers_.Tell(&Watcher::OnDrain);
  housekeeping_->Set(std::nullopt);
  auto done = std::move(drained_);
  drained_ = nullptr;
  done();
}

void NodeHost::OnBackground() {
  for (const auto& checkpointer : checkpointers_) {
    const absl::Status status = checkpointer->Checkpoint();
    if (!status.ok())
      P2PD_LOG(daemon, kError, "the disk does not keep what it is given: ", status.message());
  }
  std::vector<std::string> still;
  for (const std::string& name : unresolved_) {
    const auto endpoints = runtime::Resolve(name);
    if (!endpoints.ok()) {
      P2PD_LOG(daemon, kInfo, "bootstrap ", name, ": ", endpoints.status().message());
      still.push_back(name);
      continue;
    }
    PostAlways([endpoints = *endpoints](NodeHost& host) {
      for (const net::Endpoint& endpoint : endpoints) {
        host.node().AddBootstrap(host.now(), endpoint);
      }
    });
  }
  unresolved_ = std::move(still);
  background_timer_->Set(background_loop_.now() +
                         (unresolved_.empty() ? kBackgroundInterval : kUnresolvedInterval));
}

void NodeHost::OnBatch(Instant now, absl::Span<const runtime::ReceivedDatagram> batch) {
  for (const runtime::ReceivedDatagram& datagram : batch) {
    const net::DatagramKind kind = net::Classify(datagram.bytes);
    if (kind == net::DatagramKind::kRtp || kind == net::DatagramKind::kRtcp) {
      media_->OnDatagram(now, datagram.from, datagram.bytes);
    } else {
      // What is of no kind of ours is counted there.
      node_->OnDatagram(now, datagram.from, datagram.bytes);
    }
  }
  Pump();
}

void NodeHost::Pump() {
  if (node_ == nullptr) return;
  const Instant now = loop_.now();
  node_->Pump(now);
  do {
    while (const auto transmit = node_->PollTransmit(now)) {
      udp_->Send(transmit->to, transmit->datagram);
    }
    ObeyMedia();
    while (const auto relayed = node_->PollRelayedMedia()) {
      media_->OnDatagram(now, relayed->from, relayed->datagram);
    }
  } while (DrainCompleted() || DrainRequests());
  NotifyWatchers();
  node_timer_->Set(node_->PollTimeout());
}

bool NodeHost::DrainCompleted() {
  bool any = false;
  while (const auto completed = node_->PollCompleted()) {
    any = true;
    const auto found = waiting_.find(completed->id);
    if (found == waiting_.end()) continue;
    Waiter waiter = std::move(found->second.waiter);
    waiting_.erase(found);
    waiter(*completed);
  }
  // A waiter may have asked the node for more.
  if (any) node_->Pump(loop_.now());
  return any;
}

bool NodeHost::DrainRequests() {
  bool any = false;
  while (const auto request = node_->PollRequest()) {
    any = true;
    servers_.at(request->service)(*this, *request);
  }
  return any;
}

void NodeHost::Serve(overlay::Service service, Server server) {
  servers_[service] = std::move(server);
  node_->Serve(service);
}

void NodeHost::ObeyMedia() {
  while (auto command = node_->PollMedia()) {
    CallAudio audio;
    if (const auto* start = std::get_if<node::MediaStart>(&*command)) {
      AudioSlot& slot = audio_[start->call];
      slot.running = true;
      audio = AudioFor(slot);
    } else if (const auto* stop = std::get_if<node::MediaStop>(&*command)) {
      audio_[stop->call].running = audio_[stop->call].recording.runs = false;
    }
    media_->Obey(*std::move(command), std::move(audio));
  }
}

void NodeHost::Await(node::OperationId id, absl::Duration patience, Waiter waiter) {
  if (waiting_.size() >= kMaxWaiting) {
    waiter(Failed(id, absl::ResourceExhaustedError("too many operations are under way")));
    return;
  }
  waiting_[id] = Waiting{.deadline = loop_.now() + patience, .waiter = std::move(waiter)};
}

void NodeHost::ExpireWaiting(Instant now) {
  std::vector<std::pair<node::OperationId, Waiter>> late;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    if (entry->second.deadline > now) {
      ++entry;
      continue;
    }
    late.emplace_back(entry->first, std::move(entry->second.waiter));
    entry = waiting_.erase(entry);
  }
  for (auto& [id, waiter] : late) {
    waiter(Failed(id, absl::DeadlineExceededError("no answer came in time")));
  }
}

void NodeHost::NotifyWatchers() {
  if (node_->events().last() == notified_) return;
  notified_ = node_->events().last();
  if (keeper_ != nullptr) keeper_->OnChange();
  watchers_.Tell(&Watcher::OnChange);
}

void NodeHost::OnHousekeeping() {
  const Instant now = loop_.now();
  housekeeping_->Set(now + kHousekeeping);
  ++seconds_;
  ExpireWaiting(now);
  media_->Rest();
  if (seconds_ % kAddressSeconds == 0) CheckAddresses();
  if (seconds_ % kBookmarkSeconds == 0) watchers_.Tell(&Watcher::OnIdle);
  for (auto slot = audio_.begin(); slot != audio_.end();) {
    const auto call = node_->FindCall(slot->first);
    const bool over = !call || call->info.state == session::CallState::kEnded;
    const bool held = slot->second.stream.source != nullptr || slot->second.stream.sink != nullptr;
    slot = over && !held && !slot->second.running ? audio_.erase(slot) : std::next(slot);
  }
  Pump();
}

void NodeHost::CheckAddresses() {
  if (!config_.advertise.empty()) return;
  std::vector<net::Endpoint> addresses = runtime::ReachableEndpoints(
      udp_->local(), runtime::LocalAddresses(), overlay::NodeRecord::kMaxAddresses);
  // Between two networks there is none for a moment, or the machine's own alone.
  if (addresses.empty() || addresses == addresses_) return;
  if (addresses.front().address.IsLoopback() && !addresses_.front().address.IsLoopback()) return;
  P2PD_LOG(daemon, kInfo, "the machine's addresses changed; now ", addresses.front().ToString());
  addresses_ = std::move(addresses);
  node_->SetAddresses(loop_.now(), addresses_);
}

std::map<std::string, uint64_t> NodeHost::AllCounters() const {
  std::map<std::string, uint64_t> out;
  for (const auto& [name, value] : node_->counters().Snapshot()) out[name] = value;
  AddUdpCounters("runtime", udp_->stats(), out);
  out["runtime.refused_tasks"] = loop_.refused();
  const runtime::TickStats ticks = media_->ticks();
  out["media.ticks"] = ticks.ticks;
  out["media.ticks_skipped"] = ticks.skipped;
  for (size_t i = 0; i < ticks.late.size(); ++i) {
    const std::string bound = i < runtime::TickStats::kBoundsMicros.size()
                                  ? absl::StrCat("below_", runtime::TickStats::kBoundsMicros[i])
                                  : absl::StrCat("from_", runtime::TickStats::kBoundsMicros.back());
    out[absl::StrCat("media.ticks_late_us_", bound)] = ticks.late[i];
  }
  out["media.dropped_queue_full"] = media_->dropped_queue_full();
  out["media.dropped_unknown_ssrc"] = media_->dropped_unknown_ssrc();
  for (const MoreCounters& more : more_counters_) more(out);
  return out;
}

CallAudio NodeHost::AudioFor(const AudioSlot& slot) const {
  switch (slot.source) {
    case v1::AUDIO_SOURCE_TONE:
      return {.source = std::make_shared<media::ToneSource>(kToneHertz, kToneAmplitude),
              .sink = nullptr};
    case v1::AUDIO_SOURCE_SILENCE:
      return {};
    case v1::AUDIO_SOURCE_UNSPECIFIED:
    case v1::AUDIO_SOURCE_STREAM:
    default:  // protobuf's open enum
      return slot.stream;
  }
}

void NodeHost::SetAudioSource(const session::CallId& call, v1::AudioSource source) {
  audio_[call].source = source;
}

v1::AudioSource NodeHost::AudioSourceOf(const session::CallId& call) const {
  const auto found = audio_.find(call);
  if (found == audio_.end() || found->second.source == v1::AUDIO_SOURCE_UNSPECIFIED) {
    return v1::AUDIO_SOURCE_STREAM;
  }
  return found->second.source;
}

absl::Status NodeHost::AttachAudio(const session::CallId& call, const CallAudio& audio) {
  AudioSlot& slot = audio_[call];
  if (slot.source == v1::AUDIO_SOURCE_TONE || slot.source == v1::AUDIO_SOURCE_SILENCE) {
    return absl::FailedPreconditionError("the call does not play a stream");
  }
  if ((audio.source != nullptr && slot.stream.source != nullptr) ||
      (audio.sink != nullptr && slot.stream.sink != nullptr)) {
    return absl::AlreadyExistsError("another stream carries this call's voice");
  }
  if (audio.source != nullptr) slot.stream.source = audio.source;
  if (audio.sink != nullptr) slot.stream.sink = audio.sink;
  if (slot.running) media_->SetAudio(call, audio);
  return absl::OkStatus();
}

void NodeHost::DetachAudio(const session::CallId& call, const CallAudio& audio) {
  const auto found = audio_.find(call);
  if (found == audio_.end()) return;
  AudioSlot& slot = found->second;
  CallAudio rest;
  if (audio.source != nullptr && slot.stream.source == audio.source) {
    slot.stream.source = nullptr;
    rest.source = std::make_shared<media::SilenceSource>();
  }
  if (audio.sink != nullptr && slot.stream.sink == audio.sink) {
    slot.stream.sink = nullptr;
    rest.sink = std::make_shared<media::NullSink>();
  }
  if (slot.running) media_->SetAudio(call, std::move(rest));
}

absl::Status NodeHost::Record(const session::CallId& call, bool on, media::RecordingFormat format) {
  const auto view = node_->FindCall(call);
  if (!view) return absl::NotFoundError("no such call");
  AudioSlot& slot = audio_[call];
  if (slot.recording.runs == on) return absl::OkStatus();
  if (!on) {
    media_->SetTap(call, nullptr);
    slot.recording.runs = false;
    return node_->SetRecorded(now(), call, false);
  }
  // First the other side knows.
  P2PD_RETURN_IF_ERROR(node_->SetRecorded(now(), call, true));
  if (recorder_ == nullptr) {
    recorder_ = std::make_unique<Recorder>(
        recordings(),
        [this](const session::CallId& of, const std::string& path, const absl::Status& status) {
          loop_.PostAlways([this, of, path, status] {
            OnRecorded(of, path, status);
            Pump();
          });
        });
  }
  auto started = recorder_->Start(call, view->info.peer_email, wall(), format);
  if (!started.ok()) {
    node_->SetRecorded(now(), call, false).IgnoreError();
    return started.status();
  }
  slot.recording = {.path = started->path, .runs = true, .trouble = ""};
  media_->SetTap(call, std::move(started->tap));
  return absl::OkStatus();
}

void NodeHost::OnRecorded(const session::CallId& call, const std::string& path,
                          const absl::Status& status) {
  const auto found = audio_.find(call);
  if (found == audio_.end() || found->second.recording.path != path) return;
  if (!status.ok()) found->second.recording.trouble = std::string(status.message());
  Record(call, false, media::RecordingFormat::kWav).IgnoreError();
}

NodeHost::Recording NodeHost::RecordingOf(const session::CallId& call) const {
  const auto found = audio_.find(call);
  return found == audio_.end() ? Recording() : found->second.recording;
}

v1::Call NodeHost::ShowCall(const node::CallView& call) const {
  v1::Call out = ToProto(call, AudioSourceOf(call.info.id));
  const Recording recording = RecordingOf(call.info.id);
  out.set_recording(recording.path);
  out.set_recording_trouble(recording.trouble);
  return out;
}

std::optional<session::CallId> NodeHost::CallOfRequest(const std::string& request_id) const {
  if (request_id.empty()) return std::nullopt;
  for (const Request& request : requests_) {
    if (request.id == request_id && loop_.now() - request.at < kRequestIdLife) return request.call;
  }
  return std::nullopt;
}

void NodeHost::RememberRequest(const std::string& request_id, const session::CallId& call) {
  if (request_id.empty()) return;
  requests_.push_back({.id = request_id, .call = call, .at = loop_.now()});
  if (requests_.size() > kMaxRequestIds) requests_.pop_front();
}

}  // namespace p2pd::daemon
