// SystemRng: the operating system's randomness, for the daemon. Tests and the simulator use
// SeededRng.
#pragma once

#include "libcore/base/rng.h"

namespace p2pd::runtime {

// getrandom(2) without a pool of our own, so that a fork or a core dump gives nothing away. Ends
// the process if the kernel refuses, since no caller could go on. Threads: any.
class SystemRng final : public Rng {
 public:
  void Fill(MutableByteView out) override;
};

}  // namespace p2pd::runtime
