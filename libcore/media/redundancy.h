// How a sender guards its frames against loss: FEC in the next packet, or a copy in a later one
// (RED, RFC 2198); chosen from what the receiver reports.
//
// The receiver tells which packets came (RFC 3611 §4.1), so nothing need be assumed of how losses
// follow each other: each way of guarding is tried on the losses of the last seconds, and the one
// that would have cost intelligibility least is taken. A copy's distance then matches the bursts
// that there are, as far as the delay that it needs is worth it. Rules:
//  - A copy takes part of its bits from the frames: the payload grows by half.
//  - When the queue on the way to the receiver grows, copies end and do not begin anew for a while:
//  more bits would be lost in it, and the copies with them.
//  - FEC is always ready, so that the first loss of a calm network is recovered as well, unless
//  each frame is copied anyway: then its bits serve the frames.
// Threads: one owner, no clock of its own, no allocation. Limits: kPattern packets are remembered.
// Sources: RFC 2198, RFC 7587 §4.2, RFC 3611; prices measured with libopus 1.3.1 (README.md).
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "libcore/media/delay_trend.h"
#include "libcore/media/rtcp_packet.h"
#include "libcore/media/rtp_packet.h"

namespace p2pd::media {

// Bit/s for the frames themselves, with copies or without, when `bitrate` is theirs alone.
int FrameBitrate(int bitrate, bool copies);

class RedundancyPolicy {
 public:
  // `copies`: the other side understands them.
  explicit RedundancyPolicy(bool copies) : copies_(copies) {}

  // A report of the receiver, after whatever it told `trend`. Packets that an earlier one told of
  // are passed over.
  void OnArrivals(const Arrivals& arrivals, const DelayTrend& trend);

  // How many frames back the copy in each packet is from, 1..kMaxRedDistance; 0: FEC and no copy.
  uint8_t distance() const { return distance_; }
  // Share of the remembered packets that did not come, 0..1.
  double loss() const;

 private:
  // Ten seconds of 20 ms packets: enough to tell bursts from chance, and soon forgotten.
  static constexpr size_t kPattern = 500;
  // Reports, one a second, until copies may fill a queue again.
  static constexpr int kCalm = 10;
  // Reports in a row that must find copies not worth their price: a lull between bursts is short.
  static constexpr int kPatience = 4;

  bool Lost(size_t age) const { return lost_[(next_ + kPattern - 1 - age) % kPattern]; }
  double PriceOf(uint8_t distance) const;

  const bool copies_;
  uint8_t distance_ = 0;
  int calm_reports_ = kCalm;  // since the queue grew
  int idle_reports_ = 0;      // that found copies not worth their price
  Unwrapper<uint16_t> unwrap_;
  std::optional<int64_t> end_;  // behind the newest packet that was told of
  std::bitset<kPattern> lost_;
  size_t next_ = 0;
  size_t known_ = 0;
};

}  // namespace p2pd::media
