#include "libcore/overlay/liveness.h"

#include <algorithm>

namespace p2pd::overlay {
namespace {

// Interval after each check of a neighbour: down by 30 % for a corpse, up by 0.7 % for a sign of
// life, which balances where 2 % are corpses (0.7^0.02 · 1.0072^0.98 = 1).
constexpr double kOnDead = 0.7;
constexpr double kOnAlive = 1.0073;

}  // namespace

void Liveness::Suspect(Instant now, const NodeId& id) {
  if (probes_.count(id) != 0 || !links_.Linked(id)) return;
  counters_.Add("overlay.suspicions");
  ring_.SetSuspect(id, true);
  Probe& probe = probes_[id];
  probe.since = now;
  probe.next = now;
  StepProbe(now, id);
  if (!ring_.leaves().Contains(id)) return;
  if (asked_all_ && *asked_all_ + kFresh > now) return;
  asked_all_ = now;
  for (const auto& [leaf, record] : ring_.leaves().members()) {
    const std::optional<Instant> heard = links_.LastHeard(leaf);
    if (leaf != id && heard && *heard + kFresh <= now) links_.Ping(now, leaf);
  }
}

void Liveness::Forget(const NodeId& id) {
  probes_.erase(id);
  ring_.SetSuspect(id, false);
}

void Liveness::StepProbe(Instant now, const NodeId& id) {
  Probe& probe = probes_.at(id);
  const std::optional<Instant> heard = links_.LastHeard(id);
  if (heard && *heard > probe.since) {
    Forget(id);
    cleared_.push_back(id);
    return;
  }
  if (probe.sent >= kProbes || !heard) {
    interval_ = std::max(interval_ * kOnDead, kMinInterval);
    counters_.Add("overlay.neighbours_dead");
    probes_.erase(id);
    dead_.push_back(id);
    return;
  }
  links_.Ping(now, id);
  const absl::Duration wait = std::max(links_.TimeoutTo(id), kFirstProbe);
  probe.next = now + wait * (1 << probe.sent);
  ++probe.sent;
}

void Liveness::PingSilent(Instant now) {
  std::set<NodeId> beside;
  for (const bool clockwise : {false, true}) {
    const std::vector<NodeId>& side = ring_.leaves().Side(clockwise);
    if (!side.empty()) beside.insert(side.front());
  }
  for (const NodeId& id : ring_.Members()) {
    const std::optional<Instant> heard = links_.LastHeard(id);
    if (!heard || probes_.count(id) != 0) continue;
    const absl::Duration mean =
        beside.count(id) != 0 ? std::min(kNeighbourInterval, interval_) : interval_;
    // Jitter, or both sides would ping each other at the same moment for ever.
    if (now - *heard < mean * (0.75 + rng_.Unit() / 2)) continue;
    links_.Ping(now, id);
    interval_ = std::min(interval_ * kOnAlive, kMaxInterval);
  }
}

void Liveness::OnTimeout(Instant now) {
  std::vector<NodeId> due;
  for (const auto& [id, probe] : probes_) {
    // Who was heard is cleared at once, not only when its probe is over.
    const std::optional<Instant> heard = links_.LastHeard(id);
    if (probe.next <= now || (heard && *heard > probe.since)) due.push_back(id);
  }
  for (const NodeId& id : due) StepProbe(now, id);
  if (next_check_ && *next_check_ <= now) {
    PingSilent(now);
    next_check_ = now + rng_.Jitter(kCheck);
  }
}

std::optional<Instant> Liveness::PollTimeout() const {
  std::optional<Instant> out = next_check_;
  for (const auto& [id, probe] : probes_) out = Earliest(out, probe.next);
  return out;
}

std::optional<NodeId> Liveness::PollDead() {
  if (dead_.empty()) return std::nullopt;
  const NodeId out = dead_.front();
  dead_.pop_front();
  return out;
}

std::optional<NodeId> Liveness::PollCleared() {
  if (cleared_.empty()) return std::nullopt;
  const NodeId out = cleared_.front();
  cleared_.pop_front();
  return out;
}

}  // namespace p2pd::overlay
