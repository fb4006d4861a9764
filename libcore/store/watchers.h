// Watchers: who wants to be told of new objects at which place; kept by every replica of the place.
//
// Rules: a watcher is a node that asked over the overlay, which proved its key; leases end, so that
// a watcher that died costs nothing for long. Threads: one owner. Limits: below; a full table
// refuses new ones and keeps the old ones.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libcore/base/time.h"
#include "libcore/overlay/node_record.h"
#include "libcore/store/object.h"

namespace p2pd::store {

class Watchers {
 public:
  // Of one place and kind; a person with more contacts online at once is told by leases (presence).
  static constexpr size_t kMaxPerPlace = 256;
  // Of all places; about 600 bytes each.
  static constexpr size_t kMaxTotal = 8192;
  // Places that one node watches here.
  static constexpr size_t kMaxPerNode = 4096;

  struct Subscription {
    Key place;
    ObjectKind kind{};
    overlay::NodeRecord watcher;
    Instant ends;
  };

  // False when a table is full. Renews what stands already.
  bool Add(const Subscription& subscription);
  bool Has(const Key& place, ObjectKind kind, const overlay::NodeId& watcher) const;
  void Remove(const Key& place, ObjectKind kind, const overlay::NodeId& watcher);
  // Whether the other replicas were told of this watcher, with this record or a newer one, for as
  // long as it asks for.
  bool KeptElsewhere(const Subscription& subscription) const;
  // They are told, and keep it until then; of one that stands.
  void NoteElsewhere(const Subscription& subscription, Instant until);
  // In the order of their ids.
  std::vector<Subscription> Of(const Key& place, ObjectKind kind, Instant now) const;
  std::vector<Subscription> All(Instant now) const;
  void Expire(Instant now);
  size_t size() const { return total_; }

 private:
  struct Lease {
    overlay::NodeRecord watcher;
    Instant ends;
    // What the other replicas know.
    Instant elsewhere;
    uint64_t elsewhere_epoch = 0;
  };
  using Place = std::pair<Key, ObjectKind>;
  void Forget(const overlay::NodeId& watcher);

  std::map<Place, std::map<overlay::NodeId, Lease>> leases_;
  std::map<overlay::NodeId, size_t> per_node_;
  size_t total_ = 0;
};

}  // namespace p2pd::store
