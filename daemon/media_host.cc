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
  Push({.what = std::move(command), .audio = std::move(audio), .audio_only = false});
  if (start && ++running_ == 1) beat_->SetActive(true);
  if (stop && running_ > 0) --running_;
}

void MediaHost::SetAudio(const session::CallId& call, CallAudio audio) {
  Push({.what = node::MediaStop{call}, .audio = std::move(audio), .audio_only = true});
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

void MediaHost::Run(Instant now, Command command) {
  if (command.audio_only) {
    Voice* voice = Find(std::get<node::MediaStop>(command.what).call);
    if (voice == nullptr) return;
    if (command.audio.source != nullptr) {
      voice->media->ReplaceSource(command.audio.source.get());
      voice->audio.source = std::move(command.audio.source);
    }
    if (command.audio.sink != nullptr) {
      voice->media->ReplaceSink(command.audio.sink.get());
      voice->audio.sink = std::move(command.audio.sink);
    }
    return;
  }
  if (auto* start = std::get_if<node::MediaStart>(&command.what)) {
    Start(now, std::move(*start), std::move(command.audio));
  } else if (const auto* stop = std::get_if<node::MediaStop>(&command.what)) {
    Stop(now, stop->call);
  } else if (const auto* remote = std::get_if<node::MediaRemote>(&command.what)) {
    if (Voice* voice = Find(remote->call)) voice->media->SetRemote(remote->remote);
  } else if (const auto* hold = std::get_if<node::MediaHold>(&command.what)) {
    if (Voice* voice = Find(hold->call)) {
      voice->media->SetHold(hold->by_us);
      voice->media->SetRemoteHold(hold->by_peer);
    }
  } else if (const auto* mute = std::get_if<node::MediaMute>(&command.what)) {
    if (Voice* voice = Find(mute->call)) voice->media->SetMuted(mute->muted);
  } else if (auto* rekey = std::get_if<node::MediaRekey>(&command.what)) {
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
  voice = Voice{.media = *std::move(media), .audio = std::move(audio), .report_at = now};
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
  voices_.erase(call);
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
