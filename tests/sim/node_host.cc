#include "tests/sim/node_host.h"

#include <utility>

#include "libcore/base/check.h"
#include "libcore/net/demux.h"
#include "libcore/overlay/detour_path.h"

namespace p2pd::sim {

using media::MediaEvent;

// How often the daemon reports figures of a call to the node.
constexpr absl::Duration kReportInterval = absl::Seconds(1);
constexpr size_t kMaxHeard = 120 * media::kSampleRate;

struct NodeHost::Voice {
  session::CallId call;
  std::unique_ptr<media::BufferSource> source;
  std::unique_ptr<media::BufferSink> sink;
  std::unique_ptr<media::CallMedia> media;
  Instant report_at;
};

NodeHost::NodeHost(World& world, const net::Endpoint& at, std::vector<net::Endpoint> bootstrap,
                   uint64_t seed)
    : world_(world), at_(at), bootstrap_(std::move(bootstrap)), rng_(seed) {
  Boot();
}

NodeHost::~NodeHost() { Crash(); }

void NodeHost::Boot() {
  wall_.Set(world_.TimeAt(at_), world_.wall_now());
  node::NodeOptions options;
  options.addresses = {at_};
  options.bootstrap = bootstrap_;
  options.device_label = at_.ToString();
  auto made = node::Node::Create(options, node::Node::Parts{storage_, table_, rng_, wall_},
                                 world_.TimeAt(at_));
  P2PD_CHECK(made.ok());
  node_ = *std::move(made);
  P2PD_CHECK(node_->Start(world_.TimeAt(at_)).ok());
  world_.Attach(at_, this);
}

void NodeHost::Crash() {
  if (!running()) return;
  world_.Detach(at_);
  voices_.clear();
  completed_.clear();
  node_.reset();
}

void NodeHost::Restart(std::optional<net::Endpoint> at) {
  Crash();
  if (at) at_ = *at;
  Boot();
}

void NodeHost::Move(const net::Endpoint& to) {
  world_.Detach(at_);
  at_ = to;
  world_.Attach(at_, this);
  node_->SetAddresses(world_.TimeAt(at_), {at_});
  Kick();
}

const node::Completed* NodeHost::Done(node::OperationId id) const {
  for (const node::Completed& completed : completed_) {
    if (completed.id == id) return &completed;
  }
  return nullptr;
}

absl::Status NodeHost::Await(node::OperationId id) {
  Kick();
  if (!world_.RunUntil(absl::Seconds(60), [&] { return Done(id) != nullptr; })) {
    return absl::DeadlineExceededError("the operation never ended");
  }
  return Done(id)->status;
}

void NodeHost::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const net::DatagramKind kind = net::Classify(datagram);
  if (kind != net::DatagramKind::kRtp && kind != net::DatagramKind::kRtcp) {
    node_->OnDatagram(now, from, datagram);
    return;
  }
  Hear(now, from, datagram);
}

void NodeHost::Hear(Instant now, const net::Endpoint& from, ByteView datagram) {
  for (auto& [id, voice] : voices_) {
    if (voice->media->OnDatagram(now, from, datagram)) break;
  }
}

void NodeHost::OnTimeout(Instant now) {
  for (auto& [id, voice] : voices_) voice->media->OnTick(now);
  const std::optional<Instant> due = node_->PollTimeout();
  if (due && *due <= now) node_->OnTimeout(now);
  Report(now);
}

std::optional<net::Transmit> NodeHost::PollTransmit(Instant now) {
  for (auto& [id, voice] : voices_) {
    while (auto transmit = voice->media->PollTransmit(now)) {
      if (!overlay::IsDetour(transmit->to)) return transmit;
      node_->SendRelayedMedia(now, transmit->to, transmit->datagram);
    }
  }
  return node_->PollTransmit(now);
}

std::optional<Instant> NodeHost::PollTimeout() const {
  std::optional<Instant> next = node_->PollTimeout();
  for (const auto& [id, voice] : voices_) next = Earliest(next, voice->media->PollTimeout());
  return next;
}

