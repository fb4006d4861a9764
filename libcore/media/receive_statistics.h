// What RTCP reports about a received RTP stream: loss, highest sequence number, interarrival
// jitter.
//
// Rules: counts what arrived authentic, whatever the jitter buffer made of it. Threads: one owner.
// Limits: the fate of the last kFates packets is known.
// Sources: RFC 3550 §6.4.1, Appendices A.3 and A.8; RFC 3611 §4.1, §4.3.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "libcore/media/rtcp_packet.h"
#include "libcore/media/rtp_packet.h"

namespace p2pd::media {

class ReceiveStatistics {
 public:
  void OnPacket(Instant now, uint16_t sequence, uint32_t timestamp);

  // Share of packets lost since the last call, of 256, for a report block; duplicates can only make
  // it zero.
  uint8_t TakeFractionLost();
  // Which of the last packets came, for an extended report; those that others may yet have
  // overtaken are left out. The SSRC is left to the caller.
  Arrivals arrivals() const;
  // The packet since the last call that took the shortest time; nullopt if none came.
  std::optional<Receipt> TakeFastest();

  bool started() const { return received_ > 0; }
  uint64_t received() const { return received_; }
  uint64_t expected() const;
  // Expected less received; negative when duplicates outnumber losses.
  int64_t lost() const;
  // With the number of wraps in the upper half.
  uint32_t highest_extended() const { return static_cast<uint32_t>(highest_); }
  // In RTP timestamp units.
  uint32_t jitter_units() const { return static_cast<uint32_t>(jitter_); }
  absl::Duration jitter() const;

 private:
  // A power of two above kMaxReportedPackets.
  static constexpr int64_t kFates = 256;
  static size_t SlotOf(int64_t sequence) { return static_cast<size_t>(sequence & (kFates - 1)); }

  Unwrapper<uint16_t> unwrap_sequence_;
  Unwrapper<uint32_t> unwrap_timestamp_;
  int64_t first_ = 0;
  int64_t highest_ = 0;
  uint64_t received_ = 0;
  uint64_t expected_prior_ = 0;
  uint64_t received_prior_ = 0;
  std::optional<double> last_transit_;
  double jitter_ = 0.0;
  std::bitset<kFates> came_;  // by the lower bits of the sequence number, up to highest_
  std::optional<Receipt> fastest_;
  double fastest_transit_ = 0.0;
};

}  // namespace p2pd::media
