// LeafSet: the nodes next to us on the ring, up to `per_side` on each side. It decides who is the
// root of a key, and who keeps its replicas.
//
// Rules: a node is in the set exactly when it is among the nearest `per_side` in one direction. In
// a ring smaller than the set a node stands on both sides, and the set is the whole ring. Threads:
// one owner. Source: Rowstron and Druschel 2001 §2.2; Rhea et al. 2004.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "libcore/overlay/node_record.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

class LeafSet {
 public:
  LeafSet(const NodeId& self, int per_side);

  // Would this id be a member if it were offered? False for ourselves and for members.
  bool Wants(const NodeId& id) const;
  // Puts the node in, or takes a newer record of a member. Returns the ids that went out for it.
  // False in `added` when it is not near enough.
  struct Change {
    bool added = false;
    std::vector<NodeId> evicted;
  };
  Change Insert(const NodeRecord& record);
  bool Remove(const NodeId& id);

  bool Contains(const NodeId& id) const { return members_.count(id) != 0; }
  const NodeRecord* Find(const NodeId& id) const;
  // In the order of ids.
  const std::map<NodeId, NodeRecord>& members() const { return members_; }
  size_t size() const { return members_.size(); }
  // Nearest first; `clockwise` upwards.
  const std::vector<NodeId>& Side(bool clockwise) const {
    return clockwise ? successors_ : predecessors_;
  }
  // True when the two sides meet: the set is the whole ring.
  bool Whole() const;
  // True when the key lies between our farthest leaves, so that the nearest member is its root.
  bool Covers(const Key& key) const;
  // Over the ids, order of arrival left out; never 0.
  uint64_t Hash() const { return hash_; }

 private:
  void Recompute();

  NodeId self_;
  size_t per_side_;
  std::map<NodeId, NodeRecord> members_;
  std::vector<NodeId> successors_;
  std::vector<NodeId> predecessors_;
  uint64_t hash_ = 1;
};

}  // namespace p2pd::overlay
