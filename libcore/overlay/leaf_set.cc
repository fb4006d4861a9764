#include "libcore/overlay/leaf_set.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "libcore/base/codec.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/network_cap.h"
#include "libcore/pki/hash.h"

namespace p2pd::overlay {

LeafSet::LeafSet(const NodeId& self, int per_side)
    : self_(self), per_side_(static_cast<size_t>(per_side)) {
  Recompute();
}

LeafSet::Way LeafSet::Walk(const std::vector<NodeId>& ids) const {
  Way out;
  NetworkCap cap(kMaxFromNetwork);
  size_t counted = 0;
  size_t beside = 0;
  for (const NodeId& id : ids) {
    const auto network = networks_.find(id);
    const bool counts = network == networks_.end() || cap.Admits(network->second);
    if (!counts && ++beside > per_side_) continue;
    out.ids.push_back(id);
    if (counts && ++counted == per_side_) {
      out.full = true;
      break;
    }
  }
  return out;
}

void LeafSet::Recompute() {
  upwards_.clear();
  const auto first = members_.upper_bound(self_);
  for (auto it = first; it != members_.end(); ++it) upwards_.push_back(it->first);
  for (auto it = members_.begin(); it != first; ++it) upwards_.push_back(it->first);
  Way up = Walk(upwards_);
  Way down = Walk(std::vector<NodeId>(upwards_.rbegin(), upwards_.rend()));
  successors_ = std::move(up.ids);
  predecessors_ = std::move(down.ids);
  full_up_ = up.full;
  full_down_ = down.full;
  // Or somebody stands on both sides.
  whole_ =
      members_.size() < 2 * per_side_ ||
      std::any_of(
          successors_.begin(), successors_.end(),
          [this](const NodeId& id) {
            return std::find(predecessors_.begin(), predecessors_.end(), id) != predecessors_.end();
          });
}

std::vector<NodeId> LeafSet::Upwards(const std::vector<NodeId>& more) const {
  std::vector<NodeId> out;
  out.reserve(upwards_.size() + more.size());
  out = upwards_;
  for (const NodeId& id : more) {
    const auto at =
        std::lower_bound(out.begin(), out.end(), id, [this](const NodeId& a, const NodeId& b) {
          return Clockwise(self_, a) < Clockwise(self_, b);
        });
    if (id != self_ && (at == out.end() || *at != id)) out.insert(at, id);
  }
  return out;
}

std::vector<NodeId> LeafSet::Between(const NodeId& id) const {
  std::vector<NodeId> out;
  for (const bool up : {true, false}) {
    const auto distance = [&](const NodeId& other) {
      return up ? Clockwise(self_, other) : Clockwise(other, self_);
    };
    const std::vector<NodeId>& side = Side(up);
    const auto end = std::find_if(side.begin(), side.end(), [&](const NodeId& leaf) {
      return distance(leaf) >= distance(id);
    });
    const auto before = static_cast<size_t>(end - side.begin());
    if (before < per_side_) out.insert(out.end(), side.begin(), end);
  }
  return out;
}

LeafSet::Shared LeafSet::SharedWith(const NodeId& other, const std::vector<NodeId>& coming) const {
  std::vector<NodeId> more = coming;
  more.push_back(other);
  const std::vector<NodeId> upwards = Upwards(more);
  Shared out;  // in the order of the ring
  bool leaf = true;
  if (upwards.size() < 2 * per_side_) {
    out.ids = upwards;
    out.ids.push_back(self_);
  } else {
    // Places count from us, upwards and downwards.
    const auto reach = static_cast<std::ptrdiff_t>(per_side_);
    const auto count = static_cast<std::ptrdiff_t>(upwards.size());
    std::ptrdiff_t place = std::find(upwards.begin(), upwards.end(), other) - upwards.begin() + 1;
    const bool behind =
        place - (count + 1) >= -reach || Clockwise(other, self_) < Clockwise(self_, other);
    if (place > reach && behind) place -= count + 1;
    leaf = std::abs(place) <= reach;
    for (std::ptrdiff_t i = std::max(-reach, place - reach); i <= std::min(reach, place + reach);
         ++i) {
      out.ids.push_back(i == 0 ? self_ : upwards[static_cast<size_t>(i > 0 ? i - 1 : count + i)]);
    }
  }
  std::rotate(out.ids.begin(), std::min_element(out.ids.begin(), out.ids.end()), out.ids.end());
  if (!leaf) return out;
  Bytes ids;
  ids.reserve(out.ids.size() * NodeId::kSize);
  for (const NodeId& id : out.ids) Append(ids, id.view());
  out.hash = std::max<uint64_t>(ByteReader(pki::Sha256(ids).view()).U64(), 1);
  return out;
}

bool LeafSet::Wants(const NodeId& id) const {
  if (id == self_ || Contains(id) || refused_.count(id) != 0) return false;
  if (!full_up_ || !full_down_) return true;
  return Clockwise(self_, id) < Clockwise(self_, successors_.back()) ||
         Clockwise(id, self_) < Clockwise(predecessors_.back(), self_);
}

bool LeafSet::WantsBeside(const NodeId& id, const std::vector<NodeId>& coming) const {
  if (!Wants(id)) return false;
  std::vector<NodeId> more = coming;
  more.push_back(id);
  std::vector<NodeId> upwards = Upwards(more);
  const auto within = [&](const std::vector<NodeId>& side) {
    return std::find(side.begin(), side.end(), id) != side.end();
  };
  if (within(Walk(upwards).ids)) return true;
  std::reverse(upwards.begin(), upwards.end());
  return within(Walk(upwards).ids);
}

LeafSet::Change LeafSet::Insert(const NodeRecord& record, const net::Endpoint& seen_at) {
  Change out;
  const auto found = members_.find(record.id());
  if (found != members_.end()) {
    if (record.epoch() > found->second.epoch()) found->second = record;
    return out;
  }
  if (!Wants(record.id())) return out;
  members_.emplace(record.id(), record);
  if (IsDetour(seen_at)) {
    // Nobody saw where it is: it is taken at its word, which is more than nothing.
    if (const auto network = record.PublicNetwork()) networks_.emplace(record.id(), *network);
  } else if (!seen_at.address.IsPrivate()) {
    networks_.emplace(record.id(), net::WideNetworkOf(seen_at.address));
  }
  Recompute();
  std::set<NodeId> kept(successors_.begin(), successors_.end());
  kept.insert(predecessors_.begin(), predecessors_.end());
  out.added = kept.count(record.id()) != 0;
  for (const auto& [id, member] : members_) {
    if (kept.count(id) == 0) out.evicted.push_back(id);
  }
  for (const NodeId& id : out.evicted) {
    members_.erase(id);
    networks_.erase(id);
  }
  if (!out.evicted.empty()) Recompute();
  if (!out.added) {
    std::erase(out.evicted, record.id());
    refused_.insert(record.id());
    if (refused_.size() > kMaxRefused) refused_.erase(refused_.begin());
  }
  return out;
}

bool LeafSet::Remove(const NodeId& id) {
  if (members_.erase(id) == 0) return false;
  networks_.erase(id);
  refused_.clear();
  Recompute();
  return true;
}

std::optional<net::IpAddress> LeafSet::NetworkOf(const NodeId& id) const {
  const auto found = networks_.find(id);
  if (found == networks_.end()) return std::nullopt;
  return found->second;
}

std::vector<NodeId> LeafSet::Ids() const {
  std::vector<NodeId> out;
  for (const auto& [id, record] : members_) out.push_back(id);
  return out;
}

const NodeRecord* LeafSet::Find(const NodeId& id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

bool LeafSet::Covers(const Key& key) const {
  if (Whole()) return true;
  return Clockwise(self_, key) <= Clockwise(self_, successors_.back()) ||
         Clockwise(key, self_) <= Clockwise(predecessors_.back(), self_);
}

}  // namespace p2pd::overlay
