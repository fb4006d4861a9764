// A uniform choice of k out of n without replacement, fast enough for every announce.
//
// Rules: SampleStream is no source of secrets: it is seeded from the injected Rng and only chooses
// peers. Same seed, same choices. Threads: values.
// Source: Floyd's algorithm in Bentley 1987, 'A sample of brilliance'; splitmix64 of Steele,
// Lea and Flood 2014.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace p2pd::archive::tracker {

class SampleStream {
 public:
  explicit SampleStream(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // In [0, bound), bound > 0. Uniform but for bound/2^32, which no statistic of ours could see.
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>((Next() >> 32) * bound >> 32); }

 private:
  uint64_t state_;
};

// The most that can be chosen at a time: what one reply has room for.
inline constexpr uint32_t kMaxSample = 64;

// What was chosen of the first 2,048: a bit each, the usual case.
class ChosenBits {
 public:
  static constexpr uint32_t kMost = 2048;

  explicit ChosenBits(uint32_t n) { std::fill_n(bits_.begin(), n / 64 + 1, 0); }
  // False when it was there.
  bool Add(uint32_t i) {
    uint64_t& word = bits_[i / 64];
    const uint64_t bit = uint64_t{1} << i % 64;
    const bool added = (word & bit) == 0;
    word |= bit;
    return added;
  }

 private:
  std::array<uint64_t, kMost / 64 + 1> bits_;
};

// The same of any number, in a table at most half full; 0 is free.
class ChosenTable {
 public:
  bool Add(uint32_t i) {
    uint32_t slot = i * 0x9e3779b1 >> (32 - kSlotBits);
    for (; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      if (slots_[slot] == i + 1) return false;
    }
    slots_[slot] = i + 1;
    return true;
  }

 private:
  static constexpr uint32_t kSlotBits = 7;
  static constexpr uint32_t kSlots = 1 << kSlotBits;
  static_assert(kSlots >= 2 * kMaxSample);
  std::array<uint32_t, kSlots> slots_{};
};

template <class Chosen, class Take>
void FloydSample(SampleStream& random, uint32_t n, uint32_t wanted, Chosen chosen, Take take) {
  for (uint32_t last = n - wanted; last < n; ++last) {
    uint32_t i = random.Below(last + 1);
    if (!chosen.Add(i)) {
      i = last;
      chosen.Add(i);
    }
    take(i);
  }
}

// Calls `take(i)` for `wanted` different i of [0, n), each subset as likely as any other; for all
// of them when there are no more than that. wanted <= kMaxSample.
template <class Take>
void Sample(SampleStream& random, uint32_t n, uint32_t wanted, Take take) {
  if (n <= wanted) {
    for (uint32_t i = 0; i < n; ++i) take(i);
  } else if (n <= ChosenBits::kMost) {
    FloydSample(random, n, wanted, ChosenBits(n), take);
  } else {
    FloydSample(random, n, wanted, ChosenTable(), take);
  }
}

}  // namespace p2pd::archive::tracker
