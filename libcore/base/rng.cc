#include "libcore/base/rng.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "libcore/base/check.h"

namespace p2pd {
namespace {

// Between the machine's order and little-endian; its own inverse.
uint64_t LittleEndian(uint64_t value) {
  return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}

}  // namespace

uint64_t Rng::Next() {
  uint64_t value = 0;
  Fill(MutableByteView(reinterpret_cast<uint8_t*>(&value), sizeof value));
  return LittleEndian(value);
}

uint64_t Rng::Below(uint64_t bound) {
  P2PD_CHECK(bound > 0);
  // Values below 2^64 mod bound would make the low results likelier.
  const uint64_t floor = (0 - bound) % bound;
  uint64_t value = Next();
  while (value < floor) value = Next();
  return value % bound;
}

double Rng::Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

SecretBytes Rng::MakeSecret(size_t size) {
  SecretBytes secret{Bytes(size)};
  Fill(secret.mutable_view());
  return secret;
}

absl::Duration Rng::Jitter(absl::Duration mean) { return mean * (0.5 + Unit()); }

SeededRng::SeededRng(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    word = z ^ (z >> 31);
  }
}

uint64_t SeededRng::Step() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRng::Fill(MutableByteView out) {
  for (size_t i = 0; i < out.size(); i += sizeof(uint64_t)) {
    const uint64_t word = LittleEndian(Step());
    std::memcpy(out.data() + i, &word, std::min(sizeof word, out.size() - i));
  }
}

}  // namespace p2pd
