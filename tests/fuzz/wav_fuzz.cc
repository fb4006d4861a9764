// WAV files from anywhere: refused, or decoded to samples that can be written and read again.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/media/wav_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::media;
  const auto samples = DecodeWav(p2pd::ByteView(data, size));
  if (!samples.ok() || samples->empty() || samples->size() > 100'000) return 0;
  const auto again = DecodeWav(EncodeWav(*samples));
  P2PD_CHECK(again.ok() && *again == *samples);
  return 0;
}
