#include "libcore/store/watchers.h"

#include <algorithm>

namespace p2pd::store {

bool Watchers::Add(const Subscription& subscription) {
  const overlay::NodeId& id = subscription.watcher.id();
  auto& leases = leases_[Place(subscription.place, subscription.kind)];
  const auto found = leases.find(id);
  if (found != leases.end()) {
    // The newer record of the node, in case it moved.
    if (subscription.watcher.epoch() >= found->second.watcher.epoch()) {
      found->second.watcher = subscription.watcher;
    }
    found->second.ends = std::max(found->second.ends, subscription.ends);
    return true;
  }
  const auto mine = per_node_.find(id);
  const size_t held = mine == per_node_.end() ? 0 : mine->second;
  if (leases.size() >= kMaxPerPlace || total_ >= kMaxTotal || held >= kMaxPerNode) {
    if (leases.empty()) leases_.erase(Place(subscription.place, subscription.kind));
    return false;
  }
  leases.emplace(id, Lease{subscription.watcher, subscription.ends, Instant(), 0});
  ++per_node_[id];
  ++total_;
  return true;
}

bool Watchers::KeptElsewhere(const Subscription& subscription) const {
  const auto place = leases_.find(Place(subscription.place, subscription.kind));
  if (place == leases_.end()) return false;
  const auto found = place->second.find(subscription.watcher.id());
  return found != place->second.end() && found->second.elsewhere >= subscription.ends &&
         found->second.elsewhere_epoch >= subscription.watcher.epoch();
}

void Watchers::NoteElsewhere(const Subscription& subscription, Instant until) {
  const auto place = leases_.find(Place(subscription.place, subscription.kind));
  if (place == leases_.end()) return;
  const auto found = place->second.find(subscription.watcher.id());
  if (found == place->second.end()) return;
  found->second.elsewhere = until;
  found->second.elsewhere_epoch = subscription.watcher.epoch();
}

void Watchers::Forget(const overlay::NodeId& watcher) {
  --total_;
  const auto found = per_node_.find(watcher);
  if (--found->second == 0) per_node_.erase(found);
}

bool Watchers::Has(const Key& place, ObjectKind kind, const overlay::NodeId& watcher) const {
  const auto found = leases_.find(Place(place, kind));
  return found != leases_.end() && found->second.count(watcher) != 0;
}

void Watchers::Remove(const Key& place, ObjectKind kind, const overlay::NodeId& watcher) {
  const auto found = leases_.find(Place(place, kind));
  if (found == leases_.end() || found->second.erase(watcher) == 0) return;
  Forget(watcher);
  if (found->second.empty()) leases_.erase(found);
}

std::vector<Watchers::Subscription> Watchers::Of(const Key& place, ObjectKind kind,
                                                 Instant now) const {
  std::vector<Subscription> out;
  const auto found = leases_.find(Place(place, kind));
  if (found == leases_.end()) return out;
  for (const auto& [id, lease] : found->second) {
    if (lease.ends > now) out.push_back(Subscription{place, kind, lease.watcher, lease.ends});
  }
  return out;
}

std::vector<Watchers::Subscription> Watchers::All(Instant now) const {
  std::vector<Subscription> out;
  for (const auto& [place, leases] : leases_) {
    for (const auto& [id, lease] : leases) {
      if (lease.ends > now) {
        out.push_back(Subscription{place.first, place.second, lease.watcher, lease.ends});
      }
    }
  }
  return out;
}

void Watchers::Expire(Instant now) {
  for (auto place = leases_.begin(); place != leases_.end();) {
    auto& leases = place->second;
    for (auto it = leases.begin(); it != leases.end();) {
      if (it->second.ends > now) {
        ++it;
        continue;
      }
      Forget(it->first);
      it = leases.erase(it);
    }
    place = leases.empty() ? leases_.erase(place) : std::next(place);
  }
}

}  // namespace p2pd::store
