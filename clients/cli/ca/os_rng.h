// OsRng: the operating system's randomness, for p2pctl, which has no runtime of the daemon's.
#pragma once

#include "libcore/base/rng.h"

namespace p2pd::cli {

// getrandom(2). Ends the process if the kernel refuses, since no key could be made. Threads: any.
class OsRng final : public Rng {
 public:
  void Fill(MutableByteView out) override;
};

}  // namespace p2pd::cli
