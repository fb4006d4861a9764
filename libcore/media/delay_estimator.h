// How long a packet should wait before it is played: learnt from how late packets come relative to
// the fastest ones, and chosen by what delay and loss cost a conversation.
//
// Rules: the reference is the least transit time of the last two seconds, so clock drift (500 ppm
// move it by 1 ms in that time) and a change of path need no extra care. Lateness goes into a
// histogram that forgets; the target is where the E-model's price of waiting and of losing meet, so
// delay is spent freely while it is not heard and defended beyond 177 ms. A reordered packet is
// just a late one. Threads: one owner. No allocation. Limits: lateness beyond kMaxLateness counts
// as the last bin; kMaxTarget. Sources: G.107 (prices, e_model.h); the relative delay is that of
// WebRTC's NetEq since 2019.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "libcore/base/time.h"

namespace p2pd::media {

inline constexpr absl::Duration kLatenessBin = absl::Milliseconds(5);
inline constexpr size_t kLatenessBins = 100;
inline constexpr absl::Duration kMaxLateness = absl::Milliseconds(500);
// Less gains nothing: the clock that drives playing ticks every 10 ms.
inline constexpr absl::Duration kMinTarget = absl::Milliseconds(10);
// More is no conversation any more; what comes later is concealed.
inline constexpr absl::Duration kMaxTarget = absl::Milliseconds(300);
// No network keeps a packet so long.
inline constexpr absl::Duration kMaxJump = absl::Seconds(5);
// Before anything is known.
inline constexpr absl::Duration kFirstTarget = absl::Milliseconds(20);

class DelayEstimator {
 public:
  DelayEstimator();

  // A packet whose first sample has the unwrapped timestamp `timestamp` (48 kHz).
  void OnPacket(Instant now, int64_t timestamp);
  // True when a packet cannot belong to the stream so far: its timestamp and its arrival disagree
  // with those before by more than kMaxJump. A sender may begin anew like that (RFC 3550 §5.1 asks
  // it not to).
  bool IsJump(Instant now, int64_t timestamp) const;
  // Forgets the transit times: the next packet is the first of a new stream.
  void Restart() { size_ = 0; }
  // One way, without the jitter buffer: half the round trip.
  void SetNetworkDelay(absl::Duration delay) { network_delay_ = delay; }

  // How long after the fastest packet's arrival a frame may be taken; within [kMinTarget,
  // kMaxTarget].
  absl::Duration target() const { return target_; }
  // When the sample of `timestamp` would arrive with the fastest packets.
  Instant EarliestArrival(int64_t timestamp) const;
  // Share of packets later than `lateness`, 0..1.
  double LateShare(absl::Duration lateness) const;
  bool started() const { return size_ > 0; }

 private:
  struct Transit {
    int64_t at;       // nanoseconds
    int64_t transit;  // nanoseconds, arrival less timestamp
  };
  void Remember(int64_t at, int64_t transit);
  void Count(int64_t lateness);
  void NotePeak(int64_t at, int64_t lateness);
  void ChooseTarget();

  // The least transit of the window: increasing transits, oldest first; a ring.
  static constexpr size_t kWindowPackets = 256;
  std::array<Transit, kWindowPackets> window_{};
  size_t first_ = 0;
  size_t size_ = 0;

  std::array<double, kLatenessBins> histogram_{};
  uint64_t packets_ = 0;
  // The greatest lateness of each half second, nanoseconds, by half seconds since the clock's zero.
  static constexpr size_t kPeakSlots = 5;
  std::array<int64_t, kPeakSlots> peaks_{};
  int64_t peak_slot_ = 0;
  absl::Duration network_delay_ = absl::ZeroDuration();
  absl::Duration target_ = kFirstTarget;
};

}  // namespace p2pd::media
