#include "libcore/media/rate_ladder.h"

#include <algorithm>
#include <array>

namespace p2pd::media {
namespace {

constexpr std::array<int, 6> kSteps = {64'000, 48'000, 32'000, 24'000, 16'000, kLowestStep};

}  // namespace

int RateLadder::bitrate() const { return std::min(most_, kSteps[step_]); }

void RateLadder::OnReport(const DelayTrend& trend) {
  if (trend.growing()) {
    if (trying_) patience_ = std::min(2 * patience_, kMostPatience);
    trying_ = false;
    calm_ = 0;
    const int now = bitrate();
    while (step_ + 1 < kSteps.size() && bitrate() == now) ++step_;
    return;
  }
  if (++calm_ < patience_) return;
  calm_ = 0;
  if (trying_) patience_ = kPatience;
  trying_ = step_ > 0 && kSteps[step_] < most_;
  if (trying_) --step_;
}

}  // namespace p2pd::media
