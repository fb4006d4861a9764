#include "libcore/overlay/ring.h"

#include <algorithm>
#include <iterator>

#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/network_cap.h"
#include "libcore/overlay/wide_table.h"

namespace p2pd::overlay {
Ring::Ring(const NodeId& self, const RingOptions& options, LinkTable& links)
    : self_(self),
      options_(options),
      links_(links),
      leaves_(self, options.leaves_per_side),
      table_(self) {}

void Ring::Repin(const NodeId& id) { links_.SetPinned(id, Contains(id)); }

bool Ring::Consider(Instant, const NodeId& id) {
  const NodeRecord* known = links_.RecordOf(id);
  if (known == nullptr || known->role() != Role::kPeer || id == self_) return false;
  // A copy: the table may change under the pointer.
  const NodeRecord record = *known;
  dead_.erase(id);
  const bool was_leaf = leaves_.Contains(id);
  const LeafSet::Change change =
      leaves_.Insert(record, links_.SeenAt(id).value_or(record.addresses().front()));
  if (change.added) joined_.push_back(id);
  const absl::Duration round_trip = links_.RoundTripTo(id).value_or(RoundTrip::kInitial);
  // Who passes on does so for leaves only.
  const std::optional<net::Endpoint> straight = links_.EndpointOf(id);
  const RoutingTable::Change slot =
      straight ? table_.Insert(record, *straight, round_trip) : RoutingTable::Change();
  if (change.added || slot.added || !change.evicted.empty()) ++version_;
  Repin(id);
  if (slot.evicted) Repin(*slot.evicted);
  for (const NodeId& out : change.evicted) {
    left_.push_back(out);
    Repin(out);
  }
  return change.added && !was_leaf;
}

void Ring::Refresh(const NodeId& id) {
  const NodeRecord* record = links_.RecordOf(id);
  const std::optional<absl::Duration> round_trip = links_.RoundTripTo(id);
  const std::optional<net::Endpoint> endpoint = links_.EndpointOf(id);
  if (record != nullptr && round_trip && endpoint) table_.Update(*record, *endpoint, *round_trip);
}

bool Ring::WantsForTable(const NodeId& id) const {
  // Keys among our leaves never go by the table.
  return id != self_ && !leaves_.Covers(id) && !table_.Contains(id) && table_.Hole(id);
}

absl::Duration Ring::UsefulBelow(const NodeId& id) const {
  return leaves_.Wants(id) ? absl::InfiniteDuration() : table_.RoundTripToBeat(id);
}

const NodeRecord* Ring::FindHead(uint64_t head) const {
  const auto leaf = leaves_.members().lower_bound(FromHead(head));
  if (leaf != leaves_.members().end() && Head(leaf->first) == head) return &leaf->second;
  return table_.FindHead(head);
}

bool Ring::Remove(Instant now, const NodeId& id, bool died) {
  const NodeRecord* record = RecordOf(id);
  if (record != nullptr && died) {
    dead_.insert_or_assign(id, DeadNode{*record, now});
    if (dead_.size() > kMaxDead) {
      dead_.erase(std::min_element(dead_.begin(), dead_.end(), [](const auto& a, const auto& b) {
        return a.second.since < b.second.since;
      }));
    }
  }
  ++version_;
  suspects_.erase(id);
  table_.Remove(id);
  const bool was_leaf = leaves_.Remove(id);
  if (was_leaf) {
    left_.push_back(id);
    // The leaf set refills from the table at once; leaf sync brings the rest.
    for (const NodeId& member : Members()) {
      if (leaves_.Contains(member) || !leaves_.Wants(member)) continue;
      if (Consider(now, member)) refilled_.push_back(member);
    }
  }
  Repin(id);
  return was_leaf;
}

void Ring::SetTableWidth(size_t width) {
  if (width == table_.width()) return;
  ++version_;
  for (const NodeId& out : table_.SetWidth(width)) Repin(out);
}

void Ring::SetSuspect(const NodeId& id, bool suspect) {
  const bool changed =
      suspect ? Contains(id) && suspects_.insert(id).second : suspects_.erase(id) != 0;
  if (changed) ++suspicions_;
}

const NodeRecord* Ring::RecordOf(const NodeId& id) const {
  const NodeRecord* leaf = leaves_.Find(id);
  if (leaf != nullptr) return leaf;
  for (const RoutingTable::Entry& entry : table_.SlotFor(id)) {
    if (entry.record.id() == id) return &entry.record;
  }
  return nullptr;
}

std::vector<NodeId> Ring::Members() const {
  std::vector<NodeId> out;
  out.reserve(leaves_.size() + table_.size());
  // Both are in the order of ids.
  auto leaf = leaves_.members().begin();
  for (const auto& [id, slot] : table_.places()) {
    for (; leaf != leaves_.members().end() && leaf->first < id; ++leaf) out.push_back(leaf->first);
    if (leaf != leaves_.members().end() && leaf->first == id) ++leaf;
    out.push_back(id);
  }
  for (; leaf != leaves_.members().end(); ++leaf) out.push_back(leaf->first);
  return out;
}

std::vector<NodeRecord> Ring::Dead(Instant now) {
  std::erase_if(dead_,
                [now](const auto& entry) { return entry.second.since + kDeadLifetime <= now; });
  std::vector<NodeRecord> out;
  for (const auto& [id, node] : dead_) out.push_back(node.record);
  return out;
}

// Routing.

bool Ring::Usable(const NodeId& id, const HopQuery& query) const {
  return suspects_.count(id) == 0 && query.skip != id &&
         (query.tried == nullptr || query.tried->count(id) == 0);
}

std::optional<NodeId> Ring::NearestMember(const HopQuery& query) const {
  std::optional<NodeId> best;
  if (options_.role == Role::kPeer && query.skip != self_) best = self_;
  const auto consider = [&](const NodeId& id) {
    if (query.skip == id) return;
    if (!best || Nearer(query.key, id, *best)) best = id;
  };
  for (const auto& [id, record] : leaves_.members()) consider(id);
  for (const auto& [id, slot] : table_.places()) consider(id);
  return best;
}

std::optional<NodeId> Ring::UsableNearerThanSelf(const HopQuery& query) const {
  std::optional<NodeId> best;
  const auto consider = [&](const NodeId& id) {
    const bool progress = options_.role == Role::kClient || Nearer(query.key, id, self_);
    if (!progress || !Usable(id, query)) return;
    if (!best || Nearer(query.key, id, *best)) best = id;
  };
  for (const auto& [id, record] : leaves_.members()) consider(id);
  for (const auto& [id, slot] : table_.places()) consider(id);
  return best;
}

// Somebody with a link to us in whose leaf set the root is: one hop more at most.
std::optional<NodeId> Ring::HintedHop(const HopQuery& query) const {
  if (hints_ == nullptr) return std::nullopt;
  for (const NodeId& id : neighbours_->Towards(query.key, *hints_)) {
    if (Usable(id, query) && Nearer(query.key, id, self_)) return id;
  }
  return std::nullopt;
}

Ring::Hop Ring::NextHop(const HopQuery& query) const {
  const std::optional<NodeId> nearest = NearestMember(query);
  if (!nearest) return {};
  if (*nearest == self_) return {Hop::Kind::kDeliver, self_};
  if (query.any_replica && active_) {
    const auto replicas = ReplicaSet(query.key);
    if (replicas && std::any_of(replicas->begin(), replicas->end(),
                                [this](const NodeRecord& r) { return r.id() == self_; })) {
      return {Hop::Kind::kDeliver, self_};
    }
  }
  if (leaves_.Covers(query.key) && Usable(*nearest, query)) {
    return {Hop::Kind::kForward, *nearest};
  }
  if (!leaves_.Covers(query.key)) {
    if (const std::optional<NodeId> hop = HintedHop(query)) return {Hop::Kind::kForward, *hop};
    // The nearest by round trip of those that match a digit more (Rhea et al. 2004 §4.4).
    for (const RoutingTable::Entry& entry : table_.SlotFor(query.key)) {
      const NodeId& id = entry.record.id();
      if (Usable(id, query) && Nearer(query.key, id, self_)) return {Hop::Kind::kForward, id};
    }
  }
  const std::optional<NodeId> candidate = UsableNearerThanSelf(query);
  if (candidate) return {Hop::Kind::kForward, *candidate};
  return {Hop::Kind::kHold, *nearest};
}

bool Ring::IsRoot(const Key& key) const {
  HopQuery query;
  query.key = key;
  return NearestMember(query) == self_;
}

std::vector<NodeRecord> Ring::Nearest(const Key& key, size_t count) const {
  std::vector<NodeId> ids = Members();
  if (options_.role == Role::kPeer) ids.push_back(self_);
  std::sort(ids.begin(), ids.end(),
            [&key](const NodeId& a, const NodeId& b) { return Nearer(key, a, b); });
  if (ids.size() > count) ids.resize(count);
  std::vector<NodeRecord> out;
  for (const NodeId& id : ids) out.push_back(id == self_ ? *self_record_ : *RecordOf(id));
  return out;
}

std::optional<std::vector<NodeRecord>> Ring::ReplicaSet(const Key& key) const {
  const auto per_side = static_cast<size_t>(options_.replicas_per_side);
  std::vector<NodeId> ids;
  ids.reserve(leaves_.members().size() + 1);
  for (const auto& [id, record] : leaves_.members()) ids.push_back(id);
  if (options_.role == Role::kPeer) {
    ids.insert(std::lower_bound(ids.begin(), ids.end(), self_), self_);
  }
  if (!leaves_.Whole()) {
    // Enough known nodes must lie between the key and either end of our leaf set.
    const NodeId& from = leaves_.Side(false).back();
    const NodeId& to = leaves_.Side(true).back();
    if (!leaves_.Covers(key)) return std::nullopt;
    const RingId from_key = Clockwise(from, key);
    const RingId key_to = Clockwise(key, to);
    size_t below = 0;
    size_t above = 0;
    for (const NodeId& id : ids) {
      if (Clockwise(from, id) < from_key) ++below;
      if (Clockwise(id, to) <= key_to) ++above;
    }
    if (below < per_side || above < per_side) return std::nullopt;
  }
  // In the order of ids; clockwise of the key it begins at the first that is not below it.
  std::rotate(ids.begin(), std::lower_bound(ids.begin(), ids.end(), key), ids.end());
  // A side is counted from the key on, node by node: where nodes lie unevenly the fourth may be
  // beyond the opposite point of the ring. In a ring of 2·per_side or fewer everybody is taken.
  std::vector<NodeRecord> out;
  NetworkCap cap(kMaxReplicasFromNetwork);
  size_t above = 0;
  size_t below = 0;
  auto up = ids.begin();
  auto down = ids.end();
  while (up != down && (above < per_side || below < per_side)) {
    const bool upwards =
        below == per_side || (above < per_side && !Nearer(key, *std::prev(down), *up));
    const NodeId& id = upwards ? *up++ : *--down;
    const NodeRecord& record = id == self_ ? *self_record_ : *RecordOf(id);
    const std::optional<net::IpAddress> network =
        id == self_ ? record.PublicNetwork() : leaves_.NetworkOf(id);
    if (network && !cap.Admits(*network) && ids.size() > 2 * per_side) continue;
    ++(upwards ? above : below);
    out.push_back(record);
  }
  std::sort(out.begin(), out.end(), [&key](const NodeRecord& a, const NodeRecord& b) {
    return Nearer(key, a.id(), b.id());
  });
  return out;
}

std::optional<LeafSetChanged> Ring::TakeChange() {
  if (joined_.empty() && left_.empty()) return std::nullopt;
  LeafSetChanged out;
  // Who came and went again, or the other way round, did not change.
  for (const NodeId& id : joined_) {
    if (leaves_.Contains(id)) out.joined.push_back(id);
  }
  for (const NodeId& id : left_) {
    if (!leaves_.Contains(id)) out.left.push_back(id);
  }
  joined_.clear();
  left_.clear();
  if (out.joined.empty() && out.left.empty()) return std::nullopt;
  return out;
}

}  // namespace p2pd::overlay
