// RoutingTable: the prefix table. Row r holds nodes that share exactly r digits with us, one slot
// per next digit, up to three nodes a slot: the nearest by round trip, tried first, and others for
// when it fails.
//
// Rules: a full slot takes a newcomer only when it is 10 % nearer than the farthest there (Rhea et
// al. 2004 §4.4), so that tables do not flutter. At most 2 entries a row and 3 a table from one
// network (/24, /56), so that one operator cannot own our view; loopback and private networks are
// exempt. Threads: one owner.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

class RoutingTable {
 public:
  static constexpr size_t kMaxPerSlot = 3;  // fewer by SetWidth
  // From one public network.
  static constexpr size_t kMaxPerRowFromNetwork = 2;
  static constexpr size_t kMaxFromNetwork = 3;
  // In all; 1,000,000 nodes fill 5 rows of 15 slots of 3.
  static constexpr size_t kMaxEntries = 320;
  static constexpr double kHysteresis = 0.9;

  struct Entry {
    NodeRecord record;
    net::Endpoint endpoint;
    absl::Duration round_trip;
  };

  explicit RoutingTable(const NodeId& self) : self_(self) {}

  // Entries a slot, 1..kMaxPerSlot. Returns who went out for it.
  std::vector<NodeId> SetWidth(size_t width);
  size_t width() const { return width_; }

  struct Change {
    bool added = false;
    std::optional<NodeId> evicted;
  };
  // The node has a link and this round trip.
  Change Insert(const NodeRecord& record, const net::Endpoint& endpoint, absl::Duration round_trip);
  bool Remove(const NodeId& id);
  // New round trip, record or endpoint of a member; nothing for others.
  void Update(const NodeRecord& record, const net::Endpoint& endpoint, absl::Duration round_trip);

  // Is it the one that its slot's keys go to?
  bool IsFirstChoice(const NodeId& id) const;
  // Below this round trip a new node would get in; infinite where there is room.
  absl::Duration RoundTripToBeat(const NodeId& id) const;
  // The entry whose id begins with `head`; nullptr when there is none.
  const NodeRecord* FindHead(uint64_t head) const;
  bool Contains(const NodeId& id) const { return places_.count(id) != 0; }
  // Entries of the slot that `key` falls into, nearest first; empty when there is none.
  const std::vector<Entry>& SlotFor(const Key& key) const;
  // True when the slot of this id is empty.
  bool Hole(const NodeId& id) const { return SlotFor(id).empty(); }
  // Rows that have entries, and the entries of one, slot by slot.
  std::vector<int> Rows() const;
  std::vector<const Entry*> Row(int row) const;
  std::vector<const Entry*> All() const;
  // Where each entry stands, in the order of ids.
  using Slot = std::pair<int, int>;  // row, digit
  const absl::btree_map<NodeId, Slot>& places() const { return places_; }
  size_t size() const { return places_.size(); }
  // That are not empty.
  size_t slots() const { return slots_.size(); }

 private:
  Slot SlotOf(const NodeId& id) const;
  bool TooManyFrom(const net::Endpoint& endpoint, int row) const;

  NodeId self_;
  size_t width_ = kMaxPerSlot;
  absl::btree_map<Slot, std::vector<Entry>> slots_;
  absl::btree_map<NodeId, Slot> places_;
};

}  // namespace p2pd::overlay
