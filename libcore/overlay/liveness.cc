#include "libcore/overlay/liveness.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "libcore/overlay/detours.h"

namespace p2pd::overlay {
namespace {

// Interval after each check of a first choice: down by 30 % for a corpse, up for a sign of life by
// what balances it where kCorpses are corpses (0.7^0.04 · 1.015^0.96 = 1).
constexpr double kOnDead = 0.7;
constexpr double kOnAlive = 1.015;

}  // namespace

bool Liveness::StartProbing(Instant now, const NodeId& id, int limit) {
  if (probes_.count(id) != 0 || !links_.Linked(id)) return false;
  counters_.Add("overlay.suspicions");
  ring_.SetSuspect(id, true);
  Probe& probe = probes_[id];
  probe.since = now;
  probe.next = now;
  probe.limit = limit;
  StepProbe(now, id);
  return true;
}

void Liveness::OnReport(Instant now, const NodeId& id) {
  if (!SilentFor(now, id, kFresh)) return;
  StartProbing(now, id, kShortProbes);
  const auto probe = probes_.find(id);
  if (probe == probes_.end()) return;
  probe->second.reported = true;
  probe->second.limit = std::min(probe->second.limit, kShortProbes);
}

void Liveness::Suspect(Instant now, const NodeId& id) {
  const bool leaf = ring_.leaves().Contains(id);
  if (!StartProbing(now, id, leaf ? kProbes : kShortProbes) || !leaf) return;
  for (const bool clockwise : {false, true}) {
    const std::vector<NodeId>& side = ring_.leaves().Side(clockwise);
    const auto at = std::find(side.begin(), side.end(), id);
    if (at == side.end()) continue;
    if (at != side.begin()) AskAgain(now, *(at - 1));
    if (at + 1 != side.end()) AskAgain(now, *(at + 1));
  }
}

void Liveness::AskAgain(Instant now, const NodeId& id) {
  if (SilentFor(now, id, kFresh)) links_.Ping(now, id);
}

bool Liveness::SilentFor(Instant now, const NodeId& id, absl::Duration span) const {
  const std::optional<Instant> heard = links_.LastHeard(id);
  return heard && *heard + span <= now;
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
  if (probe.sent >= probe.limit || !heard) {
    if (ring_.table().IsFirstChoice(id)) interval_ = std::max(interval_ * kOnDead, kMinInterval);
    counters_.Add("overlay.neighbours_dead");
    probes_.erase(id);
    dead_.push_back(id);
    return;
  }
  links_.Ping(now, id);
  AskRound(id, probe);
  const absl::Duration wait = std::max(links_.TimeoutTo(id), kFirstProbe);
  probe.next = now + wait * (1 << probe.sent);
  ++probe.sent;
}

void Liveness::AskRound(const NodeId& id, const Probe& probe) {
  if (detours_ == nullptr) return;
  // Where the way leads round already, it may be the third who is silent.
  const bool round = detours_->Round(id);
  if (!round && (probe.reported || probe.sent + 1 < probe.limit)) return;
  detours_->PingRound(id, round ? static_cast<size_t>(probe.sent) : 0);
}

void Liveness::Start(Instant now) {
  started_ = true;
  changed_ = now;
  Follow(now);
}

void Liveness::Follow(Instant now) {
  ring_version_ = ring_.version();
  affordable_ =
      absl::Seconds(static_cast<double>(ring_.table().slots()) * kPingBytes / ping_bytes_);
  std::vector<NodeId> members = ring_.Members();
  std::vector<NodeId> came;
  std::set_difference(members.begin(), members.end(), followed_.begin(), followed_.end(),
                      std::back_inserter(came));
  std::vector<NodeId> went;
  std::set_difference(followed_.begin(), followed_.end(), members.begin(), members.end(),
                      std::back_inserter(went));
  followed_ = std::move(members);
  if (came.empty() && went.empty()) return;
  std::erase_if(checks_, [&went](const NextCheck& check) {
    return std::binary_search(went.begin(), went.end(), check.second);
  });
  for (const NodeId& id : came) {
    checks_.emplace_back(now + rng_.Jitter(kNeighbourInterval), id);
  }
  std::make_heap(checks_.begin(), checks_.end(), std::greater<>());
}

int Liveness::Calm(Instant now) const {
  const absl::Duration calm = std::clamp(now - changed_, absl::ZeroDuration(), kMostCalm * kCalm);
  return std::min(1 + static_cast<int>(calm / kCalm), kMostCalm);
}

void Liveness::OnLeafSetChanged(Instant now) {
  const bool was_calm = Calm(now) > 1;
  changed_ = now;
  if (!was_calm) return;
  for (NextCheck& check : checks_) {
    if (IsBeside(check.second)) {
      check.first = std::min(check.first, now + rng_.Jitter(kNeighbourInterval));
    }
  }
  std::make_heap(checks_.begin(), checks_.end(), std::greater<>());
}

bool Liveness::IsBeside(const NodeId& id) const {
  for (const bool clockwise : {false, true}) {
    const std::vector<NodeId>& side = ring_.leaves().Side(clockwise);
    if (!side.empty() && side.front() == id) return true;
  }
  return false;
}

absl::Duration Liveness::IntervalOf(Instant now, const NodeId& id) const {
  if (IsBeside(id)) return std::min(kNeighbourInterval * Calm(now), interval_);
  if (ring_.table().IsFirstChoice(id) && !ring_.leaves().Whole()) {
    return std::min(std::max(interval_ * Calm(now), affordable_), kMaxBackupInterval);
  }
  if (ring_.leaves().Contains(id)) return std::max(2 * interval_, kMinLeafInterval);
  return std::min(4 * interval_, kMaxBackupInterval);
}

Instant Liveness::Check(Instant now, const NodeId& id) {
  const std::optional<Instant> heard = links_.LastHeard(id);
  // Jitter, or both sides would ping each other at the same moment for ever.
  const absl::Duration interval = IntervalOf(now, id) * (0.75 + rng_.Unit() / 2);
  if (!heard || probes_.count(id) != 0) return now + interval;
  if (now - *heard < interval) return *heard + interval;
  links_.Ping(now, id);
  if (ring_.table().IsFirstChoice(id)) interval_ = std::min(interval_ * kOnAlive, kMaxInterval);
  return now + interval;
}

void Liveness::OnTimeout(Instant now) {
  std::vector<NodeId> due;
  for (const auto& [id, probe] : probes_) {
    // Who was heard is cleared at once, not only when its probe is over.
    const std::optional<Instant> heard = links_.LastHeard(id);
    if (probe.next <= now || (heard && *heard > probe.since)) due.push_back(id);
  }
  for (const NodeId& id : due) StepProbe(now, id);
  if (!started_) return;
  if (ring_version_ != ring_.version()) Follow(now);
  while (!checks_.empty() && checks_.front().first <= now) {
    std::pop_heap(checks_.begin(), checks_.end(), std::greater<>());
    NextCheck& check = checks_.back();
    check.first = Check(now, check.second);
    std::push_heap(checks_.begin(), checks_.end(), std::greater<>());
  }
}

size_t Liveness::TableWidth() const {
  if (interval_ > kMaxInterval * 0.6) return 3;
  return interval_ > kMaxInterval * 0.3 ? 2 : 1;
}

std::optional<Instant> Liveness::PollTimeout() const {
  std::optional<Instant> out;
  if (!checks_.empty()) out = checks_.front().first;
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
