// How much of each thing presence holds.
#pragma once

#include <cstddef>

namespace p2pd::presence {

// Limits; what is beyond them is RESOURCE_EXHAUSTED.
inline constexpr size_t kMaxIdentities = 64;
inline constexpr size_t kMaxContacts = 4096;  // and what fits one object of 64 KiB, about 700
inline constexpr size_t kMaxDevices = 8;
inline constexpr size_t kMaxRoots = 64;

}  // namespace p2pd::presence
