// How long a packet should wait before it is played: learnt by letting buffers of every length play
// the stream side by side, and chosen by what their delay and loss would cost a conversation.
//
// Rules: the reference is the least transit time of the last two seconds, so clock drift (500 ppm
// move it by 1 ms in that time) and a change of path need no extra care. Each buffer knows only how
// far behind the reference it plays: a packet that is later lets it wait and lag behind, from where
// it comes back as fast as time scaling allows; a packet that was overtaken, or whose redundancy in
// the next one comes too late, is lost to it. So one long stall costs once, not once for each
// packet that queued behind it, and a loss costs what waiting for its redundancy would have saved.
// All of that fades; the target is the buffer with the least price by the E-model, which spends
// delay freely while it is not heard and defends it beyond 177 ms. What nothing needed for
// kPeakMemory is given back at once. Threads: one owner. No allocation; some 60 buffers of three
// numbers. Limits: targets within [kMinTarget, kMaxTarget]. Sources: G.107 (prices, e_model.h); the
// relative delay is that of WebRTC's NetEq since 2019.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "libcore/base/time.h"

namespace p2pd::media {

// Between two targets.
inline constexpr absl::Duration kTargetStep = absl::Milliseconds(5);
// Less gains nothing: the clock that drives playing ticks every 10 ms.
inline constexpr absl::Duration kMinTarget = absl::Milliseconds(10);
// More is no conversation any more; what comes later is concealed.
inline constexpr absl::Duration kMaxTarget = absl::Milliseconds(300);
// No network keeps a packet so long.
inline constexpr absl::Duration kMaxJump = absl::Seconds(5);
// Before anything is known.
inline constexpr absl::Duration kFirstTarget = absl::Milliseconds(20);
// For how long a target is kept after a packet needed it.
inline constexpr absl::Duration kPeakMemory = absl::Milliseconds(2'500);

class DelayEstimator {
 public:
  struct Packet {
    int64_t timestamp = 0;  // of its first sample, unwrapped, 48 kHz
    size_t samples = 0;
    bool has_fec = false;      // carries what came before it
    bool after_pause = false;  // the sender was silent (DTX): the gap before it is no loss
  };

  DelayEstimator();

  void OnPacket(Instant now, const Packet& packet);
  // A redundant copy of the frame at `timestamp` came with a packet, of which OnPacket knows. Only
  // a frame that was missing counts: by the copy's arrival, buffers that are too short learn what
  // they lack.
  void OnCopy(Instant now, int64_t timestamp, size_t samples);
  // True when a packet cannot belong to the stream so far: its timestamp and its arrival disagree
  // with those before by more than kMaxJump. A sender may begin anew like that (RFC 3550 §5.1 asks
  // it not to).
  bool IsJump(Instant now, int64_t timestamp) const;
  // Forgets the transit times: the next packet is the first of a new stream.
  void Restart() { size_ = 0; }
  // One way, all but the jitter buffer: half the round trip, the frame and the codec.
  void SetOtherDelay(absl::Duration delay) { other_delay_ = delay; }

  // How long after the fastest packet's arrival a frame may be taken; within [kMinTarget,
  // kMaxTarget].
  absl::Duration target() const { return target_; }
  // When the sample of `timestamp` would arrive with the fastest packets.
  Instant EarliestArrival(int64_t timestamp) const;
  bool started() const { return size_ > 0; }

 private:
  struct Transit {
    int64_t at;       // nanoseconds
    int64_t transit;  // nanoseconds, arrival less timestamp
  };
  // A buffer that aims at one target: milliseconds behind the reference now, on average, and the
  // share of time that it conceals.
  struct Trial {
    double delay = 0.0;
    double mean_delay = 0.0;
    double concealed = 0.0;
  };
  // kMinTarget, kMinTarget + kTargetStep, ..., kMaxTarget.
  static constexpr size_t kTrials = 59;

  void Remember(int64_t at, int64_t transit);
  void PlayInOrder(Instant now, double lateness_ms, const Packet& packet);
  void PlayOvertaken(double lateness_ms, const Packet& packet);
  void NoteMissing(const Packet& packet);
  void NotePeak(int64_t at, double lateness_ms);
  void ChooseTarget();

  // The least transit of the window: increasing transits, oldest first; a ring.
  static constexpr size_t kWindowPackets = 256;
  std::array<Transit, kWindowPackets> window_{};
  size_t first_ = 0;
  size_t size_ = 0;

  std::array<Trial, kTrials> trials_{};
  // Where the stream ends so far, and how much of it was played, in milliseconds.
  int64_t end_ = 0;
  double played_ms_ = 0.0;
  // The packet that was missing before the last one, and how late its redundancy came.
  static constexpr int64_t kNoGap = std::numeric_limits<int64_t>::min();
  int64_t gap_ = kNoGap;
  double gap_recovery_ms_ = 0.0;
  // The frames that were skipped last and may yet come as copies; a ring.
  static constexpr size_t kMissing = 8;
  std::array<int64_t, kMissing> missing_;
  size_t next_missing_ = 0;
  // The greatest lateness of each half second, ms, by half seconds since the clock's zero.
  static constexpr size_t kPeakSlots = 5;
  std::array<double, kPeakSlots> peaks_{};
  int64_t peak_slot_ = 0;
  absl::Duration other_delay_ = absl::ZeroDuration();
  absl::Duration target_ = kFirstTarget;
};

}  // namespace p2pd::media
