#include "libcore/media/delay_trend.h"

#include <algorithm>

#include "libcore/media/audio.h"

namespace p2pd::media {
namespace {

// A queue that counts, one that is too long whatever it does, and what it must have gained since
// the last report to grow: a packet's way across a busy machine varies by some milliseconds.
constexpr absl::Duration kQueue = absl::Milliseconds(15);
constexpr absl::Duration kLongQueue = absl::Milliseconds(60);
constexpr absl::Duration kGain = absl::Milliseconds(5);

// Samples, a minute: more is a clock that makes no sense, and must not overflow.
constexpr int64_t kMostQueue = int64_t{60} * kSampleRate;

}  // namespace

void DelayTrend::OnReceipt(uint32_t sent, uint32_t received) {
  const int64_t newest = unwrap_(received - sent);
  transits_[next_] = newest;
  next_ = (next_ + 1) % kReports;
  known_ = std::min(known_ + 1, kReports);
  const int64_t least = *std::min_element(transits_.begin(), transits_.begin() + known_);
  const absl::Duration before = queue_;
  queue_ = SamplesToDuration(std::min(newest - least, kMostQueue));
  growing_ = queue_ > kLongQueue || (queue_ > kQueue && queue_ > before + kGain);
}

}  // namespace p2pd::media
