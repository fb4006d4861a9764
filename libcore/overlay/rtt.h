// RoundTrip: smoothed round-trip time and the retransmission timeout that follows from it (RFC 6298
// with our clamps).
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace p2pd::overlay {

class RoundTrip {
 public:
  // Design §3: RTO = srtt + 4·var in [30 ms, 1 s]; 400 ms before the first sample.
  static constexpr absl::Duration kMin = absl::Milliseconds(30);
  static constexpr absl::Duration kMax = absl::Seconds(1);
  static constexpr absl::Duration kInitial = absl::Milliseconds(400);
  // Scheduling noise of an ordinary machine; Bamboo adds the same 10 ms.
  static constexpr absl::Duration kGranularity = absl::Milliseconds(10);

  void OnSample(absl::Duration sample);
  absl::Duration Timeout() const;
  // Smoothed; nullopt before the first sample.
  std::optional<absl::Duration> Smoothed() const { return smoothed_; }

 private:
  std::optional<absl::Duration> smoothed_;
  absl::Duration variation_;
};

}  // namespace p2pd::overlay