void NodeHost::Report(Instant now) {
  for (auto& [id, voice] : voices_) {
    node::MediaReport report;
    report.call = id;
    bool news = false;
    while (const std::optional<MediaEvent> event = voice->media->PollEvent()) {
      news = true;
      report.first_audio = report.first_audio || event->kind == MediaEvent::Kind::kFirstAudio;
      report.stalled = report.stalled || event->kind == MediaEvent::Kind::kStalled;
    }
    if (!news && now < voice->report_at) continue;
    voice->report_at = now + kReportInterval;
    report.stats = voice->media->stats(now);
    node_->OnMedia(now, report);
  }
}

void NodeHost::Obey(Instant now, node::MediaCommand command) {
  if (auto* start = std::get_if<node::MediaStart>(&command)) {
    auto voice = std::make_unique<Voice>();
    voice->call = start->call;
    voice->source = std::make_unique<media::BufferSource>(speech_);
    voice->sink = std::make_unique<media::BufferSink>(kMaxHeard);
    auto made = media::CallMedia::Create(std::move(start->config), voice->source.get(),
                                         voice->sink.get(), rng_);
    P2PD_CHECK(made.ok());
    voice->media = *std::move(made);
    voice->report_at = now;
    voice->media->OnTick(now);
    voices_[start->call] = std::move(voice);
    return;
  }
  if (auto* other = std::get_if<node::MediaSwitch>(&command)) {
    const auto found = voices_.find(other->call);
    if (found == voices_.end()) return;
    auto made = media::CallMedia::Create(std::move(other->config), found->second->source.get(),
                                         found->second->sink.get(), rng_);
    P2PD_CHECK(made.ok());
    found->second->media = *std::move(made);
    found->second->media->OnTick(now);
    return;
  }
  if (const auto* stop = std::get_if<node::MediaStop>(&command)) {
    const auto found = voices_.find(stop->call);
    if (found == voices_.end()) return;
    found->second->media->Stop(now);
    while (auto transmit = found->second->media->PollTransmit(now)) {
      if (!overlay::IsDetour(transmit->to)) world_.Inject(at_, *std::move(transmit));
    }
    heard_ = found->second->sink->Take();
    node::MediaReport report;
    report.call = stop->call;
    report.stats = found->second->media->stats(now);
    report.stopped = true;
    voices_.erase(found);
    node_->OnMedia(now, report);
    return;
  }
  if (const auto* remote = std::get_if<node::MediaRemote>(&command)) {
    if (voices_.count(remote->call) != 0) voices_[remote->call]->media->SetRemote(remote->remote);
  } else if (const auto* hold = std::get_if<node::MediaHold>(&command)) {
    if (voices_.count(hold->call) != 0) {
      voices_[hold->call]->media->SetHold(hold->by_us);
      voices_[hold->call]->media->SetRemoteHold(hold->by_peer);
    }
  } else if (const auto* mute = std::get_if<node::MediaMute>(&command)) {
    if (voices_.count(mute->call) != 0) voices_[mute->call]->media->SetMuted(mute->muted);
  } else if (auto* rekey = std::get_if<node::MediaRekey>(&command)) {
    if (voices_.count(rekey->call) == 0) return;
    P2PD_CHECK(
        voices_[rekey->call]->media->Rekey(std::move(rekey->keys), rekey->epoch, rekey->send).ok());
  }
}

bool NodeHost::DrainEvents(Instant now) {
  bool any = false;
  while (std::optional<node::Completed> completed = node_->PollCompleted()) {
    any = true;
    completed_.push_back(*std::move(completed));
  }
  while (const auto relayed = node_->PollRelayedMedia()) {
    any = true;
    Hear(now, relayed->from, relayed->datagram);
  }
  while (std::optional<node::MediaCommand> command = node_->PollMedia()) {
    any = true;
    Obey(now, *std::move(command));
  }
  if (answers_) {
    for (const node::CallView& call : node_->ListCalls()) {
      if (!call.info.outgoing && call.info.state == session::CallState::kRinging) {
        any = node_->Accept(now, call.info.id).ok() || any;
      }
    }
  }
  Report(now);
  return any;
}

}  // namespace p2pd::sim
