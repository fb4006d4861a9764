// Token bucket: at most `rate` units a second in the long run, `burst` at once.
#pragma once

#include "libcore/base/time.h"

namespace p2pd {

class TokenBucket {
 public:
  // rate > 0 units per second, burst > 0 units; starts full.
  TokenBucket(double rate, double burst) : rate_(rate), burst_(burst), level_(burst) {}

  // Takes `amount` if it is there. Time that goes back counts as no time.
  bool TryTake(Instant now, double amount);
  // Takes `amount` in any case; the level may go below zero and must be paid back first.
  void Force(Instant now, double amount);
  // When `amount` will be there, provided nothing else is taken; Instant::Max() for more than the
  // burst, which never will.
  Instant WhenAvailable(Instant now, double amount);
  double level(Instant now);

 private:
  void Refill(Instant now);
  double rate_;
  double burst_;
  double level_;
  Instant refilled_;
  bool started_ = false;
};

}  // namespace p2pd
