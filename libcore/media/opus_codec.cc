#include "libcore/media/opus_codec.h"

#include <opus/opus.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace p2pd::media {
namespace {

absl::Status OpusError(const char* action, int error) {
  return absl::InternalError(absl::StrCat("cannot ", action, ": ", opus_strerror(error)));
}

}  // namespace

void SpeechEncoder::Freer::operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }
void SpeechDecoder::Freer::operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }

absl::StatusOr<SpeechEncoder> SpeechEncoder::Create(const Options& options) {
  int error = OPUS_OK;
  OpusEncoder* const raw = opus_encoder_create(kSampleRate, 1, OPUS_APPLICATION_VOIP, &error);
  if (raw == nullptr || error != OPUS_OK) return OpusError("make an Opus encoder", error);
  SpeechEncoder encoder(raw);
  for (const int result :
       {opus_encoder_ctl(raw, OPUS_SET_COMPLEXITY(std::clamp(options.complexity, 0, 10))),
        opus_encoder_ctl(raw, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)),
        opus_encoder_ctl(raw, OPUS_SET_VBR(0)), opus_encoder_ctl(raw, OPUS_SET_INBAND_FEC(1)),
        opus_encoder_ctl(raw, OPUS_SET_DTX(options.dtx ? 1 : 0))}) {
    if (result != OPUS_OK) return OpusError("set up an Opus encoder", result);
  }
  encoder.SetBitrate(options.bitrate);
  encoder.SetLossPercent(options.loss_percent);
  return encoder;
}

size_t SpeechEncoder::Encode(const Frame& frame, MutableByteView out) {
  const size_t room = std::min(out.size(), kMaxOpusPayload);
  const opus_int32 size = opus_encode(encoder_.get(), frame.data(), kFrameSamples, out.data(),
                                      static_cast<opus_int32>(room));
  return size > 0 ? static_cast<size_t>(size) : 0;
}

void SpeechEncoder::SetBitrate(int bitrate) {
  opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(std::clamp(bitrate, 6'000, 510'000)));
}

void SpeechEncoder::SetLossPercent(int percent) {
  opus_encoder_ctl(encoder_.get(), OPUS_SET_PACKET_LOSS_PERC(std::clamp(percent, 0, 100)));
}

void SpeechEncoder::SetFec(bool fec) {
  opus_encoder_ctl(encoder_.get(), OPUS_SET_INBAND_FEC(fec ? 1 : 0));
}

std::optional<size_t> OpusPacketSamples(ByteView payload) {
  if (payload.empty() || payload.size() > 0xffff) return std::nullopt;
  const int samples = opus_packet_get_nb_samples(
      payload.data(), static_cast<opus_int32>(payload.size()), kSampleRate);
  if (samples <= 0) return std::nullopt;
  return static_cast<size_t>(samples);
}

bool OpusPacketHasFec(ByteView payload) {
  // RFC 6716 §3.1: configurations 0..15 have a SILK layer, 16 on are CELT alone; the last two bits
  // are zero for a single frame, bit 2 says stereo.
  if (payload.size() < 2 || payload[0] >= 0x80 || (payload[0] & 0x03) != 0) return false;
  // RFC 6716 §4.2.3: the SILK layer opens with one VAD bit per 20 ms and channel, then the LBRR
  // bit, each of even chance and so the very bits on the wire.
  const int samples = opus_packet_get_samples_per_frame(payload.data(), kSampleRate);
  const int frames = std::max(samples / static_cast<int>(kFrameSamples), 1);
  return (payload[1] >> (7 - frames) & 1) != 0;
}

absl::StatusOr<SpeechDecoder> SpeechDecoder::Create() {
  int error = OPUS_OK;
  OpusDecoder* const raw = opus_decoder_create(kSampleRate, 1, &error);
  if (raw == nullptr || error != OPUS_OK) return OpusError("make an Opus decoder", error);
  return SpeechDecoder(raw);
}

size_t SpeechDecoder::Run(const uint8_t* data, size_t size, size_t samples, bool fec,
                          absl::Span<int16_t> out) {
  samples = std::min(samples, out.size());
  const int got = opus_decode(decoder_.get(), data, static_cast<opus_int32>(size), out.data(),
                              static_cast<int>(samples), fec ? 1 : 0);
  return got > 0 ? static_cast<size_t>(got) : 0;
}

size_t SpeechDecoder::Decode(ByteView payload, absl::Span<int16_t> out) {
  const auto samples = OpusPacketSamples(payload);
  if (!samples || *samples > out.size()) return 0;
  return Run(payload.data(), payload.size(), *samples, false, out);
}

size_t SpeechDecoder::DecodeFec(ByteView payload, size_t samples, absl::Span<int16_t> out) {
  samples -= samples % kOpusStep;
  if (!OpusPacketSamples(payload) || samples == 0) return 0;
  return Run(payload.data(), payload.size(), samples, true, out);
}

size_t SpeechDecoder::Conceal(size_t samples, absl::Span<int16_t> out) {
  samples = std::min(samples - samples % kOpusStep, kMaxOpusSamples);
  if (samples == 0) return 0;
  return Run(nullptr, 0, samples, false, out);
}

}  // namespace p2pd::media
