#include "tests/sim/p2pd_sim/store_crowd.h"

namespace p2pd::sim {

size_t Work::DrawRawBytes(Rng& rng) {
  constexpr size_t kSmallest = 50;
  constexpr size_t kUsual = 2'000;
  constexpr size_t kLargest = 20'000;
  const size_t most = rng.Below(20) == 0 ? kLargest : kUsual;
  return kSmallest + rng.Below(most - kSmallest);
}

}  // namespace p2pd::sim
