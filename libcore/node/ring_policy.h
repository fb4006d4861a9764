// RingPolicy: whether somebody who calls makes the telephone ring.
//
// Rules: who comes with another key than the one pinned for the address is refused, whatever the
// rules say; a stranger rings at most kRingsPerMinute times a minute. Where nobody may ring, in
// quiet hours, and during a call when others are not to wait, a call comes in quietly: an answering
// machine may take it. Threads: one owner. Limits: kCallersRemembered strangers; who was not heard
// for longest is forgotten first.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/time.h"
#include "libcore/base/token_bucket.h"
#include "libcore/pki/user_key.h"
#include "libcore/presence/presence.h"

namespace p2pd::node {

// By the clock on the wall, in minutes since midnight, [0, 1440): from `from` until before `to`,
// over midnight where `to` is the earlier one, and always where they are the same.
struct QuietHours {
  int from = 0;
  int to = 0;

  bool Contains(int minute) const {
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
  }
};

struct RingRules {
  enum class From { kEverybody, kContacts, kNobody };
  From from = From::kEverybody;
  bool waiting = true;  // rings during a call, too
  std::optional<QuietHours> quiet;
  absl::TimeZone zone = absl::UTCTimeZone();
};

class RingPolicy {
 public:
  static constexpr double kRingsPerMinute = 3;
  static constexpr size_t kCallersRemembered = 1024;

  struct Knock {
    pki::KeyHash user;
    presence::Caller caller = presence::Caller::kStranger;
    bool referred = false;  // a contact sends him
    bool talking = false;   // we are in a call
  };
  enum class Verdict { kRings, kQuietly, kRefused };

  RingPolicy(const RingRules& rules, Counters& counters) : rules_(rules), counters_(counters) {}
  Verdict Judge(Instant now, absl::Time wall, const Knock& knock);

 private:
  bool Quiet(absl::Time wall, bool talking) const;
  bool TakeRing(Instant now, const pki::KeyHash& user);

  RingRules rules_;
  Counters& counters_;
  std::list<std::pair<pki::KeyHash, TokenBucket>> rings_;  // the latest first
  std::map<pki::KeyHash, std::list<std::pair<pki::KeyHash, TokenBucket>>::iterator> by_user_;
};

}  // namespace p2pd::node
