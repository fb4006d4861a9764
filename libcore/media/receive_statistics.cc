#include "libcore/media/receive_statistics.h"

#include <algorithm>
#include <cmath>

#include "libcore/media/audio.h"

namespace p2pd::media {
namespace {

// Packets in which one that was overtaken may still come: 80 ms.
constexpr int64_t kOvertaken = 4;

}  // namespace

void ReceiveStatistics::OnPacket(Instant now, uint16_t sequence, uint32_t timestamp) {
  const int64_t extended = unwrap_sequence_(sequence);
  if (received_ == 0) {
    first_ = highest_ = extended;
  } else {
    first_ = std::min(first_, extended);
    for (int64_t i = std::max(highest_ + 1, extended - kFates); i <= extended; ++i) {
      came_.reset(SlotOf(i));
    }
    highest_ = std::max(highest_, extended);
  }
  ++received_;
  if (extended > highest_ - kFates) came_.set(SlotOf(extended));
  // RFC 3550 §A.8, in floating point.
  const double arrival = static_cast<double>(now.nanos()) * kSampleRate / 1e9;
  const double transit = arrival - static_cast<double>(unwrap_timestamp_(timestamp));
  if (last_transit_) jitter_ += (std::abs(transit - *last_transit_) - jitter_) / 16.0;
  last_transit_ = transit;
  if (!fastest_ || transit < fastest_transit_) {
    fastest_transit_ = transit;
    fastest_ = Receipt{.sequence = sequence,
                       .at = static_cast<uint32_t>(static_cast<int64_t>(std::llround(arrival)))};
  }
}

Arrivals ReceiveStatistics::arrivals() const {
  Arrivals arrivals;
  if (received_ == 0) return arrivals;
  const int64_t end = highest_ - kOvertaken;
  const int64_t begin = std::max(first_, end - static_cast<int64_t>(kMaxReportedPackets));
  arrivals.begin = static_cast<uint16_t>(begin);
  for (int64_t i = begin; i < end; ++i) {
    arrivals.came[arrivals.count++] = came_[SlotOf(i)];
  }
  return arrivals;
}

std::optional<Receipt> ReceiveStatistics::TakeFastest() {
  const std::optional<Receipt> fastest = fastest_;
  fastest_.reset();
  return fastest;
}

uint64_t ReceiveStatistics::expected() const {
  return received_ == 0 ? 0 : static_cast<uint64_t>(highest_ - first_ + 1);
}

int64_t ReceiveStatistics::lost() const {
  return static_cast<int64_t>(expected()) - static_cast<int64_t>(received_);
}

uint8_t ReceiveStatistics::TakeFractionLost() {
  // RFC 3550 §A.3.
  const uint64_t expected_now = expected();
  const auto expected_interval = static_cast<int64_t>(expected_now - expected_prior_);
  const auto received_interval = static_cast<int64_t>(received_ - received_prior_);
  expected_prior_ = expected_now;
  received_prior_ = received_;
  const int64_t lost_interval = expected_interval - received_interval;
  if (expected_interval == 0 || lost_interval <= 0) return 0;
  return static_cast<uint8_t>(std::min<int64_t>(lost_interval * 256 / expected_interval, 255));
}

absl::Duration ReceiveStatistics::jitter() const {
  return SamplesToDuration(static_cast<int64_t>(jitter_));
}

}  // namespace p2pd::media
