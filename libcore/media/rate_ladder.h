// The bit rate of the frames, in steps that the queue on the way decides: down a step with each
// report of a queue that grows, up again when there was none for a while.
//
// Steps and not a curve: towards the network a rate that follows nothing of the speech tells
// nothing of it, and a step is heard less than a queue. A step up that the way does not bear makes
// the next try wait twice as long. Threads: one owner. No clock of its own: it counts reports, one
// a second. Sources: RFC 7587 §3.1.1 on what speech needs.
#pragma once

#include <cstddef>

#include "libcore/media/delay_trend.h"

namespace p2pd::media {

// The lowest step, bit/s: speech is understood, with Opus's narrowest band.
inline constexpr int kLowestStep = 12'000;

class RateLadder {
 public:
  // Never more than this, bit/s; it may be less than kLowestStep.
  void SetMost(int bitrate) { most_ = bitrate; }
  // After a report that `trend` knows.
  void OnReport(const DelayTrend& trend);

  // Bit/s.
  int bitrate() const;

 private:
  // Reports without a queue before a step up: at first, and at most.
  static constexpr int kPatience = 10;
  static constexpr int kMostPatience = 80;

  int most_ = 0;
  size_t step_ = 0;  // 0 is the highest
  int calm_ = 0;     // reports since the queue grew or the last step
  int patience_ = kPatience;
  bool trying_ = false;  // the last step was up and has not yet proved good
};

}  // namespace p2pd::media
