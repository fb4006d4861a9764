#include "tests/sim/p2pd_sim/bamboo_tables.h"

#include <iterator>

namespace p2pd::sim::bamboo {
namespace {

constexpr int kBase = 1 << overlay::kDigitBits;

}  // namespace

bool LeafSet::Near(const Side& side, const overlay::RingId& distance) const {
  return side.size() < per_side_ || distance < side.rbegin()->first;
}

bool LeafSet::Promising(const overlay::NodeId& id) const {
  if (id == self_ || Contains(id)) return false;
  return Near(up_, overlay::Clockwise(self_, id)) || Near(down_, overlay::Clockwise(id, self_));
}

void LeafSet::Insert(Side& side, const overlay::RingId& distance, const Peer& peer) const {
  side.insert_or_assign(distance, peer);
  if (side.size() > per_side_) side.erase(std::prev(side.end()));
}

void LeafSet::Add(const Peer& peer) {
  if (peer.id == self_) return;
  Insert(up_, overlay::Clockwise(self_, peer.id), peer);
  Insert(down_, overlay::Clockwise(peer.id, self_), peer);
}

bool LeafSet::Remove(const overlay::NodeId& id) {
  const size_t up = up_.erase(overlay::Clockwise(self_, id));
  const size_t down = down_.erase(overlay::Clockwise(id, self_));
  return up + down > 0;
}

bool LeafSet::Contains(const overlay::NodeId& id) const {
  return up_.count(overlay::Clockwise(self_, id)) != 0 ||
         down_.count(overlay::Clockwise(id, self_)) != 0;
}

std::vector<Peer> LeafSet::Members() const {
  std::map<overlay::NodeId, Peer> members;
  for (const Side* side : {&up_, &down_}) {
    for (const auto& [distance, peer] : *side) members.emplace(peer.id, peer);
  }
  std::vector<Peer> out;
  for (const auto& [id, peer] : members) out.push_back(peer);
  return out;
}

LeafSet::Window LeafSet::AsWindow() const {
  Window out;
  for (auto it = down_.rbegin(); it != down_.rend(); ++it) {
    const overlay::NodeId& id = it->second.id;
    if (it->first <= overlay::Clockwise(self_, id)) out.ids.push_back(id);
  }
  out.self = out.ids.size();
  out.ids.push_back(self_);
  for (const auto& [distance, peer] : up_) {
    if (distance < overlay::Clockwise(peer.id, self_)) out.ids.push_back(peer.id);
  }
  out.full = out.ids.size() == 2 * per_side_ + 1;
  return out;
}

bool LeafSet::Covers(const overlay::Key& key) const {
  if (empty()) return true;
  for (const auto& [distance, peer] : up_) {
    if (down_.count(overlay::Clockwise(peer.id, self_)) != 0) return true;
  }
  const overlay::RingId above = up_.empty() ? overlay::RingId() : up_.rbegin()->first;
  const overlay::RingId below = down_.empty() ? overlay::RingId() : down_.rbegin()->first;
  return overlay::Clockwise(self_, key) <= above || overlay::Clockwise(key, self_) <= below;
}

std::optional<int> PrefixTable::SlotOf(const overlay::NodeId& id) const {
  const int level = overlay::SharedDigits(self_, id);
  if (level == overlay::kDigits) return std::nullopt;
  return level * kBase + overlay::Digit(id, level);
}

const Peer* PrefixTable::At(const overlay::NodeId& id) const {
  const std::optional<int> slot = SlotOf(id);
  const auto found = slot ? slots_.find(*slot) : slots_.end();
  return found == slots_.end() ? nullptr : &found->second;
}

void PrefixTable::Set(const Peer& peer) {
  if (const std::optional<int> slot = SlotOf(peer.id)) slots_.insert_or_assign(*slot, peer);
}

bool PrefixTable::Remove(const overlay::NodeId& id) {
  if (!Contains(id)) return false;
  slots_.erase(*SlotOf(id));
  return true;
}

bool PrefixTable::Contains(const overlay::NodeId& id) const {
  const Peer* peer = At(id);
  return peer != nullptr && peer->id == id;
}

std::vector<Peer> PrefixTable::Row(int level) const {
  std::vector<Peer> out;
  for (auto it = slots_.lower_bound(level * kBase);
       it != slots_.end() && it->first < (level + 1) * kBase; ++it) {
    out.push_back(it->second);
  }
  return out;
}

std::vector<Peer> PrefixTable::All() const {
  std::vector<Peer> out;
  for (const auto& [slot, peer] : slots_) out.push_back(peer);
  return out;
}

int PrefixTable::levels() const { return slots_.empty() ? 1 : slots_.rbegin()->first / kBase + 1; }

}  // namespace p2pd::sim::bamboo
