#include "libcore/media/rtcp_packet.h"

#include <algorithm>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"

namespace p2pd::media {
namespace {

// RFC 3550 §12.1, RFC 3611 §2.
constexpr uint8_t kSenderReport = 200;
constexpr uint8_t kReceiverReport = 201;
constexpr uint8_t kSourceDescription = 202;
constexpr uint8_t kBye = 203;
constexpr uint8_t kExtendedReport = 207;

constexpr uint8_t kCnameItem = 1;
constexpr uint8_t kLossRleBlock = 1;
constexpr uint8_t kReceiptTimesBlock = 3;
constexpr uint8_t kVoipMetricsBlock = 7;
constexpr size_t kVoipMetricsSize = 32;  // behind the block's header of 4
constexpr uint8_t kUnavailable = 127;

struct Piece {
  uint8_t count = 0;  // reports, sources or chunks
  uint8_t type = 0;
  ByteView body;  // behind the first word, without padding
};

// Cuts the next packet off a compound one; nullopt when it does not fit.
std::optional<Piece> NextPiece(ByteView& rest) {
  ByteReader reader(rest);
  const uint8_t first = reader.U8();
  Piece piece;
  piece.type = reader.U8();
  const size_t size = size_t{4} * reader.U16();
  piece.body = reader.Take(size);
  if (!reader.ok() || first >> 6 != 2) return std::nullopt;
  piece.count = first & 0x1f;
  rest.remove_prefix(4 + size);
  if ((first & 0x20) != 0) {
    // RFC 3550 §6.4.1: padding may stand in the last packet only.
    if (!rest.empty() || piece.body.empty()) return std::nullopt;
    const size_t padding = piece.body.back();
    if (padding == 0 || padding % 4 != 0 || padding > piece.body.size()) return std::nullopt;
    piece.body.remove_suffix(padding);
  }
  return piece;
}

// 24 bits, two's complement.
int32_t SignExtend24(uint32_t value) {
  return static_cast<int32_t>(value & 0x7f'ffff) - static_cast<int32_t>(value & 0x80'0000);
}

void ReadBlocks(uint8_t count, ByteReader& reader, uint32_t local_ssrc, RtcpReport& report) {
  for (uint8_t i = 0; i < count; ++i) {
    ReportBlock block;
    block.ssrc = reader.U32();
    const uint32_t lost = reader.U32();
    block.fraction_lost = static_cast<uint8_t>(lost >> 24);
    block.cumulative_lost = SignExtend24(lost);
    block.highest_sequence = reader.U32();
    block.jitter = reader.U32();
    block.last_sr = reader.U32();
    block.delay_since_sr = reader.U32();
    if (reader.ok() && block.ssrc == local_ssrc) report.block = block;
  }
}

bool ReadReport(const Piece& piece, uint32_t local_ssrc, RtcpReport& report) {
  ByteReader reader(piece.body);
  report.ssrc = reader.U32();
  if (piece.type == kSenderReport) {
    SenderInfo sender;
    sender.ntp = reader.U64();
    sender.rtp_timestamp = reader.U32();
    sender.packets = reader.U32();
    sender.bytes = reader.U32();
    if (reader.ok()) report.sender = sender;
  }
  ReadBlocks(piece.count, reader, local_ssrc, report);
  return reader.ok();  // profile-specific words may follow
}

void ReadVoipMetrics(ByteView body, uint32_t local_ssrc, RtcpReport& report) {
  ByteReader reader(body);
  VoipMetrics metrics;
  metrics.ssrc = reader.U32();
  metrics.loss_rate = reader.U8();
  metrics.discard_rate = reader.U8();
  reader.Take(6);  // burst and gap density and duration
  metrics.round_trip_ms = reader.U16();
  metrics.end_system_delay_ms = reader.U16();
  reader.Take(4);  // signal level, noise level, echo return loss, Gmin
  metrics.r_factor = reader.U8();
  reader.U8();  // external R
  metrics.mos_lq = reader.U8();
  metrics.mos_cq = reader.U8();
  reader.Take(2);  // receiver configuration, reserved
  metrics.buffer_nominal_ms = reader.U16();
  metrics.buffer_maximum_ms = reader.U16();
  metrics.buffer_absolute_maximum_ms = reader.U16();
  if (reader.ok() && metrics.ssrc == local_ssrc) report.voip = metrics;
}

// RFC 3611 §4.1: chunks of 16 bits. The first bit says a run (its kind, then 14 bits of length) or
// 15 packets one by one; 1 came, 0 did not. A zero chunk fills up.
void ReadArrivals(ByteView body, uint32_t local_ssrc, RtcpReport& report) {
  ByteReader reader(body);
  Arrivals arrivals;
  arrivals.ssrc = reader.U32();
  arrivals.begin = reader.U16();
  arrivals.count = static_cast<uint16_t>(reader.U16() - arrivals.begin);
  // We cannot tell what another kind of reporter means by more.
  if (!reader.ok() || arrivals.count > kMaxReportedPackets) return;
  size_t at = 0;
  while (at < arrivals.count && reader.remaining() >= 2) {
    const uint16_t chunk = reader.U16();
    const bool vector = (chunk & 0x8000) != 0;
    const size_t length = vector ? 15 : chunk & 0x3fff;
    for (size_t i = 0; i < length && at < arrivals.count; ++i, ++at) {
      arrivals.came[at] = (chunk & (vector ? 0x4000 >> i : 0x4000)) != 0;
    }
  }
  if (at == arrivals.count && arrivals.ssrc == local_ssrc) report.arrivals = arrivals;
}

void ReadReceipt(ByteView body, uint32_t local_ssrc, RtcpReport& report) {
  ByteReader reader(body);
  Receipt receipt;
  receipt.ssrc = reader.U32();
  receipt.sequence = reader.U16();
  reader.U16();  // one behind the last
  receipt.at = reader.U32();
  if (reader.ok() && receipt.ssrc == local_ssrc) report.receipt = receipt;
}

bool ReadExtended(const Piece& piece, uint32_t local_ssrc, RtcpReport& report) {
  ByteReader reader(piece.body);
  reader.U32();  // SSRC of the reporter
  while (reader.ok() && reader.remaining() > 0) {
    const uint8_t type = reader.U8();
    // Type-specific. RFC 3611 §4.1: the lower half says of which packets alone the block tells.
    const uint8_t thinning = reader.U8() & 0x0f;
    const ByteView body = reader.Take(size_t{4} * reader.U16());
    if (!reader.ok()) return false;
    if (type == kVoipMetricsBlock && body.size() == kVoipMetricsSize) {
      ReadVoipMetrics(body, local_ssrc, report);
    } else if (type == kLossRleBlock && thinning == 0) {
      ReadArrivals(body, local_ssrc, report);
    } else if (type == kReceiptTimesBlock && thinning == 0) {
      ReadReceipt(body, local_ssrc, report);
    }
  }
  return reader.ok();
}

bool ReadBye(const Piece& piece, RtcpReport& report) {
  ByteReader reader(piece.body);
  for (uint8_t i = 0; i < piece.count; ++i) {
    if (reader.U32() == report.ssrc && reader.ok()) report.bye = true;
  }
  return reader.ok();
}

// Writes into a fixed buffer; sizes are known beforehand, so nothing can be short.
class Writer {
 public:
  explicit Writer(MutableByteView out) : out_(out) {}
  Writer& U8(uint8_t value) {
    P2PD_CHECK(size_ < out_.size());
    out_[size_++] = value;
    return *this;
  }
  Writer& U16(uint16_t value) {
    return U8(static_cast<uint8_t>(value >> 8)).U8(static_cast<uint8_t>(value));
  }
  Writer& U32(uint32_t value) {
    return U16(static_cast<uint16_t>(value >> 16)).U16(static_cast<uint16_t>(value));
  }
  // `words` of 32 bits follow this one.
  Writer& Head(uint8_t count, uint8_t type, uint16_t words) {
    return U8(static_cast<uint8_t>(0x80 | count)).U8(type).U16(words);
  }
  size_t size() const { return size_; }

