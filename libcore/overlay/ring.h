// Ring: what this node knows of the overlay, leaf set, prefix table, suspects and dead, and the
// decisions that follow from it: who is the root of a key, who keeps it, whither a request goes.
//
// Rules: only neighbours with a link that announced themselves as members get in. A request always
// moves to a node strictly nearer to its key, so it cannot go round in circles. A suspect is not
// used, but it stays the root of its keys until it is known to be dead: otherwise one lost packet
// would make two roots. Threads: one owner. Sources: Rhea et al. 2004 §4; Castro et al. 2004 §3.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "libcore/overlay/leaf_set.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/routing_table.h"

namespace p2pd::overlay {

class Neighbours;
class WideTable;

struct RingOptions {
  Role role = Role::kPeer;
  int leaves_per_side = 8;
  int replicas_per_side = 4;
};

class Ring {
 public:
  // Nodes that went without a farewell, to look for after a partition.
  static constexpr size_t kMaxDead = 256;
  static constexpr absl::Duration kDeadLifetime = absl::Hours(1);

  Ring(const NodeId& self, const RingOptions& options, LinkTable& links);

  void SetSelf(const NodeRecord& self) { self_record_ = self; }
  // By these a next hop is taken from all links, where they show one that stands beside the key.
  // Both outlive the ring; without them the prefix table alone decides.
  void SetHints(const Neighbours& neighbours, const WideTable& hints) {
    neighbours_ = &neighbours;
    hints_ = &hints;
  }
  void SetRole(Role role) { options_.role = role; }
  // False until the leaf set is complete: requests that would end here wait.
  void SetActive(bool active) { active_ = active; }
  bool active() const { return active_; }

  // Takes a linked member into leaf set and table where it belongs. True when the leaf set changed.
  bool Consider(Instant now, const NodeId& id);
  // Takes the current record, endpoint and round trip of a table entry from its link.
  void Refresh(const NodeId& id);
  // Would a link to this node be of use? As a leaf, or for an empty slot.
  bool WantsLeaf(const NodeId& id) const { return leaves_.Wants(id); }
  bool WantsForTable(const NodeId& id) const;
  // A node whose place in the table is full is of use if its round trip is below this; infinite
  // when it is of use anyway.
  absl::Duration UsefulBelow(const NodeId& id) const;
  // The node is gone. `died` puts it among the dead, where the partition check looks for it.
  bool Remove(Instant now, const NodeId& id, bool died);
  // Who became a leaf in place of somebody who was removed, and need not know that it is one.
  std::vector<NodeId> TakeRefilled() { return std::exchange(refilled_, {}); }

  // Entries a table slot: whose neighbours die soon keeps fewer, since each costs links and pings.
  void SetTableWidth(size_t width);
  void SetSuspect(const NodeId& id, bool suspect);
  bool IsSuspect(const NodeId& id) const { return suspects_.count(id) != 0; }

  struct Hop {
    enum class Kind {
      kDeliver,  // we are the root
      kForward,  // to `to`
      kHold,     // `to` is the root, silent at the moment; nobody else can help
      kNone      // nobody is known
    };
    Kind kind = Kind::kNone;
    NodeId to;
  };
  struct HopQuery {
    Key key;
    const std::set<NodeId>* tried = nullptr;
    std::optional<NodeId> skip;  // not a candidate: the node that joins
    bool any_replica = false;
  };
  Hop NextHop(const HopQuery& query) const;

  bool IsRoot(const Key& key) const;
  std::vector<NodeRecord> Nearest(const Key& key, size_t count) const;
  std::optional<std::vector<NodeRecord>> ReplicaSet(const Key& key) const;

  // Grows when a member comes or goes.
  uint64_t version() const { return version_; }
  // Grows when somebody becomes a suspect, or is one no more.
  uint64_t suspicions() const { return suspicions_; }
  const LeafSet& leaves() const { return leaves_; }
  const RoutingTable& table() const { return table_; }
  // The member whose id begins with `head`; nullptr when there is none.
  const NodeRecord* FindHead(uint64_t head) const;
  bool Contains(const NodeId& id) const { return leaves_.Contains(id) || table_.Contains(id); }
  std::vector<NodeId> Members() const;
  // Records of the dead that are not members again.
  std::vector<NodeRecord> Dead(Instant now);
  bool IsDead(const NodeId& id) const { return dead_.count(id) != 0; }
  void Revive(const NodeId& id) { dead_.erase(id); }

  // What happened to the leaf set since the last call; nullopt when nothing.
  std::optional<LeafSetChanged> TakeChange();

 private:
  struct DeadNode {
    NodeRecord record;
    Instant since;
  };
  const NodeRecord* RecordOf(const NodeId& id) const;
  bool Usable(const NodeId& id, const HopQuery& query) const;
  std::optional<NodeId> NearestMember(const HopQuery& query) const;
  std::optional<NodeId> UsableNearerThanSelf(const HopQuery& query) const;
  std::optional<NodeId> HintedHop(const HopQuery& query) const;
  void Repin(const NodeId& id);

  NodeId self_;
  RingOptions options_;
  LinkTable& links_;
  const Neighbours* neighbours_ = nullptr;
  const WideTable* hints_ = nullptr;
  std::optional<NodeRecord> self_record_;
  bool active_ = false;
  LeafSet leaves_;
  RoutingTable table_;
  std::set<NodeId> suspects_;
  std::map<NodeId, DeadNode> dead_;
  std::vector<NodeId> joined_;
  std::vector<NodeId> left_;
  std::vector<NodeId> refilled_;
  uint64_t version_ = 1;
  uint64_t suspicions_ = 1;
};

}  // namespace p2pd::overlay
