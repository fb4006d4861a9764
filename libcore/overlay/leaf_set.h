// LeafSet: the nodes next to us on the ring, up to `per_side` on each side. It decides who is the
// root of a key, and who keeps its replicas.
//
// Rules: a node is in the set when it is among the nearest `per_side` in one direction. Of one
// public network (/16, /32) two count; others are kept beside them, so that whoever fills the ring
// round us from one network pushes nobody out, up to `per_side` a side, and beyond that they are
// refused. In a ring smaller than the set a node stands on both sides, and the set is the whole
// ring. Threads: one owner. Source: Rowstron and Druschel 2001 §2.2; Rhea et al. 2004.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

class LeafSet {
 public:
  // Of a side, from one public network.
  static constexpr int kMaxFromNetwork = 2;
  // Nodes that were refused, so that nobody is met again and again; beyond it the lowest id goes.
  static constexpr size_t kMaxRefused = 256;

  LeafSet(const NodeId& self, int per_side);

  // Would this id be a member if it were offered? False for ourselves and for members.
  bool Wants(const NodeId& id) const;
  // The same if all of `coming` were in already.
  bool WantsBeside(const NodeId& id, const std::vector<NodeId>& coming) const;
  // Puts the node in, or takes a newer record of a member. Returns the ids that went out for it.
  // False in `added` when it is not near enough.
  struct Change {
    bool added = false;
    std::vector<NodeId> evicted;
  };
  Change Insert(const NodeRecord& record) { return Insert(record, record.addresses().front()); }
  // `seen_at` is where its link goes; what the record says is the node's own word.
  Change Insert(const NodeRecord& record, const net::Endpoint& seen_at);
  // Of a member; nullopt for private networks, which are not counted, and for others.
  std::optional<net::IpAddress> NetworkOf(const NodeId& id) const;
  bool Remove(const NodeId& id);

  bool Contains(const NodeId& id) const { return members_.count(id) != 0; }
  const NodeRecord* Find(const NodeId& id) const;
  // In the order of ids.
  const std::map<NodeId, NodeRecord>& members() const { return members_; }
  std::vector<NodeId> Ids() const;
  size_t size() const { return members_.size(); }
  // Nearest first; `clockwise` upwards.
  const std::vector<NodeId>& Side(bool clockwise) const {
    return clockwise ? successors_ : predecessors_;
  }
  // Leaves that stand between us and `id`, on each side where it is or would be one: they have both
  // of us among theirs. Which way is shorter says nothing of that, where ids are few.
  std::vector<NodeId> Between(const NodeId& id) const;
  // True when the two sides meet: the set is the whole ring.
  bool Whole() const { return whole_; }
  // True when the key lies between our farthest leaves, so that the nearest member is its root.
  bool Covers(const Key& key) const;
  // Those who stand within per_side of both us and `other`, as far as we know, if `coming` and
  // `other` were in, in ascending order.
  struct Shared {
    std::vector<NodeId> ids;
    // Over `ids`: `other` computes the same when it knows the same of them, whatever else either of
    // the two knows. 0 when it is too far to be a leaf.
    uint64_t hash = 0;
  };
  Shared SharedWith(const NodeId& other, const std::vector<NodeId>& coming) const;

 private:
  struct Way {
    std::vector<NodeId> ids;
    bool full = false;
  };
  // The side that the ids, nearest first, make.
  Way Walk(const std::vector<NodeId>& ids) const;
  void Recompute();
  // All members and `more`, each once, by their distance from us upwards.
  std::vector<NodeId> Upwards(const std::vector<NodeId>& more) const;

  NodeId self_;
  size_t per_side_;
  std::map<NodeId, NodeRecord> members_;
  // Of members with public addresses. Nobody walks through it: its order is chance.
  absl::flat_hash_map<NodeId, net::IpAddress> networks_;
  std::set<NodeId> refused_;
  std::vector<NodeId> upwards_;  // all members, as Upwards has them
  std::vector<NodeId> successors_;
  std::vector<NodeId> predecessors_;
  bool full_up_ = false;
  bool full_down_ = false;
  bool whole_ = true;
};

}  // namespace p2pd::overlay
