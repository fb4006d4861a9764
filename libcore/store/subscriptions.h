// Subscriptions: what this node wants to be told of. Keeps the leases at the replicas up, and finds
// out by their renewal whether a notification went astray.
//
// Rules: each newer object is told once, whoever brought it. However many there are, one is renewed
// every kPace at most: with more of them the leases are longer, and what they cost is the same.
// When this node has moved, all are renewed. Threads: one owner. Limits: Store::kMaxSubscriptions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "libcore/base/rng.h"
#include "libcore/store/carrier.h"

namespace p2pd::store {

class Subscriptions {
 public:
  // The shortest lease. It is renewed at about half.
  static constexpr absl::Duration kLease = absl::Minutes(10);
  // Between two renewals of whichever; about 800 bytes are sent for one, so 40 B/s in all.
  static constexpr absl::Duration kPace = absl::Seconds(20);

  explicit Subscriptions(Rng& rng) : rng_(rng) {}

  // False when there are `max` already.
  bool Add(Instant now, const Key& key, ObjectKind kind, size_t max);
  void Remove(Instant now, Carrier& carrier, const Key& key, ObjectKind kind);

  // A notification; the answer to give. True in `fresh` when it is new to us.
  StoreReply OnNotify(const Object& object, bool& fresh);
  // An object that we learned otherwise: true when it is newer than what we told.
  bool Learn(const Object& object);

  // Keys of which something newer stands than we know: to be read.
  struct Stale {
    Key key;
    ObjectKind kind{};
  };
  std::optional<Stale> OnReply(Instant now, const ReplyFrom& reply);
  void OnFailed(Instant now, overlay::RequestId id);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;
  size_t size() const { return all_.size(); }

 private:
  using Name = std::pair<Key, ObjectKind>;
  struct Subscription {
    Instant next;
    absl::Duration period = absl::ZeroDuration();  // half the lease asked for last
    int failures = 0;
    std::map<Bytes, Sequence> told;
  };
  void Schedule(const Name& name, Subscription& subscription, Instant at);

  void FollowSelf(Instant now, uint64_t epoch);

  Rng& rng_;
  uint64_t epoch_ = 0;  // of the record that the replicas know
  std::map<Name, Subscription> all_;
  std::set<std::pair<Instant, Name>> order_;
  std::map<overlay::RequestId, Name> pending_;
};

}  // namespace p2pd::store
