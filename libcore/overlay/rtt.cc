#include "libcore/overlay/rtt.h"

#include <algorithm>

namespace p2pd::overlay {

void RoundTrip::OnSample(absl::Duration sample) {
  sample = std::max(sample, absl::ZeroDuration());
  if (!smoothed_) {
    smoothed_ = sample;
    variation_ = sample / 2;
    return;
  }
  // RFC 6298 §2.3
  variation_ = variation_ * 0.75 + absl::AbsDuration(*smoothed_ - sample) * 0.25;
  smoothed_ = *smoothed_ * 0.875 + sample * 0.125;
}

absl::Duration RoundTrip::Timeout() const {
  if (!smoothed_) return bound_ <= kSlowest ? std::max(kInitial, bound_) : kInitial;
  const absl::Duration most = std::clamp(*smoothed_ * kSlowFactor, kMax, kSlowest);
  return std::clamp(*smoothed_ + std::max(4 * variation_, kGranularity), kMin, most);
}

}  // namespace p2pd::overlay
