#include "libcore/media/call_media.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/base/token_bucket.h"
#include "libcore/media/delay_trend.h"
#include "libcore/media/e_model.h"
#include "libcore/media/jitter_buffer.h"
#include "libcore/media/opus_codec.h"
#include "libcore/media/rate_ladder.h"
#include "libcore/media/receive_statistics.h"
#include "libcore/media/red_packet.h"
#include "libcore/media/redundancy.h"
#include "libcore/media/rtcp_packet.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/media/srtp.h"
#include "libcore/net/demux.h"

namespace p2pd::media {
namespace {

// Bytes of the largest datagram that is looked at: Ethernet's.
constexpr size_t kScratchSize = 1'500;
// The mean between two of our RTCP packets. About 2 kbit/s, 4 % of the call: RFC 3550 §6.2 allows 5
// %, and RFC 4585 §3.4 does away with its minimum of 5 s.
constexpr absl::Duration kReportInterval = absl::Seconds(1);
constexpr absl::Duration kFirstReport = absl::Milliseconds(300);
// A second of voice: whoever reports after so many and has had none does not hear us. Earlier, they
// may still be under way.
constexpr uint64_t kHeardByNow = 50;
// While a call is held, so that paths stay open: NATs forget UDP after 30 s at the earliest.
constexpr absl::Duration kKeepAlive = absl::Seconds(1);
// What FEC is always ready for, so that the first loss of a calm network is recovered as well; more
// than 30 takes bits that the voice needs.
constexpr int kMinLossPercent = 5;
constexpr int kMaxLossPercent = 30;
// RFC 3711: whoever misses the first packets guesses the rollover counter right below 2^15.
constexpr uint64_t kFirstSequenceBound = 1u << 15;
// kRemoteMoved events a second, and at once.
constexpr double kMoveRate = 1.0;
constexpr double kMoveBurst = 4.0;
// What a frame takes until it is whole, and Opus's own delay at 48 kHz: 6.5 ms (RFC 6716 §2;
// measured 6.44).
constexpr absl::Duration kOwnDelay = absl::Microseconds(26'500);
// Reports of loss are smoothed: the last counts as much as all before.
constexpr double kReportWeight = 0.5;
constexpr absl::Duration kRateWindow = absl::Seconds(1);

// RFC 3550 §4: 32.32 fixed point.
uint64_t ToNtp(uint64_t nanos) {
  const uint64_t seconds = nanos / 1'000'000'000;
  const uint64_t rest = nanos % 1'000'000'000;
  return seconds << 32 | (rest << 32) / 1'000'000'000;
}
// 1/65536 s.
absl::Duration FromShortNtp(uint32_t value) {
  return absl::Nanoseconds(static_cast<int64_t>((uint64_t{value} * 1'000'000'000) >> 16));
}
uint32_t ToShortNtp(absl::Duration duration) {
  const int64_t nanos = std::max<int64_t>(absl::ToInt64Nanoseconds(duration), 0);
  return static_cast<uint32_t>(ToNtp(static_cast<uint64_t>(nanos)) >> 16);
}
uint16_t ToMs16(absl::Duration duration) {
  return static_cast<uint16_t>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, 0xffff));
}
uint8_t ToShare256(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<uint8_t>(std::min<uint64_t>(part * 256 / whole, 255));
}

const char* SuiteName(SrtpSuite suite) {
  switch (suite) {
    case SrtpSuite::kAeadAes128Gcm:
      return "AEAD_AES_128_GCM";
    case SrtpSuite::kAeadAes256Gcm:
      return "AEAD_AES_256_GCM";
  }
  return "";
}

// Bytes a second over the last whole window.
class RateMeter {
 public:
  void Add(size_t bytes) { bytes_ += bytes; }
  void OnTick(Instant now) {
    if (!started_ || now - since_ >= kRateWindow) {
      if (started_) rate_ = 8.0 * static_cast<double>(bytes_) / absl::ToDoubleSeconds(now - since_);
      bytes_ = 0;
      since_ = now;
      started_ = true;
    }
  }
  double bits_per_second() const { return rate_; }

 private:
  size_t bytes_ = 0;
  Instant since_;
  double rate_ = 0.0;
  bool started_ = false;
};

}  // namespace

class CallMedia::Impl {
 public:
  Impl(CallMediaConfig config, SrtpSender sender, SrtpReceiver receiver, SpeechEncoder encoder,
       SpeechDecoder decoder, AudioSource* source, AudioSink* sink, Rng& rng)
      : negotiated_(config.negotiated),
        remote_(config.remote),
        source_(source),
        sink_(sink),
        rng_(rng),
        sender_(std::move(sender)),
        receiver_(std::move(receiver)),
        encoder_(std::move(encoder)),
        decoder_(std::move(decoder)),
        buffer_(decoder_, kPullSamples),
        redundancy_(negotiated_.red_payload_type.has_value()),
        moves_(kMoveRate, kMoveBurst),
        sequence_(static_cast<uint16_t>(rng.Below(kFirstSequenceBound))),
        timestamp_(static_cast<uint32_t>(rng.Next())),
        ntp_offset_(rng.Next() >> 2) {
    const std::string name = Hex(rng.Make<FixedBytes<struct CnameTag, kCnameSize / 2>>().view());
    std::copy_n(name.begin(), kCnameSize, cname_.begin());
    buffer_.SetOtherDelay(kOwnDelay);
  }

  void OnTick(Instant now);
  bool OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  absl::Status Rekey(CallMediaKeys keys, uint32_t epoch, bool send);
  void Stop(Instant now);
  CallStats stats(Instant now) const;

  // A queue is measured against the same way only.
  void SetRemote(const std::optional<net::Endpoint>& remote) {
    if (remote == remote_) return;
    remote_ = remote;
    trend_ = DelayTrend();
    sent_this_way_ = 0;
  }
  void SetHeld(bool& flag, bool value) {
    if (flag == value) return;
    flag = value;
    buffer_.Pause();
    stall_from_.reset();
    stalled_ = false;
    next_keep_alive_ = next_send_;
  }
  void SetBitrate(int bitrate) {
    ladder_.SetMost(
        std::clamp(bitrate, kMinBitrate, std::max(negotiated_.max_send_bitrate, kMinBitrate)));
    encoder_.SetBitrate(frame_bitrate());
  }
  std::optional<Instant> next_timeout() const {
    if (!started_ || stopped_) return std::nullopt;
    return std::min({next_send_, next_play_, next_report_});
  }

  Negotiated negotiated_;
  std::optional<net::Endpoint> remote_;
  AudioSource* source_;
  AudioSink* sink_;
  bool source_exhausted_ = false;
  bool muted_ = false;
  bool hold_ = false;
  bool remote_hold_ = false;
  std::deque<net::Transmit> outbox_;
  std::deque<MediaEvent> events_;
  Counters counters_;

 private:
  bool held() const { return hold_ || remote_hold_; }
  int frame_bitrate() const { return FrameBitrate(ladder_.bitrate(), redundancy_.distance() > 0); }
  void CatchUp(Instant now, Instant& due, bool sending);
  void SendFrame(Instant now);
  void NextFrame(Instant now, Frame& frame);
  size_t Packetise(const Frame& frame, RtpHeader header, MutableByteView out);
  void Play(Instant due);
  void SendReport(Instant now, bool bye);
  void CheckStall(Instant now);
  void OnRtp(Instant now, ByteView packet);
  void OnRtcp(Instant now, ByteView packet);
  void OnReportBlock(Instant now, const ReportBlock& block);
  void OnExtendedReport(const RtcpReport& report);
  void NoteAuthentic(Instant now, const net::Endpoint& from);
  // The peer has the newest keys.
  void NoteNewestKey(Instant now);
  void SendUnderNewest();
  bool Drop(SrtpReceiver::Verdict verdict);
  void Send(ByteView datagram);
  void Report(MediaEvent::Kind kind, Instant now, const net::Endpoint& from = {});
  uint64_t NtpAt(Instant now) const {
    return ToNtp(static_cast<uint64_t>(now.nanos()) + ntp_offset_);
  }
  uint32_t ShortNtpAt(Instant now) const { return static_cast<uint32_t>(NtpAt(now) >> 16); }

  Rng& rng_;
  SrtpSender sender_;
  SrtpReceiver receiver_;
  SpeechEncoder encoder_;
  SpeechDecoder decoder_;
  JitterBuffer buffer_;
  ReceiveStatistics received_;
  RedWriter red_;
  RedundancyPolicy redundancy_;
  DelayTrend trend_;
  RateLadder ladder_;
  TokenBucket moves_;
  std::array<uint8_t, kScratchSize> scratch_{};

  // The media clock.
  bool started_ = false;
  bool stopped_ = false;
  Instant last_tick_;
  Instant next_send_;
  Instant next_play_;
  Instant next_report_;
  Instant next_keep_alive_;
  std::optional<Instant> stall_from_;
  bool stalled_ = false;
  uint64_t late_ticks_ = 0;
  absl::Duration skipped_ = absl::ZeroDuration();

  // What we send.
  int loss_percent_ = kMinLossPercent;
  uint16_t sequence_;
  uint32_t timestamp_;
  uint64_t ntp_offset_;
  bool gap_ = true;      // the next packet opens a talkspurt (RFC 3551 §4.1)
  bool silent_ = false;  // Opus had nothing to say last (DTX)
  std::array<char, kCnameSize> cname_{};
  uint64_t packets_sent_ = 0;
  uint64_t sent_this_way_ = 0;  // since the remote changed
  uint64_t payload_sent_ = 0;
  uint64_t bytes_sent_ = 0;
  // By the lower bits of the sequence number: 5 s, more than a report is late.
  std::array<uint32_t, 256> sent_timestamps_{};
  bool sent_since_report_ = false;
  RateMeter send_rate_;
  LevelMeter send_level_;

  // Keys that the peer has not shown yet to have, for sending.
  std::optional<SrtpKeyPair> waiting_keys_;
  uint32_t newest_epoch_ = 0;
  uint32_t send_epoch_ = 0;
  bool overlap_ = false;  // keys of two epochs are listened to
  std::optional<Instant> overlap_until_;

  // What we receive, and what the peer says of us.
  uint64_t bytes_received_ = 0;
  RateMeter receive_rate_;
  LevelMeter receive_level_;
  bool first_audio_ = false;
  bool bye_ = false;
  std::optional<net::Endpoint> reported_move_;
  uint32_t last_sr_ = 0;
  Instant last_sr_at_;
  double loss_ = 0.0;
  double remote_loss_ = 0.0;
  PeerHears peer_hears_ = PeerHears::kUnknown;
  absl::Duration remote_jitter_ = absl::ZeroDuration();
  std::optional<absl::Duration> rtt_;
  uint64_t samples_played_ = 0;
  uint64_t concealed_before_ = 0;
  uint64_t played_before_ = 0;
  double concealed_lately_ = 0.0;
};

void CallMedia::Impl::Report(MediaEvent::Kind kind, Instant now, const net::Endpoint& from) {
  if (events_.size() >= kMaxMediaEvents) {
    counters_.Add("media.dropped_event_queue_full");
    return;
  }
  events_.push_back(MediaEvent{kind, now, from});
}

void CallMedia::Impl::Send(ByteView datagram) {
  if (outbox_.size() >= kMaxPendingDatagrams) {
    counters_.Add("media.dropped_outbox_full");
    return;
  }
  bytes_sent_ += datagram.size();
  send_rate_.Add(datagram.size());
  outbox_.push_back(net::Transmit{*remote_, ToBytes(datagram)});
}

// Time that is too late to make up for is left out of both directions; the timestamps tell the
// peer.
void CallMedia::Impl::CatchUp(Instant now, Instant& due, bool sending) {
  if (now - due <= kMaxCatchUp) return;
  const int64_t frames =
      absl::ToInt64Nanoseconds(now - due) / absl::ToInt64Nanoseconds(kFrameDuration);
  due = due + frames * kFrameDuration;
  if (!sending) return;
  timestamp_ += static_cast<uint32_t>(frames) * static_cast<uint32_t>(kFrameSamples);
  skipped_ += frames * kFrameDuration;
  gap_ = true;
}

void CallMedia::Impl::OnTick(Instant now) {
  if (stopped_) return;
  if (!started_) {
    started_ = true;
    last_tick_ = next_send_ = next_play_ = next_keep_alive_ = now;
    next_report_ = now + kFirstReport;
  }
  if (now - last_tick_ > 2 * kTickInterval) ++late_ticks_;
  last_tick_ = std::max(last_tick_, now);
  CatchUp(now, next_send_, true);
  CatchUp(now, next_play_, false);
  for (; next_send_ <= now; next_send_ = next_send_ + kFrameDuration) SendFrame(now);
  for (; next_play_ <= now; next_play_ = next_play_ + kPullDuration) Play(next_play_);
  if (overlap_until_ && *overlap_until_ <= now) {
    receiver_.ForgetOldKeys();
    overlap_ = false;
    overlap_until_.reset();
  }
  send_rate_.OnTick(now);
  receive_rate_.OnTick(now);
  if (next_report_ <= now) {
    SendReport(now, false);
    next_report_ = now + rng_.Jitter(kReportInterval);
  }
  CheckStall(now);
}

void CallMedia::Impl::NextFrame(Instant now, Frame& frame) {
  if (source_ != nullptr && !source_exhausted_) {
    if (source_->Read(frame)) {
      if (muted_) frame.fill(0);
      return;
    }
    source_exhausted_ = true;
    Report(MediaEvent::Kind::kSourceExhausted, now);
  }
  frame.fill(0);
}

void CallMedia::Impl::SendFrame(Instant now) {
  const uint32_t timestamp = timestamp_;
  timestamp_ += static_cast<uint32_t>(kFrameSamples);
  Frame frame{};
  if (!held()) {
    NextFrame(now, frame);
  } else if (next_keep_alive_ > next_send_) {
    gap_ = true;
    return;
  } else {
    next_keep_alive_ = next_send_ + kKeepAlive;
  }
  // What is not sent takes no sequence number: the receiver has to guess how often they began anew.
  if (!remote_) {
    gap_ = true;
    return;
  }
  send_level_.Add(frame);
  RtpHeader header;
  header.marker = gap_;
  header.payload_type = negotiated_.payload_type;
  header.sequence = sequence_;
  header.timestamp = timestamp;
  header.ssrc = negotiated_.local_ssrc;
  std::array<uint8_t, net::kMaxDatagram> packet;
  const MutableByteView bytes = absl::MakeSpan(packet);
  const size_t payload =
      Packetise(frame, header, bytes.first(bytes.size() - kSrtpOverhead - kSrtpMkiSize));
  const size_t size =
      payload == 0 ? 0 : sender_.ProtectRtp(bytes, kRtpHeaderSize + payload, kRtpHeaderSize);
  gap_ = size == 0;
  if (gap_) return;
  sent_timestamps_[sequence_ % sent_timestamps_.size()] = timestamp;
  ++sequence_;
  ++packets_sent_;
  ++sent_this_way_;
  payload_sent_ += payload;
  sent_since_report_ = true;
  Send(bytes.first(size));
}

// Writes header and payload, the latter with a copy of an earlier frame where the losses ask for
// it; the payload's size, 0 when there is nothing to say (DTX).
size_t CallMedia::Impl::Packetise(const Frame& frame, RtpHeader header, MutableByteView out) {
  std::array<uint8_t, kMaxOpusPayload> encoded;
  const MutableByteView payload = out.subspan(kRtpHeaderSize);
  const size_t size = encoder_.Encode(
      frame, absl::MakeSpan(encoded).first(std::min(kMaxOpusPayload, payload.size())));
  if (size == 0) counters_.Add("media.dropped_not_encoded");
  // The first of them says that silence begins.
  const bool said = std::exchange(silent_, size <= kMaxDtxPayload);
  if (size == 0 || (silent_ && said)) return 0;
  const ByteView primary = absl::MakeConstSpan(encoded).first(size);
  size_t written = 0;
  if (negotiated_.red_payload_type) {
    written = red_.Write(header.timestamp, primary, redundancy_.distance(),
                         negotiated_.payload_type, payload);
    red_.Remember(header.timestamp, primary);
  }
  if (written > 0) {
    header.payload_type = *negotiated_.red_payload_type;
  } else {
    // Without redundancy, and where the frame to copy was not sent.
    std::copy(primary.begin(), primary.end(), payload.begin());
    written = size;
  }
  WriteRtpHeader(header, out);
  return written;
}

void CallMedia::Impl::Play(Instant due) {
  std::array<int16_t, kPullSamples> samples{};
  if (!held()) {
    const JitterBuffer::Sound sound = buffer_.Get(due, absl::MakeSpan(samples));
    if (sound != JitterBuffer::Sound::kSilence) samples_played_ += samples.size();
    if (sound == JitterBuffer::Sound::kVoice && !first_audio_) {
      first_audio_ = true;
      Report(MediaEvent::Kind::kFirstAudio, last_tick_);
    }
  }
  if (first_audio_) receive_level_.Add(samples);
  if (sink_ != nullptr) sink_->Write(samples);
}

void CallMedia::Impl::CheckStall(Instant now) {
  if (held() || bye_) return;
  if (!stall_from_) stall_from_ = now;
  if (!stalled_ && now - *stall_from_ > kStallTime) {
    stalled_ = true;
    Report(MediaEvent::Kind::kStalled, now);
  }
}

void CallMedia::Impl::SendReport(Instant now, bool bye) {
  if (!remote_) return;
  RtcpReport report;
  report.ssrc = negotiated_.local_ssrc;
  report.cname = cname_;
  report.bye = bye;
  if (sent_since_report_) {
    // The timestamp that belongs to this moment: that of the next frame, less the time to it.
    const int64_t ahead = DurationToSamples(next_send_ - now);
    report.sender =
        SenderInfo{NtpAt(now), timestamp_ - static_cast<uint32_t>(ahead),
                   static_cast<uint32_t>(packets_sent_), static_cast<uint32_t>(payload_sent_)};
    sent_since_report_ = false;
  }
  if (received_.started()) {
    ReportBlock block;
    block.ssrc = negotiated_.remote_ssrc;
    block.fraction_lost = received_.TakeFractionLost();
    block.cumulative_lost =
        static_cast<int32_t>(std::clamp<int64_t>(received_.lost(), -0x80'0000, 0x7f'ffff));
    block.highest_sequence = received_.highest_extended();
    block.jitter = received_.jitter_units();
    block.last_sr = last_sr_;
    block.delay_since_sr = last_sr_ == 0 ? 0 : ToShortNtp(now - last_sr_at_);
    loss_ += (block.fraction_lost / 256.0 - loss_) * kReportWeight;
    report.block = block;

    const JitterBufferStats buffer = buffer_.stats();
    const uint64_t concealed = buffer.samples_concealed;
    const uint64_t played = samples_played_ - played_before_;
    if (played > 0) {
      const double share = static_cast<double>(concealed - concealed_before_) /
                           static_cast<double>(std::max(played, concealed - concealed_before_));
      concealed_lately_ += (share - concealed_lately_) * kReportWeight;
    }
    played_before_ = samples_played_;
    concealed_before_ = concealed;

    const CallStats now_stats = stats(now);
    VoipMetrics voip;
    voip.ssrc = negotiated_.remote_ssrc;
    voip.loss_rate = ToShare256(now_stats.packets_lost, received_.expected());
    voip.discard_rate = ToShare256(buffer.packets_late, received_.expected());
    voip.round_trip_ms = ToMs16(rtt_.value_or(absl::ZeroDuration()));
    voip.end_system_delay_ms = ToMs16(buffer_.delay() + kFrameDuration);
    voip.r_factor = static_cast<uint8_t>(now_stats.r_factor);
    voip.mos_lq = voip.mos_cq = static_cast<uint8_t>(now_stats.mos * 10.0);
    voip.buffer_nominal_ms = ToMs16(buffer_.target());
    voip.buffer_maximum_ms = ToMs16(buffer_.delay());
    voip.buffer_absolute_maximum_ms = ToMs16(kMaxTarget);
    report.voip = voip;

    report.arrivals = received_.arrivals();
    report.arrivals->ssrc = negotiated_.remote_ssrc;
    if (report.arrivals->count == 0) report.arrivals.reset();
    report.receipt = received_.TakeFastest();
    if (report.receipt) {
      report.receipt->ssrc = negotiated_.remote_ssrc;
      // It tells nobody our clock either.
      report.receipt->at += static_cast<uint32_t>(ntp_offset_);
    }
  }
  std::array<uint8_t, kMaxRtcpSize + kSrtcpOverhead> packet;
  const MutableByteView bytes = absl::MakeSpan(packet);
  const size_t size = sender_.ProtectRtcp(bytes, BuildRtcp(report, bytes));
  if (size > 0) Send(bytes.first(size));
}

bool CallMedia::Impl::Drop(SrtpReceiver::Verdict verdict) {
  switch (verdict) {
    case SrtpReceiver::Verdict::kOk:
      return false;
    case SrtpReceiver::Verdict::kMalformed:
      counters_.Add("media.dropped_malformed");
      return true;
    case SrtpReceiver::Verdict::kWrongSsrc:
      counters_.Add("media.dropped_wrong_ssrc");
      return true;
    case SrtpReceiver::Verdict::kUnknownKey:
      counters_.Add("media.dropped_unknown_key");
      return true;
    case SrtpReceiver::Verdict::kReplayed:
      counters_.Add("media.dropped_replayed");
      return true;
    case SrtpReceiver::Verdict::kForged:
      counters_.Add("media.dropped_forged");
      return true;
  }
  return true;
}

bool CallMedia::Impl::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  if (stopped_) return false;
  const net::DatagramKind kind = net::Classify(datagram);
  const bool rtp = kind == net::DatagramKind::kRtp;
  if ((!rtp && kind != net::DatagramKind::kRtcp) || datagram.size() > scratch_.size()) {
    counters_.Add("media.dropped_malformed");
    return false;
  }
  const MutableByteView scratch = absl::MakeSpan(scratch_);
  const SrtpReceiver::Result result =
      rtp ? receiver_.UnprotectRtp(datagram, scratch) : receiver_.UnprotectRtcp(datagram, scratch);
  if (Drop(result.verdict)) return false;
  bytes_received_ += datagram.size();
  receive_rate_.Add(datagram.size());
  NoteAuthentic(now, from);
  if (result.newest_key) NoteNewestKey(now);
  if (rtp) {
    OnRtp(now, scratch.first(result.size));
  } else {
    OnRtcp(now, scratch.first(result.size));
  }
  return true;
}

absl::Status CallMedia::Impl::Rekey(CallMediaKeys keys, uint32_t epoch, bool send) {
  const size_t size = SrtpKeySize(negotiated_.suite);
  if (keys.send_key.size() != size || keys.receive_key.size() != size ||
      keys.send_salt.size() != kSrtpSaltSize || keys.receive_salt.size() != kSrtpSaltSize)
    return absl::InvalidArgumentError("SRTP master key or salt has the wrong length");
  if (!negotiated_.mki) return absl::FailedPreconditionError("packets carry no MKI");
  // 256 epochs on, those that shared the byte are long forgotten.
  receiver_.AddKeys(DeriveSrtpKeys(keys.receive_key.view(), keys.receive_salt.view()),
                    static_cast<uint8_t>(epoch));
  overlap_ = true;
  overlap_until_.reset();
  newest_epoch_ = epoch;
  waiting_keys_ = DeriveSrtpKeys(keys.send_key.view(), keys.send_salt.view());
  if (send) SendUnderNewest();
  return absl::OkStatus();
}

void CallMedia::Impl::SendUnderNewest() {
  sender_.Rekey(*waiting_keys_, static_cast<uint8_t>(newest_epoch_));
  send_epoch_ = newest_epoch_;
  waiting_keys_.reset();
}

void CallMedia::Impl::NoteNewestKey(Instant now) {
  if (waiting_keys_) SendUnderNewest();
  if (overlap_ && !overlap_until_) overlap_until_ = now + kKeyOverlap;
}

void CallMedia::Impl::NoteAuthentic(Instant now, const net::Endpoint& from) {
  if (from == remote_) {
    reported_move_.reset();
  } else if (reported_move_ != from && moves_.TryTake(now, 1.0)) {
    reported_move_ = from;
    Report(MediaEvent::Kind::kRemoteMoved, now, from);
  }
}

void CallMedia::Impl::OnRtp(Instant now, ByteView packet) {
  const auto header = ParseRtpHeader(packet);
  const auto payload = header ? RtpPayload(*header, packet) : std::nullopt;
  std::optional<RedPayload> red;
  if (payload && header->payload_type == negotiated_.payload_type) {
    red.emplace().frame = *payload;
  } else if (payload && header->payload_type == negotiated_.red_payload_type) {
    red = ParseRed(*payload, negotiated_.payload_type);
  }
  if (!red) {
    counters_.Add("media.dropped_malformed");
    return;
  }
  received_.OnPacket(now, header->sequence, header->timestamp);
  stall_from_ = now;
  if (stalled_) {
    stalled_ = false;
    Report(MediaEvent::Kind::kResumed, now);
  }
  if (held()) return;
  buffer_.Insert(now, header->timestamp, red->frame);
  for (const RedCopy& copy : absl::MakeConstSpan(red->copies).first(red->count)) {
    buffer_.InsertCopy(now, header->timestamp - copy.offset, copy.payload);
  }
}

void CallMedia::Impl::OnRtcp(Instant now, ByteView packet) {
  const auto report = ParseRtcp(packet, negotiated_.local_ssrc);
  if (!report) {
    counters_.Add("media.dropped_malformed");
    return;
  }
  if (report->sender) {
    last_sr_ = static_cast<uint32_t>(report->sender->ntp >> 16);
    last_sr_at_ = now;
  }
  if (report->block) {
    // RFC 3550 §6.4: only who has been heard has a block.
    peer_hears_ = PeerHears::kVoice;
    OnReportBlock(now, *report->block);
    OnExtendedReport(*report);
  } else if (peer_hears_ == PeerHears::kUnknown && packets_sent_ >= kHeardByNow) {
    peer_hears_ = PeerHears::kNothing;
  }
  if (report->bye && !bye_) {
    bye_ = true;
    Report(MediaEvent::Kind::kRemoteBye, now);
  }
}

void CallMedia::Impl::OnReportBlock(Instant now, const ReportBlock& block) {
  remote_loss_ += (block.fraction_lost / 256.0 - remote_loss_) * kReportWeight;
  remote_jitter_ = SamplesToDuration(block.jitter);
  loss_percent_ =
      std::clamp(static_cast<int>(100.0 * remote_loss_ + 1.0), kMinLossPercent, kMaxLossPercent);
  encoder_.SetLossPercent(loss_percent_);
  if (block.last_sr == 0) return;
  // RFC 3550 §6.4.1: A - LSR - DLSR. Negative ones come from clocks of coarse grain, huge ones from
  // nonsense.
  const uint32_t rtt = ShortNtpAt(now) - block.last_sr - block.delay_since_sr;
  const absl::Duration duration =
      static_cast<int32_t>(rtt) < 0 ? absl::ZeroDuration() : FromShortNtp(rtt);
  if (duration > absl::Seconds(30)) return;
  rtt_ = rtt_ ? (*rtt_ + duration) / 2 : duration;
  buffer_.SetOtherDelay(*rtt_ / 2 + kOwnDelay);
}

void CallMedia::Impl::OnExtendedReport(const RtcpReport& report) {
  // Of older packets, of those that went another way and those never sent the time is not known.
  const bool timed =
      report.receipt && static_cast<uint16_t>(sequence_ - 1 - report.receipt->sequence) <
                            std::min<uint64_t>(sent_this_way_, sent_timestamps_.size());
  if (timed) {
    trend_.OnReceipt(sent_timestamps_[report.receipt->sequence % sent_timestamps_.size()],
                     report.receipt->at);
  }
  // Copies go first, and the rate only when that was not enough.
  const bool copies = redundancy_.distance() > 0;
  if (report.arrivals) redundancy_.OnArrivals(*report.arrivals, trend_);
  if (timed && !(copies && trend_.growing())) ladder_.OnReport(trend_);
  encoder_.SetFec(redundancy_.distance() == 0);
  encoder_.SetBitrate(frame_bitrate());
}

void CallMedia::Impl::Stop(Instant now) {
  if (stopped_) return;
  if (started_) SendReport(now, true);
  stopped_ = true;
  if (sink_ != nullptr) sink_->Finish();
}

CallStats CallMedia::Impl::stats(Instant) const {
  CallStats s;
  s.packets_sent = packets_sent_;
  s.bytes_sent = bytes_sent_;
  s.send_bitrate = send_rate_.bits_per_second();
  s.send_level = send_level_.level();
  s.receive_level = receive_level_.level();
  s.encoder_bitrate = frame_bitrate();
  s.encoder_loss_percent = loss_percent_;
  s.copy_distance = redundancy_.distance();
  s.send_queue = trend_.queue();
  s.packets_received = received_.received();
  s.bytes_received = bytes_received_;
  s.receive_bitrate = receive_rate_.bits_per_second();
  s.packets_lost = static_cast<uint64_t>(std::max<int64_t>(received_.lost(), 0));
  s.loss = loss_;
  s.remote_loss = remote_loss_;
  s.jitter = received_.jitter();
  s.remote_jitter = remote_jitter_;
  s.rtt = rtt_;
  s.peer_hears = peer_hears_;
  const JitterBufferStats buffer = buffer_.stats();
  s.buffer_delay = buffer_.delay();
  s.buffer_target = buffer_.target();
  s.frames_played = samples_played_ / kFrameSamples;
  s.frames_concealed = buffer.samples_concealed / kFrameSamples;
  s.frames_recovered = buffer.samples_recovered / kFrameSamples;
  s.packets_late = buffer.packets_late;
  s.packets_discarded =
      buffer.packets_flushed + buffer.packets_duplicate + buffer.packets_undecodable;
  s.samples_accelerated = buffer.samples_removed;
  s.samples_expanded = buffer.samples_inserted;
  if (samples_played_ > 0) {
    s.concealed = std::min(
        static_cast<double>(buffer.samples_concealed) / static_cast<double>(samples_played_), 1.0);
  }
  const double delay_ms = absl::ToDoubleMilliseconds(rtt_.value_or(absl::ZeroDuration()) / 2 +
                                                     s.buffer_delay + kOwnDelay);
  s.r_factor = RFactor(delay_ms, 100.0 * concealed_lately_);
  s.mos = MosFromR(s.r_factor);
  s.dropped_forged = counters_.Get("media.dropped_forged");
  s.dropped_replayed = counters_.Get("media.dropped_replayed");
  s.dropped_malformed = counters_.Get("media.dropped_malformed");
  s.dropped_wrong_ssrc = counters_.Get("media.dropped_wrong_ssrc");
  s.dropped_unknown_key = counters_.Get("media.dropped_unknown_key");
  s.key_epoch = send_epoch_;
  s.late_ticks = late_ticks_;
  s.skipped = skipped_;
  s.codec = "opus";
  s.suite = SuiteName(negotiated_.suite);
  return s;
}

absl::StatusOr<std::unique_ptr<CallMedia>> CallMedia::Create(CallMediaConfig config,
                                                             AudioSource* source, AudioSink* sink,
                                                             Rng& rng) {
  const SrtpSuite suite = config.negotiated.suite;
  const CallMediaKeys& keys = config.keys;
  std::optional<uint8_t> mki;
  if (config.negotiated.mki) mki = 0;
  P2PD_ASSIGN_OR_RETURN(SrtpSender sender, SrtpSender::Create(suite, keys.send_key.view(),
                                                              keys.send_salt.view(), mki));
  P2PD_ASSIGN_OR_RETURN(
      SrtpReceiver receiver,
      SrtpReceiver::Create(suite, keys.receive_key.view(), keys.receive_salt.view(),
                           config.negotiated.remote_ssrc, mki));
  const SpeechEncoder::Options options{.complexity = config.options.complexity,
                                       .loss_percent = kMinLossPercent,
                                       .dtx = config.options.dtx};
  P2PD_ASSIGN_OR_RETURN(SpeechEncoder encoder, SpeechEncoder::Create(options));
  P2PD_ASSIGN_OR_RETURN(SpeechDecoder decoder, SpeechDecoder::Create());
  const int bitrate = config.options.bitrate;
  auto impl = std::make_unique<Impl>(std::move(config), std::move(sender), std::move(receiver),
                                     std::move(encoder), std::move(decoder), source, sink, rng);
  impl->SetBitrate(bitrate);
  return std::unique_ptr<CallMedia>(new CallMedia(std::move(impl)));
}

CallMedia::CallMedia(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CallMedia::~CallMedia() = default;

void CallMedia::OnTick(Instant now) { impl_->OnTick(now); }
bool CallMedia::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  return impl_->OnDatagram(now, from, datagram);
}

std::optional<net::Transmit> CallMedia::PollTransmit(Instant) {
  if (impl_->outbox_.empty()) return std::nullopt;
  std::optional<net::Transmit> out(std::move(impl_->outbox_.front()));
  impl_->outbox_.pop_front();
  return out;
}

std::optional<Instant> CallMedia::PollTimeout() const { return impl_->next_timeout(); }

std::optional<MediaEvent> CallMedia::PollEvent() {
  if (impl_->events_.empty()) return std::nullopt;
  const MediaEvent event = impl_->events_.front();
  impl_->events_.pop_front();
  return event;
}

CallStats CallMedia::stats(Instant now) const { return impl_->stats(now); }
const Counters& CallMedia::counters() const { return impl_->counters_; }
uint32_t CallMedia::remote_ssrc() const { return impl_->negotiated_.remote_ssrc; }
std::optional<net::Endpoint> CallMedia::remote() const { return impl_->remote_; }
absl::Status CallMedia::Rekey(CallMediaKeys keys, uint32_t epoch, bool send) {
  return impl_->Rekey(std::move(keys), epoch, send);
}
void CallMedia::SetMuted(bool muted) { impl_->muted_ = muted; }
void CallMedia::SetHold(bool hold) { impl_->SetHeld(impl_->hold_, hold); }
void CallMedia::SetRemoteHold(bool hold) { impl_->SetHeld(impl_->remote_hold_, hold); }
void CallMedia::SetRemote(const std::optional<net::Endpoint>& remote) { impl_->SetRemote(remote); }
void CallMedia::ReplaceSource(AudioSource* source) {
  impl_->source_ = source;
  impl_->source_exhausted_ = false;
}
void CallMedia::ReplaceSink(AudioSink* sink) { impl_->sink_ = sink; }
void CallMedia::SetBitrate(int bitrate) { impl_->SetBitrate(bitrate); }
void CallMedia::Stop(Instant now) { impl_->Stop(now); }

}  // namespace p2pd::media
