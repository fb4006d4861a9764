// Lifetimes: how long holders stay, learnt from those who were watched.
//
// Rules: the rate at which holders leave is departures per second of presence, pooled over all
// whom we were connected to, with a prior that counts as one departure in two hours (the mean
// residual session of public swarms), forgotten over a day. Exponential, since a better law needs
// more than one swarm shows. Threads: one owner. Source: Stutzbach and Rejaie 2006 (sessions of
// BitTorrent peers).
#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "libcore/base/time.h"

namespace p2pd::archive {

class Lifetimes {
 public:
  static constexpr absl::Duration kPrior = absl::Hours(2);
  static constexpr absl::Duration kMemory = absl::Hours(24);

  explicit Lifetimes(Instant now) : at_(now) {}

  // `present` holders are there from now on, and `gone` of those who were have left.
  void Observe(Instant now, size_t present, size_t gone);
  // Departures a second of one holder.
  double Rate() const;
  // That one holder leaves within `span`.
  double ChanceToLeave(absl::Duration span) const;

 private:
  Instant at_;
  size_t present_ = 0;
  double departures_ = 0;
  double seconds_ = 0;
};

}  // namespace p2pd::archive
