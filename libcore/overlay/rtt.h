// RoundTrip: smoothed round-trip time and the retransmission timeout that follows from it (RFC 6298
// with our clamps).
#pragma once

#include <algorithm>
#include <optional>

#include "absl/time/time.h"

namespace p2pd::overlay {

class RoundTrip {
 public:
  // Design §3: RTO = srtt + 4·var in [30 ms, 1 s]; 400 ms before the first sample. A way that takes
  // a second itself gets half as much again as it takes: who waits less calls everybody there dead.
  static constexpr absl::Duration kMin = absl::Milliseconds(30);
  static constexpr absl::Duration kMax = absl::Seconds(1);
  static constexpr absl::Duration kInitial = absl::Milliseconds(400);
  static constexpr double kSlowFactor = 1.5;
  static constexpr absl::Duration kSlowest = absl::Seconds(6);
  // Scheduling noise of an ordinary machine; Bamboo adds the same 10 ms.
  static constexpr absl::Duration kGranularity = absl::Milliseconds(10);

  void OnSample(absl::Duration sample);
  // An answer to something that was sent more than once, after `most` from the first time: no
  // sample, since nobody knows which was answered (Karn and Partridge 1987), but until there is one
  // the timeout is no less.
  void OnBound(absl::Duration most) { bound_ = std::min(bound_, most); }
  absl::Duration Timeout() const;
  // Smoothed; nullopt before the first sample.
  std::optional<absl::Duration> Smoothed() const { return smoothed_; }

 private:
  std::optional<absl::Duration> smoothed_;
  absl::Duration variation_;
  absl::Duration bound_ = absl::InfiniteDuration();
};

}  // namespace p2pd::overlay
