// RTP headers: what is accepted lies within the packet, and a plain header is written as it was
// read.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/media/rtp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  const p2pd::ByteView packet(data, size);
  const auto header = ParseRtpHeader(packet);
  if (!header) return 0;
  P2PD_CHECK(header->size >= kRtpHeaderSize && header->size <= size);
  const auto payload = RtpPayload(*header, packet);
  P2PD_CHECK(!payload || header->size + payload->size() <= size);
  p2pd::Bytes again(kRtpHeaderSize);
  WriteRtpHeader(*header, absl::MakeSpan(again));
  const auto back = ParseRtpHeader(again);
  P2PD_CHECK(back.has_value() && back->sequence == header->sequence &&
             back->timestamp == header->timestamp && back->ssrc == header->ssrc &&
             back->payload_type == header->payload_type && back->marker == header->marker);
  return 0;
}
