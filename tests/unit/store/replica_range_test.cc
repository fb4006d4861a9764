#include "libcore/store/replica_range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "libcore/base/rng.h"

namespace p2pd::store {
namespace {

using overlay::Clockwise;
using overlay::Key;
using overlay::NodeId;

// Oracle: the four nodes on either side of a place.
std::set<NodeId> Replicas(const std::vector<NodeId>& ring, const Key& place, size_t per_side) {
  std::vector<NodeId> order = ring;
  std::sort(order.begin(), order.end(), [&](const NodeId& a, const NodeId& b) {
    return Clockwise(place, a) < Clockwise(place, b);
  });
  std::set<NodeId> out;
  for (size_t i = 0; i < per_side; ++i) {
    out.insert(order[i]);
    out.insert(order[order.size() - 1 - i]);
  }
  return out;
}

TEST(ReplicaRange, ArcsHoldExactlyWhatBothKeep) {
  SeededRng rng(5);
  std::vector<NodeId> ring;
  for (int i = 0; i < 40; ++i) ring.push_back(rng.Make<NodeId>());
  RingView view;
  view.self = ring[0];
  // The leaf set: eight on either side.
  std::vector<NodeId> order(ring.begin() + 1, ring.end());
  std::sort(order.begin(), order.end(), [&](const NodeId& a, const NodeId& b) {
    return Clockwise(view.self, a) < Clockwise(view.self, b);
  });
  view.others.assign(order.begin(), order.begin() + 8);
  view.others.insert(view.others.end(), order.end() - 8, order.end());
  for (const NodeId& peer : view.others) {
    const std::vector<Arc> arcs = SharedArcs(view, peer);
    for (int i = 0; i < 500; ++i) {
      // Near us, where it matters, and anywhere.
      Key place = rng.Make<Key>();
      if (i % 2 == 0) {
        place = view.self;
        place.mutable_view()[0] = static_cast<uint8_t>(place[0] + rng.Below(64) - 32);
        place.mutable_view()[1] = static_cast<uint8_t>(rng.Next());
      }
      const std::set<NodeId> replicas = Replicas(ring, place, 4);
      const bool shared = replicas.count(view.self) != 0 && replicas.count(peer) != 0;
      const bool inside = std::any_of(arcs.begin(), arcs.end(), [&](const Arc& arc) {
        return Clockwise(arc.from, place) <= Clockwise(arc.from, arc.to);
      });
      EXPECT_EQ(inside, shared) << overlay::ToHex(place);
    }
  }
}

TEST(ReplicaRange, BothSidesSeeTheSameArc) {
  SeededRng rng(6);
  RingView view;
  view.self = rng.Make<NodeId>();
  for (int i = 0; i < 16; ++i) view.others.push_back(rng.Make<NodeId>());
  for (const NodeId& peer : view.others) {
    RingView theirs;
    theirs.self = peer;
    theirs.others = {view.self};
    for (const NodeId& other : view.others) {
      if (other != peer) theirs.others.push_back(other);
    }
    EXPECT_EQ(SharedArcs(view, peer), SharedArcs(theirs, view.self));
  }
}

TEST(ReplicaRange, WholeRingIsOneArc) {
  SeededRng rng(7);
  RingView view;
  view.self = rng.Make<NodeId>();
  view.others = {rng.Make<NodeId>()};
  view.whole = true;
  const auto arcs = SharedArcs(view, view.others[0]);
  ASSERT_EQ(arcs.size(), 1u);
  EXPECT_EQ(arcs[0].from, view.self);
  Key step;
  step.mutable_view()[19] = 1;
  EXPECT_EQ(Clockwise(arcs[0].to, arcs[0].from), step);
}

TEST(ReplicaRange, StrangersShareNothing) {
  SeededRng rng(8);
  RingView view;
  view.self = rng.Make<NodeId>();
  for (int i = 0; i < 16; ++i) view.others.push_back(rng.Make<NodeId>());
  EXPECT_TRUE(SharedArcs(view, rng.Make<NodeId>()).empty());
}

}  // namespace
}  // namespace p2pd::store
