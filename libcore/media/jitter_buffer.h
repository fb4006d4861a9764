// The adaptive jitter buffer: packets come in when the network pleases, 10 or 20 ms of sound go out
// when the playing clock asks.
//
// It controls one number, the delay of playing behind the fastest packet, against a target from
// DelayEstimator. Rules:
//  - Above the target speech is shortened, below it lengthened, one pitch period at a time, so
//    delay that grew comes back without a gap (the oldest complaint about such buffers).
//  - What is missing when its turn comes is taken from its copy or the next packet's FEC if one is
//  there, else
//    concealed. With nothing newer there either the packet may still come: concealing then
//    stretches time, and the late packet is played, not dropped.
//  - After kMaxConcealment of nothing, playing pauses in silence and starts afresh at the
//    next packet.
//  - A timestamp that jumps is a new stream: everything is dropped and playing starts afresh, since
//    else one wrong packet would make all later ones look late for ever.
//  - A sender that says it is silent (DTX) is believed: until its next packet there is comfort
//    noise, which is neither loss nor a stall, and its next packet is played at the target at once,
//    since in silence the delay may change as it likes.
// Threads: one owner. No clock of its own; no allocation after construction (70 kB).
// Limits: kMaxBufferedPackets; when full, everything is dropped, counted, and playing starts afresh
// at what comes: one second behind, the past is of no use. Sources: WebRTC's NetEq for the order of
// decisions; RFC 7587 §4.2 on FEC.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/time.h"
#include "libcore/media/audio.h"
#include "libcore/media/delay_estimator.h"
#include "libcore/media/opus_codec.h"
#include "libcore/media/rtp_packet.h"

namespace p2pd::media {

// One second of 20 ms packets.
inline constexpr size_t kMaxBufferedPackets = 50;
// Silence after so much invention without a packet.
inline constexpr absl::Duration kMaxConcealment = absl::Milliseconds(500);
// A silent sender (DTX) shows itself every 400 ms (libopus); without that, it counts as gone.
inline constexpr absl::Duration kMaxComfort = absl::Seconds(1);

struct JitterBufferStats {
  uint64_t packets_inserted = 0;
  uint64_t packets_late = 0;  // their turn was over
  uint64_t packets_duplicate = 0;
  uint64_t packets_undecodable = 0;
  uint64_t copies_inserted = 0;  // of frames that were missing; other copies are of no use
  uint64_t packets_flushed = 0;  // dropped because the buffer was full
  uint64_t samples_decoded = 0;
  uint64_t samples_recovered = 0;  // from FEC and copies
  uint64_t samples_concealed = 0;
  uint64_t samples_comfort = 0;  // noise while the sender was silent
  uint64_t samples_silent = 0;   // before the first packet and in pauses
  uint64_t samples_removed = 0;  // by time scaling
  uint64_t samples_inserted = 0;
  uint64_t pauses = 0;
  uint64_t restarts = 0;  // the sender's timestamps jumped
  size_t packets_waiting = 0;
};

class JitterBuffer {
 public:
  enum class Sound { kSilence, kVoice, kConcealed };

  // `decoder` outlives the buffer. `pull_samples` are asked for at a time, 1..kFrameSamples: a
  // frame may wait almost one pull for its turn, so shorter ones mean less delay.
  explicit JitterBuffer(FrameDecoder& decoder, size_t pull_samples = kFrameSamples);

  // The payload of an authentic packet.
  void Insert(Instant now, uint32_t timestamp, ByteView payload);
  // A redundant copy that came with a packet, which was inserted before it.
  void InsertCopy(Instant now, uint32_t timestamp, ByteView payload);
  // The next samples, a pull of them. `now` is when they are due, on a regular grid.
  Sound Get(Instant now, absl::Span<int16_t> out);
  // Forgets all packets and pauses; what was learnt about the network stays.
  void Pause();
  // What else there is between mouth and ear: half the round trip, the frame and the codec.
  void SetOtherDelay(absl::Duration delay) { estimator_.SetOtherDelay(delay); }

  // How long a sample is behind the fastest packet when it is played, as of the last Get; zero in
  // pauses.
  absl::Duration delay() const { return delay_; }
  // What delay() is to be.
  absl::Duration target() const;
  JitterBufferStats stats() const;

 private:
  struct Packet {
    int64_t timestamp = 0;
    size_t samples = 0;
    size_t size = 0;
    bool copy = false;  // came with another packet
    bool silent() const { return size <= kMaxDtxPayload; }
    std::array<uint8_t, kMaxOpusPayload> payload;
    ByteView view() const { return ByteView(payload.data(), size); }
  };
  // Samples that are decoded and not played: the longest packet, a frame, and room to stretch.
  static constexpr size_t kFifoCapacity = kMaxOpusSamples + 3 * kFrameSamples;

  bool Start(Instant now);
  void DecodeNext(Instant now);
  size_t PlaceOf(int64_t timestamp);
  void Keep(size_t place, int64_t timestamp, size_t samples, ByteView payload, bool copy);
  void DecodeFirst();
  void DecodeRestOfCopy(size_t begun);
  void AppendRecovered(absl::Span<const int16_t> recovered, absl::Span<const int16_t> invented);
  void RecoverFrom(const Packet& packet, size_t samples);
  void Conceal(size_t samples);
  size_t Invent(size_t samples);
  void PlayComfort(Instant now);
  void DropPlayed();
  void DropFront(size_t count);
  void Scale(Instant now);
  void DecodeAhead();
  absl::Duration DelayAt(Instant now) const;
  absl::Span<int16_t> FifoTail();
  Packet& at(size_t i) { return packets_[order_[i]]; }

  FrameDecoder& decoder_;
  const size_t pull_samples_;
  DelayEstimator estimator_;
  Unwrapper<uint32_t> unwrap_;

  // Waiting packets by timestamp: order_[0, waiting_) index packets_, the rest of order_ are free.
  std::vector<Packet> packets_;
  std::array<uint8_t, kMaxBufferedPackets> order_{};
  size_t waiting_ = 0;

  std::array<int16_t, kFifoCapacity> fifo_{};
  size_t fifo_size_ = 0;
  bool playing_ = false;
  bool any_voice_in_frame_ = false;
  int64_t next_timestamp_ = 0;
  // Samples played instead of those from next_timestamp_ on.
  int64_t stood_in_ = 0;
  // The newest packet that came, and the last one that was played, say that the sender is silent.
  bool newest_silent_ = false;
  bool silent_ = false;
  int64_t newest_ = 0;
  absl::Duration since_scaling_ = absl::ZeroDuration();
  int pulls_wishing_ = 0;
  absl::Duration delay_ = absl::ZeroDuration();
  JitterBufferStats stats_;
};

}  // namespace p2pd::media
