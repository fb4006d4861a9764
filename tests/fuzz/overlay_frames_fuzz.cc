// Frames of a packet: what parses must encode to the same bytes again.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView input(data, size);
  const auto frames = p2pd::overlay::ParseFrames(input);
  if (!frames) return 0;
  p2pd::ByteWriter writer;
  for (const p2pd::overlay::Frame& frame : *frames) p2pd::overlay::WriteFrame(frame, writer);
  P2PD_CHECK(p2pd::ByteView(writer.bytes()) == input);
  return 0;
}
