// Events about who came and went: what parses is the same after it was written again, and a table
// takes it.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/wide_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using p2pd::Instant;
  const Instant now = Instant() + absl::Hours(1000);
  const p2pd::ByteView input(data, size);
  const auto events = p2pd::overlay::ParseHintEvents(now, input, 256);
  if (!events) return 0;
  p2pd::ByteWriter writer;
  p2pd::Counters counters;
  p2pd::overlay::WideTable table(1, counters, 16);
  for (const p2pd::overlay::HintEvent& event : *events) {
    p2pd::overlay::WriteHintEvent(now, event, writer);
    table.Take(now, event);
    P2PD_CHECK(table.StampOf(event.hint.head).has_value());
    P2PD_CHECK(table.size() <= 16);
    table.Around(event.hint.head, 4);
    table.DistancesOfRanks();
  }
  // An IPv4 address in IPv6's clothes is shorter the second time.
  P2PD_CHECK(writer.bytes().size() <= size);
  const auto again = p2pd::overlay::ParseHintEvents(now, writer.bytes(), 256);
  P2PD_CHECK(again && again->size() == events->size());
  return 0;
}
