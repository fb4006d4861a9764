// Instant: a point of monotonic time. It has no Now(): whoever owns a clock passes the time in, so
// that one seed replays a thousand nodes. WallClock turns an Instant into civil time for what is
// signed with a date.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/time/time.h"

namespace p2pd {

// Nanoseconds since an epoch that the owner of the clock chose; only differences mean anything.
// Sums saturate at Min() and Max(), so that 'never' does not wrap into the past.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant FromNanos(int64_t nanos) { return Instant(nanos); }
  static constexpr Instant Min() { return Instant(std::numeric_limits<int64_t>::min()); }
  static constexpr Instant Max() { return Instant(std::numeric_limits<int64_t>::max()); }
  constexpr int64_t nanos() const { return nanos_; }

  friend constexpr auto operator<=>(const Instant&, const Instant&) = default;
  // A Duration is wider than 64 bits of nanoseconds, and its conversion saturates.
  friend Instant operator+(Instant t, absl::Duration d) {
    // The usual case, where both are cut off alike: without a Duration's wide arithmetic.
    if (t.nanos_ >= 0 && d >= absl::ZeroDuration()) {
      const int64_t nanos = absl::ToInt64Nanoseconds(d);
      return nanos <= std::numeric_limits<int64_t>::max() - t.nanos_ ? Instant(t.nanos_ + nanos)
                                                                     : Max();
    }
    return Instant(absl::ToInt64Nanoseconds(absl::Nanoseconds(t.nanos_) + d));
  }
  friend Instant operator-(Instant t, absl::Duration d) {
    return Instant(absl::ToInt64Nanoseconds(absl::Nanoseconds(t.nanos_) - d));
  }
  friend absl::Duration operator-(Instant a, Instant b) {
    if (a.nanos_ >= 0 && b.nanos_ >= 0) return absl::Nanoseconds(a.nanos_ - b.nanos_);
    return absl::Nanoseconds(a.nanos_) - absl::Nanoseconds(b.nanos_);
  }

 private:
  constexpr explicit Instant(int64_t nanos) : nanos_(nanos) {}
  int64_t nanos_ = 0;
};

// The earlier of two timeouts, where nullopt is never.
inline std::optional<Instant> Earliest(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

// Civil time as a function of monotonic time. The runtime sets it at start and whenever the system
// clock steps; the simulator gives each node its own, with drift. Threads: owned by one thread,
// read by the same.
class WallClock {
 public:
  WallClock() = default;
  WallClock(Instant now, absl::Time wall) { Set(now, wall); }

  void Set(Instant now, absl::Time wall) {
    at_ = now;
    wall_ = wall;
  }
  absl::Time At(Instant now) const { return wall_ + (now - at_); }

 private:
  Instant at_;
  absl::Time wall_ = absl::UnixEpoch();
};

}  // namespace p2pd
