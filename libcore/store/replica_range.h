// Which places two neighbours keep together: the arcs of the ring that both have in their replica
// range.
//
// A place lies between two nodes and its replicas are the `per_side` nodes on either side. So the
// node at position 0 is a replica of the places between the nodes at -per_side and +per_side, and
// what two nodes share is where their ranges overlap.
#pragma once

#include <vector>

#include "libcore/overlay/ring_id.h"

namespace p2pd::store {

struct Arc {
  overlay::Key from;  // the first place that belongs to it
  overlay::Key to;    // the last
  friend bool operator==(const Arc&, const Arc&) = default;
};

struct RingView {
  overlay::NodeId self;
  std::vector<overlay::NodeId> others;  // the leaf set, in any order
  bool whole = false;                   // the leaf set is the whole ring
  int per_side = 4;
};

// Empty when they share nothing. In a ring known as a whole the one arc that goes all the way
// round: replica sets are then no arcs, since both sides may need the same nodes.
std::vector<Arc> SharedArcs(const RingView& view, const overlay::NodeId& peer);

}  // namespace p2pd::store
