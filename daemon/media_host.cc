#include "daemon/media_host.h"

#include <utility>
#include <variant>

#include "libcore/base/codec.h"
#include "libcore/base/log.h"
#include "libcore/net/demux.h"

namespace p2pd::daemon {
namespace {

// How often the figures of a call are reported.
constexpr absl::Duration kReportInterval = absl::Seconds(1);

// The sender's SSRC: bytes 8..11 of RTP (RFC 3550 §5.1), 4..7 of RTCP (§6.4.1).
std::optional<uint32_t> SenderSsrc(ByteView datagram) {
  ByteReader reader(datagram);
  reader.Take(net::Classify(datagram) == net::DatagramKind::kRtp ? 8 : 4);
  const uint32_t ssrc = reader.U32();
  if (!reader.ok()) return std::nullopt;
  return ssrc;
}

}  // namespace

MediaHost::MediaHost(Rng& rng, Send send, Report report)
    : rng_(rng), send_(std::move(send)), report_(std::move(report)) {
  beat_ = std::make_unique<runtime::TickLoop>("p2pd-media", media::kTickInterval,
                                              [this](Instant due) { OnTick(due); });
}

MediaHost::~MediaHost() { beat_.reset(); }

void MediaHost::Push(Command command) {
  if (!commands_.Push(std::move(command))) {
    ++dropped_queue_full_;
    P2PD_LOG(daemon, kError, "the media thread does not take commands");
  }
}

void MediaHost::Obey(node::MediaCommand command, CallAudio audio) {
  const bool start = std::holds_alternative<node::MediaStart>(command);
  const bool stop = std::holds_alternative<node::MediaStop>(command);
  std::shared_ptr<media::Conference> conference;
  if (const auto* seat = std::get_if<node::MediaSeat>(&command); seat && seat->conference != 0) {
    conference = ConferenceOf(seat->conference);
  }
  Push(
      {.what = std::move(command), .audio = std::move(audio), .conference = std::move(conference)});
  if (start && ++running_ == 1) beat_->SetActive(true);
  if (stop && running_ > 0) --running_;
}

std::shared_ptr<media::Conference> MediaHost::ConferenceOf(uint64_t number) {
  std::erase_if(conferences_, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<media::Conference> found = conferences_[number].lock();
  if (found == nullptr) conferences_[number] = found = std::make_shared<media::Conference>();
  return found;
}

void MediaHost::SetAudio(const session::CallId& call, CallAudio audio) {
  Push({.what = AudioChange{call, std::move(audio)}, .audio = {}, .conference = nullptr});
}

void MediaHost::SetTap(const session::CallId& call, std::shared_ptr<media::RecordingTap> tap) {
  Push({.what = TapChange{call, std::move(tap)}, .audio = {}, .conference = nullptr});
}

void MediaHost::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  if (running_ == 0) {
    dropped_unknown_ssrc_.fetch_add(1, std::memory_order_relaxed);
  } else if (!packets_.Push({.at = now, .from = from, .datagram = ToBytes(datagram)})) {
    ++dropped_queue_full_;
  }
}

void MediaHost::Rest() {
  // The thread has taken the last stop; the tick in which it obeys is allowed to end.
  if (running_ == 0 && commands_.size() == 0) beat_->SetActive(false);
}

void MediaHost::OnTick(Instant due) {
  while (auto command = commands_.Pop()) Run(due, *std::move(command));
  while (const auto packet = packets_.Pop()) Deliver(*packet);
  for (auto& [call, voice] : voices_) {
    voice.media->OnTick(due);
    Drain(due, call, voice);
  }
}

// Between the call and what its own end plays and hears stands its seat, where it has one.
void MediaHost::Connect(Voice& voice) {
  // Who is muted is not heard; what others of a conference say goes on.
  const bool muted = voice.muted && voice.seat == nullptr;
  voice.media->SetMuted(muted);
  media::AudioSource* source = voice.audio.source.get();
  media::AudioSink* sink = voice.audio.sink.get();
  if (voice.seat != nullptr) {
    voice.seat->SetMuted(voice.muted);
    voice.seat->SetOwn(source, sink);
    source = &voice.seat->source();
    sink = &voice.seat->sink();
  }
  if (voice.tap != nullptr) {
    voice.tap->SetInner(source, sink, muted);
    source = &voice.tap->source();
    sink = &voice.tap->sink();
  }
  voice.media->ReplaceSource(source);
  voice.media->ReplaceSink(sink);
}

void MediaHost::Seat(Voice& voice, std::shared_ptr<media::Conference> conference) {
  // What it leaves is used until it has what comes; the seat goes before its conference.
  const std::shared_ptr<media::Conference> left = std::move(voice.conference);
  const std::unique_ptr<media::Conference::Seat> before = std::move(voice.seat);
  voice.conference = std::move(conference);
  if (voice.conference != nullptr) voice.seat = voice.conference->Join();
  Connect(voice);
}

void MediaHost::Change(AudioChange change) {
  Voice* voice = Find(change.call);
  if (voice == nullptr) return;
  // What goes is used until the call has what comes.
  const CallAudio before = voice->audio;
  if (change.audio.source != nullptr) voice->audio.source = std::move(change.audio.source);
  if (change.audio.sink != nullptr) voice->audio.sink = std::move(change.audio.sink);
  Connect(*voice);
}

void MediaHost::Change(TapChange change) {
  Voice* voice = Find(change.call);
  if (voice == nullptr) {
    // It ended meanwhile.
    if (change.tap != nullptr) change.tap->Close();
    return;
  }
  const std::shared_ptr<media::RecordingTap> before = std::move(voice->tap);
  voice->tap = std::move(change.tap);
  Connect(*voice);
  if (before != nullptr) before->Close();
}

void MediaHost::Run(Instant now, Command order) {
  if (auto* change = std::get_if<AudioChange>(&order.what)) return Change(std::move(*change));
  if (auto* change = std::get_if<TapChange>(&order.what)) return Change(std::move(*change));
  auto& command = std::get<node::MediaCommand>(order.what);
  if (auto* start = std::get_if<node::MediaStart>(&command)) {
    Start(now, std::move(*start), std::move(order.audio));
  } else if (auto* other = std::get_if<node::MediaSwitch>(&command)) {
    Switch(now, std::move(*other));
  } else if (const auto* stop = std::get_if<node::MediaStop>(&command)) {
    Stop(now, stop->call);
  } else if (const auto* seat = std::get_if<node::MediaSeat>(&command)) {
    if (Voice* voice = Find(seat->call)) Seat(*voice, std::move(order.conference));
  } else if (const auto* remote = std::get_if<node::MediaRemote>(&command)) {
    if (Voice* voice = Find(remote->call)) voice->media->SetRemote(remote->remote);
  } else if (const auto* hold = std::get_if<node::MediaHold>(&command)) {
    if (Voice* voice = Find(hold->call)) {
      voice->media->SetHold(hold->by_us);
      voice->media->SetRemoteHold(hold->by_peer);
    }
  } else if (const auto* mute = std::get_if<node::MediaMute>(&command)) {
    Voice* voice = Find(mute->call);
    if (voice == nullptr) return;
    voice->muted = mute->muted;
    Connect(*voice);
  } else if (auto* rekey = std::get_if<node::MediaRekey>(&command)) {
    Voice* voice = Find(rekey->call);
    if (voice == nullptr) return;
    const absl::Status status =
        voice->media->Rekey(std::move(rekey->keys), rekey->epoch, rekey->send);
    if (!status.ok()) P2PD_LOG(daemon, kError, "no fresh keys for a call: ", status.message());
  }
}

void MediaHost::Start(Instant now, node::MediaStart start, CallAudio audio) {
  auto media =
      media::CallMedia::Create(std::move(start.config), audio.source.get(), audio.sink.get(), rng_);
  if (!media.ok()) {
    P2PD_LOG(daemon, kError, "no voice for a call: ", media.status().message());
    return;
  }
  Voice& voice = voices_[start.call];
  voice.media = *std::move(media);
  voice.audio = std::move(audio);
  voice.report_at = now;
}

void MediaHost::Switch(Instant now, node::MediaSwitch order) {
  Voice* voice = Find(order.call);
  if (voice == nullptr) return;
  auto media = media::CallMedia::Create(std::move(order.config), nullptr, nullptr, rng_);
  if (!media.ok()) {
    P2PD_LOG(daemon, kError, "no voice for a transferred call: ", media.status().message());
    return;
  }
  // Its sink is heard further on, and must not be finished.
  voice->media->ReplaceSource(nullptr);
  voice->media->ReplaceSink(nullptr);
  voice->media->Stop(now);
  Drain(now, order.call, *voice);
  voice->media = *std::move(media);
  voice->report_at = now;
  Connect(*voice);
}

void MediaHost::Stop(Instant now, const session::CallId& call) {
  Voice* voice = Find(call);
  if (voice == nullptr) {
    // One that could not start has no figures, and whoever waits for them is told.
    node::MediaReport report;
    report.call = call;
    report.stopped = true;
    report_(std::move(report));
    return;
  }
  voice->media->Stop(now);
  voice->stopped = true;
  Drain(now, call, *voice);
  const std::shared_ptr<media::RecordingTap> tap = voice->tap;
  voices_.erase(call);
  if (tap != nullptr) tap->Close();
}

void MediaHost::Deliver(const Packet& packet) {
  const std::optional<uint32_t> ssrc = SenderSsrc(packet.datagram);
  for (auto& [call, voice] : voices_) {
    if (ssrc && voice.media->remote_ssrc() == *ssrc &&
        voice.media->OnDatagram(packet.at, packet.from, packet.datagram)) {
      return;
    }
  }
  dropped_unknown_ssrc_.fetch_add(1, std::memory_order_relaxed);
}

void MediaHost::Drain(Instant now, const session::CallId& call, Voice& voice) {
  while (const auto transmit = voice.media->PollTransmit(now)) {
    send_(transmit->to, transmit->datagram);
  }
  node::MediaReport report;
  report.call = call;
  bool news = false;
  while (const auto event = voice.media->PollEvent()) {
    switch (event->kind) {
      case media::MediaEvent::Kind::kFirstAudio:
        news = report.first_audio = true;
        break;
      case media::MediaEvent::Kind::kStalled:
        news = report.stalled = true;
        break;
      case media::MediaEvent::Kind::kSourceExhausted:
        news = report.source_finished = true;
        break;
      case media::MediaEvent::Kind::kResumed:
        news = true;
        break;
      // Signalling says bye, and the session layer proves a new path before it is used.
      case media::MediaEvent::Kind::kRemoteBye:
      case media::MediaEvent::Kind::kRemoteMoved:
        break;
    }
  }
  if (!news && !voice.stopped && now < voice.report_at) return;
  report.stopped = voice.stopped;
  voice.report_at = now + kReportInterval;
  report.stats = voice.media->stats(now);
  report_(std::move(report));
}

MediaHost::Voice* MediaHost::Find(const session::CallId& call) {
  const auto found = voices_.find(call);
  return found == voices_.end() ? nullptr : &found->second;
}

}  // namespace p2pd::daemon
