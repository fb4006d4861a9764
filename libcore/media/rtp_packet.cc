#include "libcore/media/rtp_packet.h"

#include "libcore/base/check.h"
#include "libcore/base/codec.h"

namespace p2pd::media {
namespace {

constexpr uint8_t kVersion = 2;
constexpr uint8_t kPaddingBit = 0x20;
constexpr uint8_t kExtensionBit = 0x10;
constexpr uint8_t kCountMask = 0x0f;
constexpr uint8_t kMarkerBit = 0x80;

}  // namespace

std::optional<RtpHeader> ParseRtpHeader(ByteView packet) {
  ByteReader reader(packet);
  const uint8_t first = reader.U8();
  const uint8_t second = reader.U8();
  RtpHeader header;
  header.sequence = reader.U16();
  header.timestamp = reader.U32();
  header.ssrc = reader.U32();
  reader.Take(size_t{4} * (first & kCountMask));
  if ((first & kExtensionBit) != 0) {
    // RFC 3550 §5.3.1: 16 bits of the profile's, then the length in words.
    reader.U16();
    reader.Take(size_t{4} * reader.U16());
  }
  if (!reader.ok() || first >> 6 != kVersion) return std::nullopt;
  header.padding = (first & kPaddingBit) != 0;
  header.marker = (second & kMarkerBit) != 0;
  header.payload_type = second & 0x7f;
  header.size = packet.size() - reader.remaining();
  return header;
}

std::optional<ByteView> RtpPayload(const RtpHeader& header, ByteView packet) {
  if (packet.size() < header.size) return std::nullopt;
  const ByteView payload = packet.subspan(header.size);
  if (!header.padding) return payload;
  if (payload.empty()) return std::nullopt;
  // RFC 3550 §5.1: the last byte counts the padding, itself included.
  const size_t padding = payload.back();
  if (padding == 0 || padding > payload.size()) return std::nullopt;
  return payload.first(payload.size() - padding);
}

void WriteRtpHeader(const RtpHeader& header, MutableByteView out) {
  P2PD_CHECK(out.size() >= kRtpHeaderSize);
  out[0] = kVersion << 6;
  out[1] = static_cast<uint8_t>((header.marker ? kMarkerBit : 0) | (header.payload_type & 0x7f));
  out[2] = static_cast<uint8_t>(header.sequence >> 8);
  out[3] = static_cast<uint8_t>(header.sequence);
  for (size_t i = 0; i < 4; ++i) {
    out[4 + i] = static_cast<uint8_t>(header.timestamp >> (24 - 8 * i));
    out[8 + i] = static_cast<uint8_t>(header.ssrc >> (24 - 8 * i));
  }
}

}  // namespace p2pd::media
