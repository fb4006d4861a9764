// SipHash-2-4: a short keyed hash. Who does not have the key can neither make a valid one nor aim
// for collisions; it is no signature, since who can check one can make one.
//
// Threads: values. Source: Aumasson and Bernstein 2012, 'SipHash: a fast short-input PRF'.
#pragma once

#include <array>
#include <cstdint>

#include "libcore/base/bytes.h"

namespace p2pd {

using SipHashKey = std::array<uint8_t, 16>;

uint64_t SipHash24(const SipHashKey& key, ByteView message);

}  // namespace p2pd