 private:
  MutableByteView out_;
  size_t size_ = 0;
};

void WriteBlock(const ReportBlock& block, Writer& writer) {
  writer.U32(block.ssrc)
      .U32(uint32_t{block.fraction_lost} << 24 |
           (static_cast<uint32_t>(block.cumulative_lost) & 0xff'ffff))
      .U32(block.highest_sequence)
      .U32(block.jitter)
      .U32(block.last_sr)
      .U32(block.delay_since_sr);
}

void WriteVoipMetrics(uint32_t ssrc, const VoipMetrics& metrics, Writer& writer) {
  writer.Head(0, kExtendedReport, 1 + 1 + kVoipMetricsSize / 4).U32(ssrc);
  writer.U8(kVoipMetricsBlock).U8(0).U16(kVoipMetricsSize / 4);
  writer.U32(metrics.ssrc).U8(metrics.loss_rate).U8(metrics.discard_rate);
  // Burst and gap are not told apart: no burst, and everything in the gap.
  writer.U8(0).U8(metrics.loss_rate).U16(0).U16(0);
  writer.U16(metrics.round_trip_ms).U16(metrics.end_system_delay_ms);
  writer.U8(kUnavailable).U8(kUnavailable).U8(kUnavailable).U8(16);  // Gmin: RFC 3611 recommends 16
  writer.U8(metrics.r_factor).U8(kUnavailable).U8(metrics.mos_lq).U8(metrics.mos_cq);
  writer.U8(0x30).U8(0);  // PLC unspecified, jitter buffer adaptive
  writer.U16(metrics.buffer_nominal_ms)
      .U16(metrics.buffer_maximum_ms)
      .U16(metrics.buffer_absolute_maximum_ms);
}

void WriteArrivals(uint32_t ssrc, const Arrivals& arrivals, Writer& writer) {
  constexpr size_t kVector = 15;
  const size_t chunks = (arrivals.count + kVector - 1) / kVector;
  const auto words = static_cast<uint16_t>(2 + (chunks + 1) / 2);
  writer.Head(0, kExtendedReport, 1 + 1 + words).U32(ssrc);
  writer.U8(kLossRleBlock).U8(0).U16(words).U32(arrivals.ssrc);
  writer.U16(arrivals.begin).U16(static_cast<uint16_t>(arrivals.begin + arrivals.count));
  for (size_t i = 0; i < chunks; ++i) {
    uint16_t chunk = 1;
    for (size_t at = kVector * i; at < kVector * (i + 1); ++at) {
      chunk =
          static_cast<uint16_t>(chunk << 1 | (at < arrivals.count && arrivals.came[at] ? 1 : 0));
    }
    writer.U16(chunk);
  }
  if (chunks % 2 != 0) writer.U16(0);
}

void WriteReceipt(uint32_t ssrc, const Receipt& receipt, Writer& writer) {
  writer.Head(0, kExtendedReport, 1 + 1 + 3).U32(ssrc);
  writer.U8(kReceiptTimesBlock).U8(0).U16(3).U32(receipt.ssrc);
  writer.U16(receipt.sequence).U16(static_cast<uint16_t>(receipt.sequence + 1)).U32(receipt.at);
}

}  // namespace

std::optional<RtcpReport> ParseRtcp(ByteView packet, uint32_t local_ssrc) {
  RtcpReport report;
  ByteView rest = packet;
  for (size_t i = 0; !rest.empty(); ++i) {
    if (i == kMaxRtcpPackets) return std::nullopt;
    const auto piece = NextPiece(rest);
    if (!piece) return std::nullopt;
    const bool is_report = piece->type == kSenderReport || piece->type == kReceiverReport;
    // RFC 3550 §6.1: a report comes first.
    if (i == 0 && !is_report) return std::nullopt;
    bool good = true;
    if (is_report) {
      good = ReadReport(*piece, local_ssrc, report);
    } else if (piece->type == kExtendedReport) {
      good = ReadExtended(*piece, local_ssrc, report);
    } else if (piece->type == kBye) {
      good = ReadBye(*piece, report);
    }
    if (!good) return std::nullopt;
  }
  if (packet.empty()) return std::nullopt;
  return report;
}

size_t BuildRtcp(const RtcpReport& report, MutableByteView out) {
  P2PD_CHECK(out.size() >= kMaxRtcpSize);
  Writer writer(out);
  const uint8_t blocks = report.block ? 1 : 0;
  const auto block_words = static_cast<uint16_t>(6 * blocks);
  if (report.sender) {
    writer.Head(blocks, kSenderReport, static_cast<uint16_t>(6 + block_words)).U32(report.ssrc);
    writer.U32(static_cast<uint32_t>(report.sender->ntp >> 32))
        .U32(static_cast<uint32_t>(report.sender->ntp))
        .U32(report.sender->rtp_timestamp)
        .U32(report.sender->packets)
        .U32(report.sender->bytes);
  } else {
    writer.Head(blocks, kReceiverReport, static_cast<uint16_t>(1 + block_words)).U32(report.ssrc);
  }
  if (report.block) WriteBlock(*report.block, writer);
  if (report.cname) {
    // SSRC, item type and length, the name, then zeros to the word's end, at least one (§6.5).
    constexpr size_t kChunk = 4 + 2 + kCnameSize + 2;
    static_assert(kChunk % 4 == 0);
    writer.Head(1, kSourceDescription, kChunk / 4).U32(report.ssrc);
    writer.U8(kCnameItem).U8(kCnameSize);
    for (const char c : *report.cname) writer.U8(static_cast<uint8_t>(c));
    writer.U16(0);
  }
  if (report.voip) WriteVoipMetrics(report.ssrc, *report.voip, writer);
  if (report.arrivals) WriteArrivals(report.ssrc, *report.arrivals, writer);
  if (report.receipt) WriteReceipt(report.ssrc, *report.receipt, writer);
  if (report.bye) writer.Head(1, kBye, 1).U32(report.ssrc);
  return writer.size();
}

}  // namespace p2pd::media
