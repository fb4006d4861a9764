#include "libcore/archive/lifetimes.h"

#include <algorithm>
#include <cmath>

namespace p2pd::archive {

void Lifetimes::Observe(Instant now, size_t present, size_t gone) {
  const double span = std::max(absl::ToDoubleSeconds(now - at_), 0.0);
  const double kept = std::exp(-span / absl::ToDoubleSeconds(kMemory));
  departures_ = departures_ * kept + static_cast<double>(gone);
  seconds_ = seconds_ * kept + span * static_cast<double>(present_);
  at_ = now;
  present_ = present;
}

double Lifetimes::Rate() const {
  return (departures_ + 1) / (seconds_ + absl::ToDoubleSeconds(kPrior));
}

double Lifetimes::ChanceToLeave(absl::Duration span) const {
  return -std::expm1(-Rate() * absl::ToDoubleSeconds(span));
}

}  // namespace p2pd::archive
