#include "libcore/overlay/neighbours.h"

#include <algorithm>
#include <utility>

namespace p2pd::overlay {

void Neighbours::OnLinkUp(const NodeId& id) {
  linked_[Head(id)].id = id;
  ++version_;
}

void Neighbours::OnLinkDown(const NodeId& id) {
  const auto found = linked_.find(Head(id));
  if (found == linked_.end() || found->second.id != id) return;
  linked_.erase(found);
  ++version_;
}

void Neighbours::Learn(const NodeId& id, uint64_t place) {
  const std::optional<Coordinate> coordinate = Coordinate::Unpack(place);
  const auto found = linked_.find(Head(id));
  if (!coordinate || found == linked_.end() || found->second.id != id) return;
  found->second.coordinate = coordinate;
  // A way round is longer than they are apart.
  const std::optional<absl::Duration> round_trip = links_.RoundTripTo(id);
  if (round_trip && !links_.DetourTo(id)) vivaldi_.OnSample(*coordinate, *round_trip);
}

void Neighbours::Relax() {
  const bool changed = std::exchange(relaxed_, version()) != version();
  for (auto it = linked_.begin(); it != linked_.end();) {
    // A link that we dropped ourselves is not reported.
    if (changed && !links_.Linked(it->second.id)) {
      it = linked_.erase(it);
      continue;
    }
    const Neighbour& neighbour = (it++)->second;
    if (!neighbour.coordinate) continue;
    const std::optional<absl::Duration> round_trip = links_.RoundTripTo(neighbour.id);
    if (!round_trip || links_.DetourTo(neighbour.id)) continue;
    vivaldi_.OnSample(*neighbour.coordinate, *round_trip);
  }
}

std::optional<NodeId> Neighbours::Linked(uint64_t head) const {
  const auto found = linked_.find(head);
  if (found == linked_.end() || !links_.Linked(found->second.id)) return std::nullopt;
  return found->second.id;
}

uint64_t Neighbours::PlaceOf(uint64_t head) const {
  const auto found = linked_.find(head);
  if (found == linked_.end() || !found->second.coordinate) return 0;
  return found->second.coordinate->Pack();
}

std::vector<NodeId> Neighbours::All() const {
  std::vector<NodeId> out;
  for (const auto& [head, neighbour] : linked_) {
    if (links_.Linked(neighbour.id)) out.push_back(neighbour.id);
  }
  return out;
}

std::optional<absl::Duration> Neighbours::RoundTripTo(const Hint& hint) const {
  const std::optional<NodeId> linked = Linked(hint.head);
  if (linked) {
    const std::optional<absl::Duration> measured = links_.RoundTripTo(*linked);
    if (measured) return measured;
  }
  const std::optional<Coordinate> there = hint.coordinate();
  if (!there || vivaldi_.samples() == 0) return std::nullopt;
  return PredictRoundTrip(vivaldi_.own(), *there);
}

std::vector<NodeId> Neighbours::Towards(const Key& key, const WideTable& hints) const {
  if (!hints.Covers(Head(key))) return {};
  const std::vector<Hint> window = hints.Around(Head(key), kWindow);
  std::vector<std::pair<absl::Duration, NodeId>> ways;
  for (const Hint& hint : window) {
    const std::optional<NodeId> id = Linked(hint.head);
    if (!id) continue;
    absl::Duration time = links_.RoundTripTo(*id).value_or(RoundTrip::kInitial);
    const Hint& root = window.front();
    if (hint.head != root.head) {
      const std::optional<Coordinate> from = hint.coordinate();
      const std::optional<Coordinate> to = root.coordinate();
      time += from && to ? PredictRoundTrip(*from, *to) : RoundTrip::kInitial;
    }
    ways.emplace_back(time, *id);
  }
  std::sort(ways.begin(), ways.end());
  std::vector<NodeId> out;
  for (const auto& [time, id] : ways) out.push_back(id);
  return out;
}

}  // namespace p2pd::overlay
