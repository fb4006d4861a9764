#include "libcore/media/delay_estimator.h"

#include <algorithm>
#include <limits>

#include "libcore/media/audio.h"
#include "libcore/media/e_model.h"

namespace p2pd::media {
namespace {

// Nanoseconds for which a transit time may be the reference.
constexpr int64_t kWindowNanos = 2'000'000'000;
// Share of the old histogram that a packet leaves: half is forgotten after 75 packets, 1.5 s.
// Longer, and the target follows a change too slowly; shorter, and it follows single packets.
constexpr double kForget = 0.9908;
// A target moves down only if it saves this much R: 5 ms of delay below 177 ms.
constexpr double kWorthwhile = 0.12;

// Nanoseconds of one slot of peaks_; all slots are 2.5 s.
constexpr int64_t kPeakSlotNanos = 500'000'000;

int64_t TimestampNanos(int64_t timestamp) { return timestamp * 62'500 / 3; }  // 10^9 / 48,000

}  // namespace

DelayEstimator::DelayEstimator() { histogram_[0] = 1.0; }

Instant DelayEstimator::EarliestArrival(int64_t timestamp) const {
  return Instant::FromNanos(window_[first_].transit + TimestampNanos(timestamp));
}

bool DelayEstimator::IsJump(Instant now, int64_t timestamp) const {
  if (size_ == 0) return false;
  const int64_t lateness = now.nanos() - TimestampNanos(timestamp) - window_[first_].transit;
  const int64_t most = absl::ToInt64Nanoseconds(kMaxJump);
  return lateness > most || lateness < -most;
}

void DelayEstimator::OnPacket(Instant now, int64_t timestamp) {
  const int64_t transit = now.nanos() - TimestampNanos(timestamp);
  Remember(now.nanos(), transit);
  const int64_t lateness = transit - window_[first_].transit;
  Count(lateness);
  NotePeak(now.nanos(), lateness);
  ChooseTarget();
}

// A monotonic queue: who is slower than a newer packet can never be the least again.
void DelayEstimator::Remember(int64_t at, int64_t transit) {
  while (size_ > 0 && window_[first_].at < at - kWindowNanos) {
    first_ = (first_ + 1) % kWindowPackets;
    --size_;
  }
  while (size_ > 0 && window_[(first_ + size_ - 1) % kWindowPackets].transit >= transit) --size_;
  if (size_ == kWindowPackets) {
    first_ = (first_ + 1) % kWindowPackets;
    --size_;
  }
  window_[(first_ + size_) % kWindowPackets] = Transit{at, transit};
  ++size_;
}

void DelayEstimator::Count(int64_t lateness) {
  const int64_t width = absl::ToInt64Nanoseconds(kLatenessBin);
  const auto bin = static_cast<size_t>(
      std::clamp<int64_t>(lateness / width, 0, static_cast<int64_t>(kLatenessBins) - 1));
  // The first packets weigh equally, later ones fade.
  ++packets_;
  const double keep = std::min(kForget, 1.0 - 1.0 / static_cast<double>(packets_ + 1));
  for (double& share : histogram_) share *= keep;
  histogram_[bin] += 1.0 - keep;
}

void DelayEstimator::NotePeak(int64_t at, int64_t lateness) {
  const int64_t slot = at / kPeakSlotNanos;
  for (; peak_slot_ < slot; ++peak_slot_) {
    // A long silence empties all slots, not more.
    constexpr auto kAll = static_cast<int64_t>(kPeakSlots);
    if (slot - peak_slot_ > kAll) peak_slot_ = slot - kAll;
    peaks_[static_cast<size_t>(peak_slot_ + 1) % kPeakSlots] = 0;
  }
  int64_t& peak = peaks_[static_cast<size_t>(slot) % kPeakSlots];
  peak = std::max(peak, lateness);
}

double DelayEstimator::LateShare(absl::Duration lateness) const {
  const auto bins = static_cast<size_t>(std::clamp<int64_t>(
      absl::ToInt64Nanoseconds(lateness) / absl::ToInt64Nanoseconds(kLatenessBin), 0,
      static_cast<int64_t>(kLatenessBins)));
  double late = 0.0;
  for (size_t i = bins; i < kLatenessBins; ++i) late += histogram_[i];
  return late;
}

void DelayEstimator::ChooseTarget() {
  const double network_ms = absl::ToDoubleMilliseconds(network_delay_);
  const double bin_ms = absl::ToDoubleMilliseconds(kLatenessBin);
  const double now_ms = absl::ToDoubleMilliseconds(target_);
  double best = std::numeric_limits<double>::max();
  double best_ms = now_ms;
  double price_now = best;
  double late = 1.0;
  for (size_t bin = 0; bin < kLatenessBins; ++bin) {
    late = std::max(late - histogram_[bin], 0.0);
    const double delay_ms = static_cast<double>(bin + 1) * bin_ms;
    if (delay_ms < absl::ToDoubleMilliseconds(kMinTarget)) continue;
    if (delay_ms > absl::ToDoubleMilliseconds(kMaxTarget)) break;
    const double price = DelayImpairment(network_ms + delay_ms) + LossImpairment(100.0 * late);
    if (delay_ms == now_ms) price_now = price;
    if (price < best) {
      best = price;
      best_ms = delay_ms;
    }
  }
  // Nothing was later for a while: the rest is memory, and the delay comes back.
  const int64_t peak = *std::max_element(peaks_.begin(), peaks_.end());
  const double enough_ms =
      std::max(static_cast<double>(peak / absl::ToInt64Nanoseconds(kLatenessBin) + 1) * bin_ms,
               absl::ToDoubleMilliseconds(kMinTarget));
  best_ms = std::min(best_ms, enough_ms);
  if (now_ms > enough_ms || best_ms > now_ms || price_now - best >= kWorthwhile)
    target_ = absl::Milliseconds(best_ms);
}

}  // namespace p2pd::media
