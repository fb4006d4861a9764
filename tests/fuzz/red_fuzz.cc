// Redundant audio of a stranger: what is accepted lies within the payload and fills it, and a copy
// of ours says the same when it is written again.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/media/red_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  constexpr uint8_t kOpus = 111;
  constexpr uint32_t kTimestamp = 100;
  const p2pd::ByteView payload(data, size);
  const auto red = ParseRed(payload, kOpus);
  if (!red) return 0;
  P2PD_CHECK(red->count <= kMaxRedCopies && !red->frame.empty());
  size_t used = 1 + red->frame.size();
  for (size_t i = 0; i < red->count; ++i) {
    P2PD_CHECK(red->copies[i].offset > 0 && red->copies[i].offset < 1u << 14);
    P2PD_CHECK(!red->copies[i].payload.empty() && red->copies[i].payload.size() <= kMaxRedBlock);
    used += 4 + red->copies[i].payload.size();
  }
  P2PD_CHECK(used == size);
  if (red->count != 1) return 0;
  RedWriter writer;
  writer.Remember(kTimestamp, red->copies[0].payload);
  p2pd::Bytes again(size);
  const size_t written = writer.Write(kTimestamp + p2pd::media::kFrameSamples, red->frame, 1, kOpus,
                                      absl::MakeSpan(again));
  P2PD_CHECK(written == size);
  const auto back = ParseRed(again, kOpus);
  P2PD_CHECK(back.has_value() && back->frame == red->frame &&
             back->copies[0].payload == red->copies[0].payload);
  return 0;
}
