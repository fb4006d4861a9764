#include "libcore/media/delay_estimator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libcore/base/check.h"
#include "libcore/media/audio.h"
#include "libcore/media/e_model.h"

namespace p2pd::media {
namespace {

// Nanoseconds for which a transit time may be the reference.
constexpr int64_t kWindowNanos = 2'000'000'000;
// Milliseconds after which what a trial has seen counts for 1/e: long enough that a stall every few
// seconds weighs the same at all times. A change for the worse shows within some packets anyway,
// one for the better through kPeakMemory.
constexpr double kMemoryMs = 6'000.0;
// How fast a buffer that lags behind comes back: time scaling takes a tenth and more out of speech.
constexpr double kComeBack = 0.12;
// Milliseconds by which the buffer that really plays may be short of its target.
constexpr double kSlackMs = 3.0;
// Waiting for a late packet breaks the flow but loses no word, so it counts less than a loss.
constexpr double kWaitWeight = 0.6;
// The jitter buffer's kMaxConcealment: whoever waited longer starts afresh at its target.
constexpr double kMaxWaitMs = 500.0;
// Beyond, a stream that stands still says nothing more about its jitter.
constexpr double kMaxStepMs = 1'000.0;
// A target moves down only if it saves this much R: 5 ms of delay below 177 ms.
constexpr double kWorthwhile = 0.12;

// Nanoseconds of one slot of peaks_.
constexpr int64_t kPeakSlotNanos = 500'000'000;

constexpr double kMinTargetMs = 10.0;
constexpr double kStepMs = 5.0;

int64_t TimestampNanos(int64_t timestamp) { return timestamp * 62'500 / 3; }  // 10^9 / 48,000

double ToMs(int64_t samples) { return static_cast<double>(samples) * 1'000.0 / kSampleRate; }

double TargetMs(size_t trial) { return kMinTargetMs + kStepMs * static_cast<double>(trial); }

}  // namespace

DelayEstimator::DelayEstimator() {
  static_assert(kPeakMemory == absl::Nanoseconds(kPeakSlotNanos * int64_t{kPeakSlots}));
  P2PD_CHECK(kMinTarget == absl::Milliseconds(kMinTargetMs) &&
             kTargetStep == absl::Milliseconds(kStepMs) &&
             kMaxTarget == absl::Milliseconds(TargetMs(kTrials - 1)));
  for (size_t i = 0; i < kTrials; ++i) trials_[i].delay = trials_[i].mean_delay = TargetMs(i);
  missing_.fill(kNoGap);
}

Instant DelayEstimator::EarliestArrival(int64_t timestamp) const {
  return Instant::FromNanos(window_[first_].transit + TimestampNanos(timestamp));
}

bool DelayEstimator::IsJump(Instant now, int64_t timestamp) const {
  if (size_ == 0) return false;
  const int64_t lateness = now.nanos() - TimestampNanos(timestamp) - window_[first_].transit;
  const int64_t most = absl::ToInt64Nanoseconds(kMaxJump);
  return lateness > most || lateness < -most;
}

void DelayEstimator::OnPacket(Instant now, const Packet& packet) {
  if (size_ == 0) end_ = packet.timestamp;
  const int64_t transit = now.nanos() - TimestampNanos(packet.timestamp);
  Remember(now.nanos(), transit);
  const double lateness_ms =
      static_cast<double>(transit - window_[first_].transit) / 1e6 + kSlackMs;
  NotePeak(now.nanos(), lateness_ms);
  if (packet.timestamp >= end_) {
    PlayInOrder(now, lateness_ms, packet);
  } else {
    // It came itself: its copy will tell nothing.
    std::replace(missing_.begin(), missing_.end(), packet.timestamp, kNoGap);
    PlayOvertaken(lateness_ms, packet);
  }
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

void DelayEstimator::OnCopy(Instant now, int64_t timestamp, size_t samples) {
  const auto missing = std::find(missing_.begin(), missing_.end(), timestamp);
  if (missing == missing_.end() || size_ == 0) return;
  *missing = kNoGap;
  if (timestamp == gap_) return;  // FEC had it
  const int64_t transit = now.nanos() - TimestampNanos(timestamp);
  const double lateness_ms =
      static_cast<double>(transit - window_[first_].transit) / 1e6 + kSlackMs;
  NotePeak(now.nanos(), lateness_ms);
  gap_ = kNoGap;
  PlayOvertaken(lateness_ms, {.timestamp = timestamp, .samples = samples});
  // Should the packet itself come yet, it finds what it would have cost.
  gap_ = timestamp;
  gap_recovery_ms_ = lateness_ms;
  ChooseTarget();
}

// Remembers which frames lie between the stream's end and `packet`, the last ones if there are
// many.
void DelayEstimator::NoteMissing(const Packet& packet) {
  const auto samples = static_cast<int64_t>(packet.samples);
  const int64_t oldest = packet.timestamp - samples * int64_t{kMissing};
  for (int64_t at = packet.timestamp - samples; at >= std::max(end_, oldest); at -= samples) {
    missing_[next_missing_] = at;
    next_missing_ = (next_missing_ + 1) % kMissing;
  }
}

void DelayEstimator::PlayInOrder(Instant now, double lateness_ms, const Packet& packet) {
  const double missing_ms = packet.after_pause ? 0.0 : ToMs(packet.timestamp - end_);
  const double length_ms = ToMs(static_cast<int64_t>(packet.samples));
  const double step_ms = std::min(length_ms + missing_ms, kMaxStepMs);
  if (!packet.after_pause) NoteMissing(packet);
  end_ = packet.timestamp + static_cast<int64_t>(packet.samples);
  played_ms_ += step_ms;
  // The first packets weigh equally, later ones fade.
  const double fresh = std::max(1.0 - std::exp(-step_ms / kMemoryMs), step_ms / played_ms_);
  // The last of what is missing can be had from this packet by those that are a packet behind it.
  const bool recoverable = packet.has_fec && missing_ms > 0.0;
  const double recovered_ms = std::min(missing_ms, length_ms);
  const double recovery_ms = lateness_ms + recovered_ms;
  gap_ = recoverable ? packet.timestamp - static_cast<int64_t>(packet.samples) : kNoGap;
  gap_recovery_ms_ = recovery_ms;
  if (recoverable) NotePeak(now.nanos(), recovery_ms);
  for (size_t i = 0; i < kTrials; ++i) {
    Trial& trial = trials_[i];
    trial.delay = std::max(trial.delay - kComeBack * step_ms, TargetMs(i));
    double concealed_ms = 0.0;
    if (recoverable && recovery_ms > trial.delay) concealed_ms += recovered_ms;
    if (lateness_ms > trial.delay) {
      const double wait_ms = lateness_ms - trial.delay;
      concealed_ms += kWaitWeight * std::min(wait_ms, kMaxWaitMs);
      trial.delay = wait_ms > kMaxWaitMs ? TargetMs(i) : lateness_ms;
    }
    const double share = std::min(concealed_ms / step_ms, 1.0 / fresh);
    trial.concealed += fresh * (share - trial.concealed);
    trial.mean_delay += fresh * (trial.delay - trial.mean_delay);
  }
}

// Lost to those buffers that had played past it, unless they had its redundancy.
void DelayEstimator::PlayOvertaken(double lateness_ms, const Packet& packet) {
  const double share = std::min(ToMs(static_cast<int64_t>(packet.samples)) / kMemoryMs, 1.0);
  const bool recoverable = packet.timestamp == gap_;
  for (Trial& trial : trials_) {
    const bool late = lateness_ms > trial.delay;
    const bool counted = recoverable && gap_recovery_ms_ > trial.delay;
    if (late && !recoverable) trial.concealed = std::min(trial.concealed + share, 1.0);
    if (!late && counted) trial.concealed = std::max(trial.concealed - share, 0.0);
  }
  if (recoverable) gap_ = kNoGap;
}

void DelayEstimator::NotePeak(int64_t at, double lateness_ms) {
  const int64_t slot = at / kPeakSlotNanos;
  for (; peak_slot_ < slot; ++peak_slot_) {
    // A long silence empties all slots, not more.
    constexpr auto kAll = static_cast<int64_t>(kPeakSlots);
    if (slot - peak_slot_ > kAll) peak_slot_ = slot - kAll;
    peaks_[static_cast<size_t>(peak_slot_ + 1) % kPeakSlots] = 0.0;
  }
  double& peak = peaks_[static_cast<size_t>(slot) % kPeakSlots];
  peak = std::max(peak, lateness_ms);
}

void DelayEstimator::ChooseTarget() {
  const double other_ms = absl::ToDoubleMilliseconds(other_delay_);
  const double now_ms = absl::ToDoubleMilliseconds(target_);
  double best = std::numeric_limits<double>::max();
  double best_ms = now_ms;
  double price_now = best;
  for (size_t i = 0; i < kTrials; ++i) {
    const double price = DelayImpairment(other_ms + trials_[i].mean_delay) +
                         LossImpairment(100.0 * trials_[i].concealed);
    if (TargetMs(i) == now_ms) price_now = price;
    if (price < best) {
      best = price;
      best_ms = TargetMs(i);
    }
  }
  // Nothing was later for a while: the rest is memory, and the delay comes back.
  const double peak = *std::max_element(peaks_.begin(), peaks_.end());
  const double enough_ms = std::max(kStepMs * (std::floor(peak / kStepMs) + 1.0), kMinTargetMs);
  best_ms = std::min(best_ms, enough_ms);
  if (now_ms > enough_ms || best_ms > now_ms || price_now - best >= kWorthwhile)
    target_ = absl::Milliseconds(best_ms);
}

}  // namespace p2pd::media
