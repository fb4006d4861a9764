#include "libcore/base/time.h"

#include <algorithm>

namespace p2pd {

std::optional<Instant> Earliest(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

}  // namespace p2pd
