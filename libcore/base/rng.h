// Rng: the only source of chance that libcore knows. It is injected everywhere; the one that
// reaches the operating system lives in runtime/, the one that replays a seed is SeededRng.
#pragma once

#include <array>
#include <cstdint>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"

namespace p2pd {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void Fill(MutableByteView out) = 0;

  // The next 8 bytes of Fill, little-endian on every machine.
  uint64_t Next();
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1).
  double Unit();
  // The next `size` bytes of Fill, wiped when they go.
  SecretBytes MakeSecret(size_t size);
  // Uniform in [mean/2, 3·mean/2]: the ±50 % jitter of every periodic timer (Rhea et al. 2004 use
  // the same).
  absl::Duration Jitter(absl::Duration mean);
  template <class FixedT>
  FixedT Make() {
    FixedT out;
    Fill(out.mutable_view());
    return out;
  }
};

// xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64. For tests and the simulator:
// same seed, same stream, on every machine. Not for keys that anybody is to rely on.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(uint64_t seed);
  void Fill(MutableByteView out) override;

 private:
  uint64_t Step();
  std::array<uint64_t, 4> state_;
};

}  // namespace p2pd
