// Attackers at a Depot, and who sees through them.
#include <set>
#include <utility>

#include "libcore/store/carrier.h"
#include "tests/sim/p2pd_sim/depot.h"

namespace p2pd::sim {

void Depot::AddNode(bool attacker) {
  nodes_.emplace_back();
  nodes_.back().attacker = attacker;
  StartNode(nodes_.size() - 1);
}

void Depot::AddAttacker(std::optional<net::Endpoint> at, std::optional<overlay::NodeKeys> keys) {
  nodes_.emplace_back();
  nodes_.back().attacker = true;
  nodes_.back().fixed_at = at;
  nodes_.back().fixed_keys = std::move(keys);
  StartNode(nodes_.size() - 1);
}

void Depot::WakeAttackers() {
  // What an attacker acknowledges is not kept: a refusal may come of it.
  liars_ = true;
  conspiracy_->Wake();
}

std::optional<size_t> Depot::RandomUser() {
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const std::optional<size_t> place = RandomActive();
    if (!place || !nodes_[*place].attacker) return place;
  }
  return std::nullopt;
}

void Depot::Witness(size_t place, const overlay::Response& response) {
  if (!conspiracy_->awake() || conspiracy_->Contains(response.from.id())) return;
  const auto reply = store::ParseReply(response.payload);
  if (!reply || !reply->has_get()) return;
  for (const wire::v1::RowName& row : reply->get().rows()) {
    store::Sequence& newest = nodes_[place].honest[{row.kind(), ToBytes(AsBytes(row.slot()))}];
    newest = std::max(newest, store::Sequence(row.sequence()));
  }
}

std::pair<overlay::NodeId, overlay::NodeId> Depot::NeighboursOf(const store::Key& key) const {
  std::set<overlay::NodeId> ids;
  for (const Node& node : nodes_) {
    if (node.host->active()) ids.insert(node.host->id());
  }
  auto after = ids.lower_bound(key);
  if (after == ids.end()) after = ids.begin();
  const auto before = after == ids.begin() ? std::prev(ids.end()) : std::prev(after);
  return {*before, *after};
}

std::map<size_t, size_t> Depot::ReplicasFrom(const std::function<bool(const net::Endpoint&)>& in_it,
                                             int keys) {
  std::map<size_t, size_t> sets;
  for (int i = 0; i < keys; ++i) {
    const auto key = rng().Make<store::Key>();
    for (const Node& node : nodes_) {
      if (!node.host->active() || node.attacker) continue;
      const auto set = node.host->node().ReplicaSet(key);
      if (!set || !store::Contains(*set, node.host->id())) continue;
      size_t held = 0;
      for (const overlay::NodeRecord& record : *set) {
        held += in_it(record.addresses().front()) ? 1u : 0u;
      }
      ++sets[held];
    }
  }
  return sets;
}

}  // namespace p2pd::sim
