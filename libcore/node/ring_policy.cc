#include "libcore/node/ring_policy.h"

#include <utility>

namespace p2pd::node {

RingPolicy::Verdict RingPolicy::Judge(Instant now, absl::Time wall, const Knock& knock) {
  if (knock.caller == presence::Caller::kOtherKey) {
    counters_.Add("node.refused_other_key");
    return Verdict::kRefused;
  }
  if (knock.caller == presence::Caller::kStranger) {
    if (rules_.from == RingRules::From::kContacts && !knock.referred) {
      counters_.Add("node.refused_unknown_caller");
      return Verdict::kRefused;
    }
    if (!TakeRing(now, knock.user)) {
      counters_.Add("node.refused_rings_too_often");
      return Verdict::kRefused;
    }
  }
  if (!Quiet(wall, knock.talking)) return Verdict::kRings;
  counters_.Add("node.calls_without_ring");
  return Verdict::kQuietly;
}

bool RingPolicy::Quiet(absl::Time wall, bool talking) const {
  if (rules_.from == RingRules::From::kNobody || (talking && !rules_.waiting)) return true;
  if (!rules_.quiet) return false;
  const absl::CivilSecond clock = absl::ToCivilSecond(wall, rules_.zone);
  return rules_.quiet->Contains(clock.hour() * 60 + clock.minute());
}

bool RingPolicy::TakeRing(Instant now, const pki::KeyHash& user) {
  const auto known = by_user_.find(user);
  if (known != by_user_.end()) {
    rings_.splice(rings_.begin(), rings_, known->second);
  } else {
    if (rings_.size() >= kCallersRemembered) {
      by_user_.erase(rings_.back().first);
      rings_.pop_back();
    }
    rings_.emplace_front(user, TokenBucket(kRingsPerMinute / 60, kRingsPerMinute));
    by_user_.emplace(user, rings_.begin());
  }
  return rings_.front().second.TryTake(now, 1);
}

}  // namespace p2pd::node
