#include "libcore/base/bits.h"

namespace p2pd {
namespace {

uint8_t Mask(size_t bit) { return static_cast<uint8_t>(0x80 >> (bit % 8)); }

}  // namespace

Bytes PackBits(const std::vector<bool>& bits) {
  Bytes out(BytesOfBits(bits.size()));
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) out[i / 8] |= Mask(i);
  }
  return out;
}

std::vector<bool> UnpackBits(ByteView bytes, size_t count) {
  std::vector<bool> out(count);
  for (size_t i = 0; i < count && i / 8 < bytes.size(); ++i) out[i] = (bytes[i / 8] & Mask(i)) != 0;
  return out;
}

}  // namespace p2pd
