// Bits, eight in a byte: the first is the highest of the first byte, as in BEP 3's bitfield.
// Threads: values.
#pragma once

#include <cstddef>
#include <vector>

#include "libcore/base/bytes.h"

namespace p2pd {

// Bytes of so many bits.
constexpr size_t BytesOfBits(size_t count) { return (count + 7) / 8; }

// The bits of the last byte that are too many are 0.
Bytes PackBits(const std::vector<bool>& bits);

// `count` bits; what is missing of them is 0.
std::vector<bool> UnpackBits(ByteView bytes, size_t count);

}  // namespace p2pd
