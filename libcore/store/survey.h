// Survey: who keeps a place, asked by several ways at once, so that the answer is not in one liar's
// hands.
//
// Rules: each way begins at another neighbour. Of each answer the responder and the replicas that
// it names are taken, in turn from answer to answer, nearest first, so that no single one fills the
// list. One honest answer is enough: the others' inventions cost a question each, and do not
// answer. A node whose own leaf set covers the place asks nobody. Threads: one owner. Limits:
// below. Sources: Castro et al., OSDI 2002, §4.4 (redundant routing); S/Kademlia (disjoint paths).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "libcore/store/carrier.h"

namespace p2pd::store {

class Survey {
 public:
  static constexpr size_t kWays = 6;
  // So many answers will do; lies come first, since they have the shorter way.
  static constexpr size_t kEnough = 6;
  static constexpr size_t kMaxKeepers = 16;
  // Taken of one answer.
  static constexpr size_t kMaxPerAnswer = 9;
  static constexpr absl::Duration kTimeout = absl::Milliseconds(1500);

  // By the ways from `first_way` on.
  Survey(const Key& place, std::optional<ObjectKind> kind, size_t first_way)
      : place_(place), kind_(kind), first_way_(first_way) {}

  // Before Start: the answers need not bring this object, nor older versions of it.
  void Have(const Object& object) { have_ = object; }
  void Start(Instant now, Carrier& carrier);
  // False when it is not an answer to this survey.
  bool OnReply(const ReplyFrom& reply);
  bool OnFailed(overlay::RequestId id);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  bool done() const { return done_; }
  // Whom to ask, at most kMaxKeepers.
  std::vector<overlay::NodeRecord> Keepers() const;

 private:
  void CheckDone();

  Key place_;
  std::optional<ObjectKind> kind_;
  size_t first_way_;
  std::optional<Object> have_;
  Instant deadline_;
  bool started_ = false;
  bool done_ = false;
  std::map<overlay::RequestId, size_t> pending_;           // which way
  std::vector<std::vector<overlay::NodeRecord>> answers_;  // nearest first
};

}  // namespace p2pd::store
