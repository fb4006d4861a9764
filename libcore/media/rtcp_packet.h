// RTCP: what each side tells the other about the sound it hears. Reads and writes compound packets
// of sender and receiver reports, source description (CNAME only), BYE and three extended reports:
// VoIP metrics, which packets came, and when one of them did.
//
// Rules: a compound packet is taken whole or not at all; packet types, blocks and items that we do
// not know are passed over by their length. One report block is enough, since a call has two ends;
// further ones are passed over. The CNAME is random per call (RFC 7022), so that it links nothing.
// Threads: pure functions.
// Limits: kMaxRtcpPackets in a compound packet, kMaxReportBlocks per report (5 bits), kMaxRtcpSize,
// kMaxReportedPackets.
// Sources: RFC 3550 §6, Appendix A.2; RFC 3611 §2, §3, §4.1, §4.3, §4.7.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "libcore/base/bytes.h"

namespace p2pd::media {

// One compound packet of ours has six at most.
inline constexpr size_t kMaxRtcpPackets = 16;
// Bytes that BuildRtcp needs at most, without protection.
inline constexpr size_t kMaxRtcpSize = 256;
// Bytes of a CNAME as we make it: 96 random bits in hexadecimal (RFC 7022 §4.2 allows 96).
inline constexpr size_t kCnameSize = 24;

// RFC 3550 §6.4.1.
struct SenderInfo {
  uint64_t ntp = 0;  // 32.32 fixed point seconds of the sender's clock
  uint32_t rtp_timestamp = 0;
  uint32_t packets = 0;
  uint32_t bytes = 0;  // of payload
};

// RFC 3550 §6.4.1: one report block.
struct ReportBlock {
  uint32_t ssrc = 0;              // whose packets are reported on
  uint8_t fraction_lost = 0;      // of 256, since the last report
  int32_t cumulative_lost = 0;    // 24 bits, signed
  uint32_t highest_sequence = 0;  // extended
  uint32_t jitter = 0;            // RTP timestamp units
  uint32_t last_sr = 0;           // middle 32 bits of the last SR's NTP timestamp
  uint32_t delay_since_sr = 0;    // 1/65536 s
};

// RFC 3611 §4.7: how the sender of this report hears us. 127 says 'unavailable' for R and MOS.
struct VoipMetrics {
  uint32_t ssrc = 0;
  uint8_t loss_rate = 0;     // of 256, since the start
  uint8_t discard_rate = 0;  // of 256: came too late
  uint16_t round_trip_ms = 0;
  uint16_t end_system_delay_ms = 0;
  uint8_t r_factor = 127;
  uint8_t mos_lq = 127;  // tenths
  uint8_t mos_cq = 127;  // tenths
  uint16_t buffer_nominal_ms = 0;
  uint16_t buffer_maximum_ms = 0;
  uint16_t buffer_absolute_maximum_ms = 0;
};

// Packets that one report can tell the fate of: more than two seconds of them, so that the loss of
// one report costs nothing.
inline constexpr size_t kMaxReportedPackets = 128;

// RFC 3611 §4.1, unfolded: which of the packets from `begin` on came.
struct Arrivals {
  uint32_t ssrc = 0;
  uint16_t begin = 0;
  size_t count = 0;  // 0..kMaxReportedPackets
  std::bitset<kMaxReportedPackets> came;
};

// RFC 3611 §4.3 for one packet. We tell of the fastest since the last report: how much longer than
// others it took says how long the queue on the way is, whatever the jitter.
struct Receipt {
  uint32_t ssrc = 0;
  uint16_t sequence = 0;
  uint32_t at = 0;  // the reporter's clock in RTP timestamp units, of any origin
};

// What one compound packet says.
struct RtcpReport {
  uint32_t ssrc = 0;  // of the sender of this packet
  std::optional<SenderInfo> sender;
  std::optional<ReportBlock> block;
  std::optional<VoipMetrics> voip;
  std::optional<Arrivals> arrivals;
  std::optional<Receipt> receipt;
  std::optional<std::array<char, kCnameSize>> cname;  // writing only
  bool bye = false;
};

// nullopt unless `packet` is a whole, well-formed compound packet (RFC 3550 Appendix A.2). Only
// blocks about `local_ssrc` and a BYE of the sender's own SSRC are reported.
std::optional<RtcpReport> ParseRtcp(ByteView packet, uint32_t local_ssrc);

// Writes SR (when `sender` is there) or RR, then SDES, XR and BYE as there. Returns the size; `out`
// has at least kMaxRtcpSize bytes.
size_t BuildRtcp(const RtcpReport& report, MutableByteView out);

}  // namespace p2pd::media
