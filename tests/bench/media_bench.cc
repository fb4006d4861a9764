// The media engine beside its references: SRTP beside libsrtp2, and what a call costs of a core.
#include <benchmark/benchmark.h>
#include <srtp2/srtp.h>

#include <vector>

#include "libcore/base/rng.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/call_media.h"
#include "libcore/media/jitter_buffer.h"
#include "libcore/media/opus_codec.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/media/srtp.h"
#include "tests/unit/media/speech.h"

namespace p2pd::media {
namespace {

constexpr size_t kPayload = 80;  // bytes: 20 ms at 32 kbit/s
constexpr uint32_t kSsrc = 0x01020304;

void WritePacket(uint16_t sequence, Bytes& packet) {
  RtpHeader header;
  header.payload_type = 111;
  header.sequence = sequence;
  header.timestamp = sequence * 960u;
  header.ssrc = kSsrc;
  packet.assign(kRtpHeaderSize + kPayload + SRTP_MAX_TRAILER_LEN, 0x5a);
  WriteRtpHeader(header, absl::MakeSpan(packet));
}

// state.range(0) contexts in turn, as a host of many calls uses them.
void SrtpProtect(benchmark::State& state) {
  std::vector<SrtpSender> senders;
  for (int64_t i = 0; i < state.range(0); ++i) {
    senders.push_back(*SrtpSender::Create(SrtpSuite::kAeadAes128Gcm,
                                          Bytes(16, static_cast<uint8_t>(i)), Bytes(12)));
  }
  Bytes packet;
  uint16_t sequence = 0;
  size_t at = 0;
  for (auto _ : state) {
    WritePacket(sequence, packet);
    benchmark::DoNotOptimize(
        senders[at].ProtectRtp(absl::MakeSpan(packet), kRtpHeaderSize + kPayload, kRtpHeaderSize));
    if (++at == senders.size()) {
      at = 0;
      ++sequence;
    }
  }
}
BENCHMARK(SrtpProtect)->Arg(1)->Arg(1'000);

void SrtpProtectLibsrtp2(benchmark::State& state) {
  srtp_init();
  std::vector<srtp_t> sessions;
  Bytes key(28);
  for (int64_t i = 0; i < state.range(0); ++i) {
    srtp_policy_t policy{};
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    key[0] = static_cast<uint8_t>(i);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key.data();
    srtp_t session = nullptr;
    if (srtp_create(&session, &policy) != srtp_err_status_ok) state.SkipWithError("srtp_create");
    sessions.push_back(session);
  }
  Bytes packet;
  uint16_t sequence = 0;
  size_t at = 0;
  for (auto _ : state) {
    WritePacket(sequence, packet);
    int size = static_cast<int>(kRtpHeaderSize + kPayload);
    benchmark::DoNotOptimize(srtp_protect(sessions[at], packet.data(), &size));
    if (++at == sessions.size()) {
      at = 0;
      ++sequence;
    }
  }
  for (srtp_t session : sessions) srtp_dealloc(session);
}
BENCHMARK(SrtpProtectLibsrtp2)->Arg(1)->Arg(1'000);

void SrtpUnprotect(benchmark::State& state) {
  SrtpSender sender = *SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, Bytes(16), Bytes(12));
  SrtpReceiver receiver =
      *SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, Bytes(16), Bytes(12), kSsrc);
  Bytes packet;
  uint16_t sequence = 0;
  for (auto _ : state) {
    state.PauseTiming();
    WritePacket(sequence++, packet);
    packet.resize(
        sender.ProtectRtp(absl::MakeSpan(packet), kRtpHeaderSize + kPayload, kRtpHeaderSize));
    state.ResumeTiming();
    benchmark::DoNotOptimize(receiver.UnprotectRtp(packet, absl::MakeSpan(packet)));
  }
}
BENCHMARK(SrtpUnprotect);

// Per frame of 20 ms; the argument is Opus's complexity.
void OpusEncode(benchmark::State& state) {
  SpeechEncoder::Options options;
  options.complexity = static_cast<int>(state.range(0));
  SpeechEncoder encoder = *SpeechEncoder::Create(options);
  BufferSource speech(Speech(Speaker::kReader, 20), BufferSource::AtEnd::kLoop);
  Bytes out(kMaxOpusPayload);
  Frame frame;
  for (auto _ : state) {
    speech.Read(frame);
    benchmark::DoNotOptimize(encoder.Encode(frame, absl::MakeSpan(out)));
  }
}
BENCHMARK(OpusEncode)->Arg(0)->Arg(5)->Arg(9);

// One packet in and one frame out, decoding included, with 30 ms of jitter.
void JitterBufferFrame(benchmark::State& state) {
  SpeechEncoder encoder = *SpeechEncoder::Create({});
  BufferSource speech(Speech(Speaker::kReader, 20), BufferSource::AtEnd::kLoop);
  std::vector<Bytes> packets;
  Frame frame;
  for (int i = 0; i < 1'000; ++i) {
    speech.Read(frame);
    Bytes packet(kMaxOpusPayload);
    packet.resize(encoder.Encode(frame, absl::MakeSpan(packet)));
    packets.push_back(packet);
  }
  SpeechDecoder decoder = *SpeechDecoder::Create();
  JitterBuffer buffer(decoder);
  SeededRng rng(1);
  int64_t n = 0;
  for (auto _ : state) {
    const int64_t sent = n * 20'000'000;
    buffer.Insert(Instant::FromNanos(sent + static_cast<int64_t>(rng.Below(19'000'000))),
                  static_cast<uint32_t>(n * 960), packets[static_cast<size_t>(n) % packets.size()]);
    benchmark::DoNotOptimize(
        buffer.Get(Instant::FromNanos(sent + 20'000'000), absl::MakeSpan(frame)));
    ++n;
  }
}
BENCHMARK(JitterBufferFrame);

// One end of a call: 20 ms of both directions per iteration, all included. The counter `core` is
// the share of a core that it takes in real time; baresip takes 0.011 to 0.015.
void CallMediaEnd(benchmark::State& state) {
  SeededRng rng(1);
  const Offer offer = MakeOffer({}, rng);
  const auto answer = AnswerOffer(offer.encoded, {}, rng);
  const auto accepted = AcceptAnswer(offer, answer->encoded);
  const auto end = [&rng](const Negotiated& negotiated, AudioSource* source, AudioSink* sink) {
    CallMediaConfig config;
    config.negotiated = negotiated;
    config.keys.send_key = SecretBytes(Bytes(16, 1));
    config.keys.receive_key = SecretBytes(Bytes(16, 1));
    config.keys.send_salt = SecretBytes(Bytes(12, 2));
    config.keys.receive_salt = SecretBytes(Bytes(12, 2));
    return *CallMedia::Create(std::move(config), source, sink, rng);
  };
  BufferSource speech(Speech(Speaker::kReader, 20), BufferSource::AtEnd::kLoop);
  BufferSource answering(Speech(Speaker::kPlayer, 20), BufferSource::AtEnd::kLoop);
  NullSink sink;
  const auto ours = end(*accepted, &speech, &sink);
  const auto theirs = end(answer->negotiated, &answering, &sink);
  Instant now = Instant::FromNanos(1'000'000'000);
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<Bytes> arriving;
    for (int i = 0; i < 2; ++i) {
      theirs->OnTick(now + i * kTickInterval);
      while (const auto t = theirs->PollTransmit(now)) arriving.push_back(t->datagram);
    }
    state.ResumeTiming();
    for (const Bytes& datagram : arriving) ours->OnDatagram(now, net::Endpoint{}, datagram);
    for (int i = 0; i < 2; ++i) {
      ours->OnTick(now);
      while (const auto t = ours->PollTransmit(now)) benchmark::DoNotOptimize(t->datagram.data());
      now = now + kTickInterval;
    }
  }
  state.counters["core"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 0.02,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(CallMediaEnd);

}  // namespace
}  // namespace p2pd::media

BENCHMARK_MAIN();
