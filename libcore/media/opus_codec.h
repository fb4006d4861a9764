// Opus: 20 ms frames of 48 kHz mono speech to packets and back, with in-band FEC and concealment.
//
// Rules: a packet of the peer's is checked for its length in samples before it is decoded, so the
// decoder's buffer cannot be outrun. The bit rate is constant, and DTX off unless it is asked for:
// sizes and gaps that follow the speech tell what is said.
// Threads: one owner each. No allocation after Create.
// Sources: RFC 6716, RFC 7587; libopus 1.3.1 opus.h, opus_defines.h. FACTS: complexity 5 with FEC
// costs 136 µs to encode and 24 µs to decode 20 ms, and FEC costs no bit rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/base/bytes.h"
#include "libcore/media/audio.h"

struct OpusEncoder;
struct OpusDecoder;

namespace p2pd::media {

// RFC 6716 §3.4: no packet of one frame is larger; also what a packet of ours may have.
inline constexpr size_t kMaxOpusPayload = 1'275;
// A payload of so few bytes says that the encoder is silent (DTX): a TOC byte and no frame in it,
// or one more for a frame without one (libopus; RFC 6716 §3.2.1, §3.4 R1).
inline constexpr size_t kMaxDtxPayload = 2;
// RFC 6716 §3.1: the longest packet, 120 ms.
inline constexpr size_t kMaxOpusSamples = 5'760;
// Opus decodes in steps of 2.5 ms; concealment takes nothing else.
inline constexpr size_t kOpusStep = 120;

class SpeechEncoder {
 public:
  struct Options {
    int bitrate = 32'000;  // bit/s, 6,000..510,000
    int complexity = 5;    // 0..10
    int loss_percent = 5;  // what FEC prepares for; 0 sends none
    bool dtx = false;      // payloads of kMaxDtxPayload while nobody speaks, but one in 400 ms
  };
  // Internal when libopus refuses.
  static absl::StatusOr<SpeechEncoder> Create(const Options& options);

  // Bytes written to `out`, which should have kMaxOpusPayload; 0 when libopus fails.
  size_t Encode(const Frame& frame, MutableByteView out);
  // Brought into range.
  void SetBitrate(int bitrate);
  void SetLossPercent(int percent);
  // Whether packets carry what came before them at a lower rate.
  void SetFec(bool fec);

 private:
  struct Freer {
    void operator()(OpusEncoder* encoder) const;
  };
  explicit SpeechEncoder(OpusEncoder* encoder) : encoder_(encoder) {}
  std::unique_ptr<OpusEncoder, Freer> encoder_;
};

// Samples at 48 kHz that a payload holds; nullopt when it is not an Opus packet.
std::optional<size_t> OpusPacketSamples(ByteView payload);
// True when the payload carries redundancy (LBRR) for what came before it. libopus 1.3.1 does not
// tell, and gives concealment instead where there is none.
bool OpusPacketHasFec(ByteView payload);

// What the jitter buffer needs of a decoder; tests have their own.
class FrameDecoder {
 public:
  virtual ~FrameDecoder() = default;
  // Decodes `payload` into `out` (kMaxOpusSamples); the number of samples, 0 when it is not
  // decodable.
  virtual size_t Decode(ByteView payload, absl::Span<int16_t> out) = 0;
  // The `samples` before `payload`, from the redundancy in it (or invented where there is none).
  virtual size_t DecodeFec(ByteView payload, size_t samples, absl::Span<int16_t> out) = 0;
  // Invents `samples` that go on from what was decoded last.
  virtual size_t Conceal(size_t samples, absl::Span<int16_t> out) = 0;
};

class SpeechDecoder final : public FrameDecoder {
 public:
  static absl::StatusOr<SpeechDecoder> Create();

  size_t Decode(ByteView payload, absl::Span<int16_t> out) override;
  size_t DecodeFec(ByteView payload, size_t samples, absl::Span<int16_t> out) override;
  size_t Conceal(size_t samples, absl::Span<int16_t> out) override;

 private:
  struct Freer {
    void operator()(OpusDecoder* decoder) const;
  };
  explicit SpeechDecoder(OpusDecoder* decoder) : decoder_(decoder) {}
  size_t Run(const uint8_t* data, size_t size, size_t samples, bool fec, absl::Span<int16_t> out);
  std::unique_ptr<OpusDecoder, Freer> decoder_;
};

}  // namespace p2pd::media
