#include "libcore/overlay/routing_table.h"

#include <algorithm>
#include <set>

namespace p2pd::overlay {
namespace {

// Stable; three entries at most, and almost always in order, so std::stable_sort with its buffer
// from the heap would cost more.
void SortByRoundTrip(std::vector<RoutingTable::Entry>& entries) {
  for (size_t i = 1; i < entries.size(); ++i) {
    for (size_t j = i; j > 0 && entries[j].round_trip < entries[j - 1].round_trip; --j) {
      std::swap(entries[j], entries[j - 1]);
    }
  }
}

}  // namespace

RoutingTable::Slot RoutingTable::SlotOf(const NodeId& id) const {
  const int row = SharedDigits(self_, id);
  return {row, row == kDigits ? 0 : Digit(id, row)};
}

bool RoutingTable::TooManyFrom(const net::Endpoint& endpoint, int row) const {
  if (endpoint.address.IsPrivate()) return false;
  const net::IpAddress network = net::NetworkOf(endpoint.address);
  size_t in_row = 0;
  size_t in_table = 0;
  for (const auto& [slot, entries] : slots_) {
    for (const Entry& entry : entries) {
      if (net::NetworkOf(entry.endpoint.address) != network) continue;
      ++in_table;
      if (slot.first == row) ++in_row;
    }
  }
  return in_row >= kMaxPerRowFromNetwork || in_table >= kMaxFromNetwork;
}

std::vector<NodeId> RoutingTable::SetWidth(size_t width) {
  width_ = std::clamp<size_t>(width, 1, kMaxPerSlot);
  std::vector<NodeId> out;
  for (auto& [slot, entries] : slots_) {
    while (entries.size() > width_) {
      out.push_back(entries.back().record.id());
      places_.erase(out.back());
      entries.pop_back();
    }
  }
  return out;
}

RoutingTable::Change RoutingTable::Insert(const NodeRecord& record, const net::Endpoint& endpoint,
                                          absl::Duration round_trip) {
  Change out;
  if (record.id() == self_) return out;
  if (Contains(record.id())) {
    Update(record, endpoint, round_trip);
    return out;
  }
  const Slot slot = SlotOf(record.id());
  // Most are too far, and that is found at once.
  if (!(round_trip < RoundTripToBeat(record.id())) || TooManyFrom(endpoint, slot.first)) return out;
  std::vector<Entry>& entries = slots_[slot];
  if (entries.size() >= width_) {
    out.evicted = entries.back().record.id();
    places_.erase(*out.evicted);
    entries.pop_back();
  } else if (places_.size() >= kMaxEntries) {
    if (entries.empty()) slots_.erase(slot);
    return out;
  }
  entries.push_back(Entry{record, endpoint, round_trip});
  SortByRoundTrip(entries);
  places_[record.id()] = slot;
  out.added = true;
  return out;
}

bool RoutingTable::IsFirstChoice(const NodeId& id) const {
  const std::vector<Entry>& entries = SlotFor(id);
  return !entries.empty() && entries.front().record.id() == id;
}

absl::Duration RoutingTable::RoundTripToBeat(const NodeId& id) const {
  const std::vector<Entry>& entries = SlotFor(id);
  if (entries.size() < width_) return absl::InfiniteDuration();
  return entries.back().round_trip * kHysteresis;
}

const NodeRecord* RoutingTable::FindHead(uint64_t head) const {
  const auto place = places_.lower_bound(FromHead(head));
  if (place == places_.end() || Head(place->first) != head) return nullptr;
  for (const Entry& entry : slots_.at(place->second)) {
    if (entry.record.id() == place->first) return &entry.record;
  }
  return nullptr;
}

bool RoutingTable::Remove(const NodeId& id) {
  const auto place = places_.find(id);
  if (place == places_.end()) return false;
  const auto slot = slots_.find(place->second);
  std::erase_if(slot->second, [&id](const Entry& entry) { return entry.record.id() == id; });
  if (slot->second.empty()) slots_.erase(slot);
  places_.erase(place);
  return true;
}

void RoutingTable::Update(const NodeRecord& record, const net::Endpoint& endpoint,
                          absl::Duration round_trip) {
  const auto place = places_.find(record.id());
  if (place == places_.end()) return;
  std::vector<Entry>& entries = slots_.at(place->second);
  for (Entry& entry : entries) {
    if (entry.record.id() != record.id()) continue;
    if (record.epoch() > entry.record.epoch()) entry.record = record;
    entry.endpoint = endpoint;
    entry.round_trip = round_trip;
  }
  SortByRoundTrip(entries);
}

const std::vector<RoutingTable::Entry>& RoutingTable::SlotFor(const Key& key) const {
  static const std::vector<Entry>* const kNone = new std::vector<Entry>();
  const auto found = slots_.find(SlotOf(key));
  return found == slots_.end() ? *kNone : found->second;
}

std::vector<int> RoutingTable::Rows() const {
  std::set<int> rows;
  for (const auto& [slot, entries] : slots_) rows.insert(slot.first);
  return std::vector<int>(rows.begin(), rows.end());
}

std::vector<const RoutingTable::Entry*> RoutingTable::Row(int row) const {
  std::vector<const Entry*> out;
  for (auto it = slots_.lower_bound({row, 0}); it != slots_.end() && it->first.first == row; ++it) {
    for (const Entry& entry : it->second) out.push_back(&entry);
  }
  return out;
}

std::vector<const RoutingTable::Entry*> RoutingTable::All() const {
  std::vector<const Entry*> out;
  for (const auto& [slot, entries] : slots_) {
    for (const Entry& entry : entries) out.push_back(&entry);
  }
  return out;
}

}  // namespace p2pd::overlay
