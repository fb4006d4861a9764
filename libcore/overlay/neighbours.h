// Neighbours: the nodes with which we have a link, by the head of their ids, where they say they
// are, and which of them is the best next hop to a key that the hints cover.
//
// Rules: a coordinate that a neighbour tells counts together with our own round trip to it, never
// with what anybody else says. Threads: one owner. Limits: as many as there are links
// (LinkTable::kMaxPeers).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "libcore/overlay/coordinates.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/overlay/wide_table.h"

namespace p2pd::overlay {

class Neighbours {
 public:
  // Hints on each side of a key among whom a next hop is looked for: all of them know the key's
  // root as their own leaf (8 a side), with room for two who came since the hints were made.
  static constexpr size_t kWindow = 6;

  Neighbours(LinkTable& links, Vivaldi& vivaldi) : links_(links), vivaldi_(vivaldi) {}

  void OnLinkUp(const NodeId& id);
  void OnLinkDown(const NodeId& id);
  // A neighbour says where it is (Coordinate::Pack).
  void Learn(const NodeId& id, uint64_t place);
  // One more step towards where all known round trips fit; costs nothing on the wire.
  void Relax();

  // nullopt when there is no link.
  std::optional<NodeId> Linked(uint64_t head) const;
  // Coordinate::Pack, 0 when unknown.
  uint64_t PlaceOf(uint64_t head) const;
  // All with a link, in the order of heads.
  std::vector<NodeId> All() const;
  // Grows when what All() gives may have changed.
  uint64_t version() const { return version_ + links_.version(); }
  // How far this node is: measured where there is a link, predicted else.
  std::optional<absl::Duration> RoundTripTo(const Hint& hint) const;
  // Linked nodes whose leaf sets cover `key` by what the hints say, in the order of the predicted
  // time to the key's root; empty where the hints do not cover it.
  std::vector<NodeId> Towards(const Key& key, const WideTable& hints) const;

 private:
  struct Neighbour {
    NodeId id;
    std::optional<Coordinate> coordinate;
  };
  LinkTable& links_;
  Vivaldi& vivaldi_;
  absl::btree_map<uint64_t, Neighbour> linked_;
  uint64_t version_ = 1;
  uint64_t relaxed_ = 0;  // the version that Relax saw last: all had links
};

}  // namespace p2pd::overlay
