// DirectPut: one copy to each node that is to keep it, past the root: for who does not believe the
// root, or hears nothing of it.
//
// Rules: whom hints name is asked at once; a survey by several ways finds the others. Of all who
// answered, the eight nearest to the place are its replicas, whoever else says that he keeps it. A
// refusal counts when three of them say it. Threads: one owner. Limits: Survey::kMaxKeepers and
// kMaxHinted copies, kTimeout. Sources: design §3 (attackers); Castro et al., OSDI 2002, §4.4.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "libcore/store/carrier.h"
#include "libcore/store/survey.h"

namespace p2pd::store {

class DirectPut {
 public:
  static constexpr absl::Duration kTimeout = absl::Seconds(3);
  static constexpr size_t kReplicas = 8;
  static constexpr size_t kMaxHinted = 8;
  // Of the eight: more than liars hold of most replica sets.
  static constexpr size_t kRefusals = 3;

  // The survey goes by the ways from `first_way` on.
  DirectPut(const Key& place, const Object& object, size_t wanted, size_t first_way);

  void Start(Instant now, Carrier& carrier);
  // False when it is nothing of this put's.
  bool OnReply(Instant now, Carrier& carrier, const ReplyFrom& reply);
  bool OnFailed(Instant now, Carrier& carrier, overlay::RequestId id);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;
  // All were heard, or enough believable ones.
  bool done() const { return done_; }

  // Of the eight nearest that answered, those that keep it; and how many there are.
  std::vector<overlay::NodeId> Holders() const;
  size_t Replicas() const;
  // What enough of them answered in place of keeping it.
  std::optional<StoreStatus> Refusal() const;

 private:
  void AskKeepers(Instant now, Carrier& carrier);
  void CheckDone(const Carrier& carrier);
  // In the order of their distance from the place.
  std::vector<std::pair<overlay::NodeId, StoreStatus>> Nearest() const;

  Key place_;
  StoreRequest request_;
  size_t wanted_;
  Survey survey_;
  bool surveyed_ = false;
  bool done_ = false;
  Instant deadline_;
  std::map<overlay::RequestId, uint64_t> pending_;  // with the head
  std::set<uint64_t> asked_;                        // heads
  std::map<overlay::NodeId, StoreStatus> answers_;
};

}  // namespace p2pd::store
