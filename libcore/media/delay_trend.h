// Whether the way to the receiver fills up: the queue on it, from when its fastest packets were
// sent and received.
//
// The two clocks have no common origin and need none: what counts is how much longer the fastest
// packet of a report took than the fastest of all that are remembered. Jitter hardly moves it,
// since one packet of a second finds the way free; a queue moves all. Drift of 500 ppm moves it by
// 5 ms in the memory, which is within the grain. Threads: one owner. No clock, no allocation.
// Limits: kReports are remembered. Sources: RFC 3611 §4.3; RFC 6817 §3.4 (LEDBAT's base delay) for
// the measure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "libcore/media/rtp_packet.h"

namespace p2pd::media {

class DelayTrend {
 public:
  // A packet of `sent`, its timestamp, came at `received` by the receiver's clock in the same
  // units.
  void OnReceipt(uint32_t sent, uint32_t received);

  // What packets wait on the way now, beyond the least of the last ten seconds.
  absl::Duration queue() const { return queue_; }
  // The queue is long, or longer than at the last report.
  bool growing() const { return growing_; }

 private:
  // Ten seconds of reports.
  static constexpr size_t kReports = 10;

  Unwrapper<uint32_t> unwrap_;
  std::array<int64_t, kReports> transits_{};
  size_t next_ = 0;
  size_t known_ = 0;
  absl::Duration queue_ = absl::ZeroDuration();
  bool growing_ = false;
};

}  // namespace p2pd::media
