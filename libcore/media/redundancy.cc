#include "libcore/media/redundancy.h"

#include <algorithm>

#include "libcore/media/red_packet.h"

namespace p2pd::media {
namespace {

// A copied frame has three quarters of the bits, so that the packet has half as much again.
constexpr int kShareOf4 = 3;
// Less is not understood better with copies than without.
constexpr int kLeastFrameBitrate = 12'000;
// Fewer packets say nothing of their losses, and nothing of bursts: three seconds.
constexpr size_t kEnough = 40;
constexpr size_t kEnoughForBursts = 150;

// Prices in ESTOI, by the measurements of README.md: of a frame that is invented, and of one that
// FEC restores at its lower rate, or not at all where the encoder found it not worth its bits.
constexpr double kInvented = 1.0;
constexpr double kRestored = 0.25;
// Of a copy's share of the bits, ours and the network's, and of each frame of delay that it needs.
constexpr double kCopy = 0.010;
constexpr double kFrameOfDelay = 0.004;
// What a change must gain, so that chance does not make it.
constexpr double kWorthwhile = 0.005;

}  // namespace

int FrameBitrate(int bitrate, bool copies) {
  if (!copies) return bitrate;
  return std::max(bitrate * kShareOf4 / 4, std::min(bitrate, kLeastFrameBitrate));
}

void RedundancyPolicy::OnArrivals(const Arrivals& arrivals, const DelayTrend& trend) {
  const int64_t begin = unwrap_(arrivals.begin);
  const int64_t end = begin + static_cast<int64_t>(arrivals.count);
  for (int64_t at = std::max(begin, end_.value_or(begin)); at < end; ++at) {
    lost_[next_] = !arrivals.came[static_cast<size_t>(at - begin)];
    next_ = (next_ + 1) % kPattern;
    known_ = std::min(known_ + 1, kPattern);
  }
  end_ = std::max(end_.value_or(end), end);
  if (!copies_ || known_ < kEnough) return;
  calm_reports_ = trend.growing() ? 0 : std::min(calm_reports_ + 1, kCalm);
  if (calm_reports_ < kCalm) {
    distance_ = 0;
    return;
  }
  double least = PriceOf(distance_) - kWorthwhile;
  uint8_t best = distance_;
  const uint8_t farthest = known_ < kEnoughForBursts ? 1 : kMaxRedDistance;
  for (uint8_t distance = 0; distance <= farthest; ++distance) {
    const double price = PriceOf(distance);
    if (price < least) {
      least = price;
      best = distance;
    }
  }
  idle_reports_ = distance_ > 0 && best == 0 ? idle_reports_ + 1 : 0;
  if (best > 0 || idle_reports_ >= kPatience) distance_ = best;
}

double RedundancyPolicy::loss() const {
  return known_ == 0 ? 0.0 : static_cast<double>(lost_.count()) / static_cast<double>(known_);
}

// What the remembered losses would have cost; `distance` as in distance().
double RedundancyPolicy::PriceOf(uint8_t distance) const {
  const bool fec = distance == 0;
  const size_t helper = fec ? 1 : distance;
  size_t invented = 0;
  size_t restored = 0;
  // By age: the newest have no later packet yet that could help them.
  for (size_t age = helper; age < known_; ++age) {
    if (Lost(age)) ++(Lost(age - helper) ? invented : restored);
  }
  const double all = static_cast<double>(std::max<size_t>(known_ - helper, 1));
  const double price = kInvented * static_cast<double>(invented) / all;
  if (fec) return price + kRestored * static_cast<double>(restored) / all;
  return price + kCopy + kFrameOfDelay * static_cast<double>(distance - 1);
}

}  // namespace p2pd::media
