// Compound RTCP: whatever is accepted can be built again and then says the same.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/media/rtcp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  constexpr uint32_t kLocalSsrc = 0x00001111;
  auto report = ParseRtcp(p2pd::ByteView(data, size), kLocalSsrc);
  if (!report) return 0;
  p2pd::Bytes packet(kMaxRtcpSize);
  packet.resize(BuildRtcp(*report, absl::MakeSpan(packet)));
  const auto again = ParseRtcp(packet, kLocalSsrc);
  P2PD_CHECK(again.has_value());
  P2PD_CHECK(again->ssrc == report->ssrc && again->bye == report->bye);
  P2PD_CHECK(again->sender.has_value() == report->sender.has_value());
  P2PD_CHECK(again->block.has_value() == report->block.has_value());
  P2PD_CHECK(!report->block || again->block->cumulative_lost == report->block->cumulative_lost);
  P2PD_CHECK(again->voip.has_value() == report->voip.has_value());
  P2PD_CHECK(again->arrivals.has_value() == report->arrivals.has_value());
  P2PD_CHECK(!report->arrivals || (again->arrivals->came == report->arrivals->came &&
                                   again->arrivals->begin == report->arrivals->begin &&
                                   again->arrivals->count == report->arrivals->count));
  P2PD_CHECK(again->receipt.has_value() == report->receipt.has_value());
  return 0;
}
