#include "libcore/base/token_bucket.h"

#include <algorithm>

namespace p2pd {

void TokenBucket::Refill(Instant now) {
  if (started_ && now > refilled_) {
    level_ = std::min(burst_, level_ + rate_ * absl::ToDoubleSeconds(now - refilled_));
  }
  if (!started_ || now > refilled_) refilled_ = now;
  started_ = true;
}

bool TokenBucket::TryTake(Instant now, double amount) {
  Refill(now);
  if (level_ < amount) return false;
  level_ -= amount;
  return true;
}

void TokenBucket::Force(Instant now, double amount) {
  Refill(now);
  level_ -= amount;
}

Instant TokenBucket::WhenAvailable(Instant now, double amount) {
  Refill(now);
  if (level_ >= amount) return now;
  if (amount > burst_) return Instant::Max();
  // Rounded up by a nanosecond so that the taker who comes then finds enough.
  return now + absl::Seconds((amount - level_) / rate_) + absl::Nanoseconds(1);
}

double TokenBucket::level(Instant now) {
  Refill(now);
  return level_;
}

}  // namespace p2pd
