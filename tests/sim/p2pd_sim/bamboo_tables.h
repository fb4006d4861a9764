// The two tables of a node of bamboo-2004: its leaf set and its prefix table.
//
// Both hold only whom their owner has put in, which is who answered a ping of its own. They are
// ordered, so that one seed is one run. Threads: one.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "libcore/overlay/ring_id.h"
#include "tests/sim/p2pd_sim/bamboo_wire.h"

namespace p2pd::sim::bamboo {

// The nearest on each side. In a small ring one node stands on both.
class LeafSet {
 public:
  LeafSet(const overlay::NodeId& self, size_t per_side) : self_(self), per_side_(per_side) {}

  // Would it come in?
  bool Promising(const overlay::NodeId& id) const;
  void Add(const Peer& peer);
  bool Remove(const overlay::NodeId& id);
  bool Contains(const overlay::NodeId& id) const;
  bool empty() const { return up_.empty() && down_.empty(); }
  // Each once, in the order of their ids.
  std::vector<Peer> Members() const;
  // Who stands before us, the farthest first, we ourselves, who stands after us. Of whom a gap let
  // onto both sides, on the nearer one only.
  struct Window {
    std::vector<overlay::NodeId> ids;
    size_t self = 0;  // where we stand in it
    bool full = false;
  };
  Window AsWindow() const;
  // Between the farthest on either side; always, when the sides overlap or nobody is here.
  bool Covers(const overlay::Key& key) const;

 private:
  using Side = std::map<overlay::RingId, Peer>;  // by how far from self
  bool Near(const Side& side, const overlay::RingId& distance) const;
  void Insert(Side& side, const overlay::RingId& distance, const Peer& peer) const;

  overlay::NodeId self_;
  size_t per_side_;
  Side up_;
  Side down_;
};

// One node for each digit that can follow each prefix of the own id.
class PrefixTable {
 public:
  explicit PrefixTable(const overlay::NodeId& self) : self_(self) {}

  // Who stands where this id belongs; nullptr: nobody.
  const Peer* At(const overlay::NodeId& id) const;
  // In place of who stands there. The own id has no place.
  void Set(const Peer& peer);
  bool Remove(const overlay::NodeId& id);
  bool Contains(const overlay::NodeId& id) const;
  std::vector<Peer> Row(int level) const;
  std::vector<Peer> All() const;
  // Down to the deepest that holds anybody, at least 1.
  int levels() const;

 private:
  std::optional<int> SlotOf(const overlay::NodeId& id) const;

  overlay::NodeId self_;
  std::map<int, Peer> slots_;  // 16 · level + digit
};

}  // namespace p2pd::sim::bamboo
