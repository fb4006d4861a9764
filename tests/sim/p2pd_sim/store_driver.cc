#include "tests/sim/p2pd_sim/store_driver.h"

#include <cmath>
#include <utility>

#include "libcore/base/check.h"
#include "tests/sim/p2pd_sim/machines.h"

namespace p2pd::sim {

StoreDriver::StoreDriver(const StoreCrowdOptions& options, const LinkOptions& link,
                         std::unique_ptr<LatencyModel> latency)
    : options_(options),
      latency_(std::move(latency)),
      world_(options.seed, link),
      rng_(options.seed * 7919 + 31) {
  UseLatencies(world_, *latency_, options_.seed, options_.broken_pairs);
  At(world_.now() + options_.census_every, {TaskKind::kCensus});
}

// ---- Time --------------------------------------------------------------------------------------

void StoreDriver::RunFor(absl::Duration span) {
  const Instant until = world_.now() + span;
  while (!agenda_.empty() && agenda_.begin()->first <= until) {
    const Instant when = agenda_.begin()->first;
    if (when > world_.now()) world_.RunFor(when - world_.now());
    const Task task = agenda_.begin()->second;
    agenda_.erase(agenda_.begin());
    Do(task);
  }
  world_.RunFor(until - world_.now());
  CountTime();
  for (size_t i = 0; i < machines(); ++i) {
    if (IsUp(i)) CountTraffic(i);
  }
}

void StoreDriver::Do(const Task& task) {
  const Instant now = world_.now();
  switch (task.kind) {
    case TaskKind::kDeath:
      if (MachineAt(task.index).death == task.number) KillNode(task.index, true);
      return;
    case TaskKind::kGet:
      if (task.number != gets_number_) return;
      At(now + Pause(gets_ * options_.nodes), task);
      return GetOne();
    case TaskKind::kRaw:
      if (task.number != raws_number_) return;
      if (raws_ > 0) At(now + Pause(raws_), task);
      return PutRaw();
    case TaskKind::kPublish:
      if (UpkeepOf(task.index).number == task.number) Publish(task.index);
      return;
    case TaskKind::kCensus:
      At(now + options_.census_every, task);
      return Census();
    case TaskKind::kReturn:
    case TaskKind::kRemoval:
      return DoOther(task);
  }
}

void StoreDriver::DoOther(const Task&) { P2PD_CHECK(false); }

absl::Duration StoreDriver::Pause(double per_second) {
  return absl::Seconds(-std::log(1 - rng_.Unit()) / per_second);
}

// ---- Nodes -------------------------------------------------------------------------------------

size_t StoreDriver::up() const {
  size_t out = 0;
  for (size_t i = 0; i < machines(); ++i) out += IsUp(i) ? 1u : 0u;
  return out;
}

void StoreDriver::CountTime() {
  const absl::Duration passed = world_.now() - counted_until_;
  results_.node_seconds += absl::ToDoubleSeconds(passed) * static_cast<double>(up());
  counted_until_ = world_.now();
}

void StoreDriver::CountTraffic(size_t place) {
  const overlay::Traffic all = TrafficOf(place);
  overlay::Traffic& counted = MachineAt(place).counted;
  results_.traffic += all - counted;
  counted = all;
}

void StoreDriver::Reset() {
  CountTime();
  for (size_t i = 0; i < machines(); ++i) {
    if (IsUp(i)) CountTraffic(i);
  }
  results_ = StoreResults();
}

std::optional<size_t> StoreDriver::RandomActive() {
  constexpr int kTries = 10'000;
  for (int tries = 0; tries < kTries && machines() > 0; ++tries) {
    const size_t place = rng_.Below(machines());
    if (IsActive(place)) return place;
  }
  return std::nullopt;
}

std::vector<net::Endpoint> StoreDriver::Doors() {
  std::vector<net::Endpoint> doors;
  for (int i = 0; i < Work::kDoors; ++i) {
    const std::optional<size_t> any = RandomActive();
    if (any) doors.push_back(EndpointAt(*any));
  }
  return doors;
}

void StoreDriver::DrawDeath(size_t place) {
  const uint64_t number = ++MachineAt(place).death;
  if (median_ == absl::InfiniteDuration()) return;
  At(world_.now() + DrawSession(options_.sessions, median_, rng_),
     {TaskKind::kDeath, place, number});
}

void StoreDriver::SetChurn(absl::Duration median) {
  median_ = median;
  for (size_t i = 0; i < machines(); ++i) {
    if (IsUp(i)) DrawDeath(i);
  }
}

void StoreDriver::KillShare(double share, bool replace) {
  std::vector<size_t> dead;
  for (size_t i = 0; i < machines(); ++i) {
    if (IsUp(i) && rng_.Unit() < share) dead.push_back(i);
  }
  for (const size_t place : dead) KillNode(place, false);
  for (const size_t place : dead) {
    if (replace) StartNode(place);
  }
}

// ---- Work --------------------------------------------------------------------------------------

void StoreDriver::SetGets(double per_node_and_second) {
  gets_ = per_node_and_second;
  ++gets_number_;
  if (gets_ > 0) {
    At(world_.now() + Pause(gets_ * options_.nodes), {TaskKind::kGet, 0, gets_number_});
  }
}

void StoreDriver::SetRaws(double per_second) {
  raws_ = per_second;
  ++raws_number_;
  if (raws_ > 0) At(world_.now() + Pause(raws_), {TaskKind::kRaw, 0, raws_number_});
}

void StoreDriver::FillRaws(absl::Duration span) {
  for (int i = 0; i < options_.raws; ++i) {
    At(world_.now() + span * rng_.Unit(), {TaskKind::kRaw, 0, raws_number_});
  }
}

void StoreDriver::PublishAgain(size_t publication, absl::Duration after) {
  const uint64_t number = ++UpkeepOf(publication).number;
  At(world_.now() + after, {TaskKind::kPublish, publication, number});
}

void StoreDriver::AnnounceAt(size_t place) {
  for (size_t i = 0; i < publications(); ++i) {
    if (UpkeepOf(i).place == place) PublishAgain(i, Work::kNotYet);
  }
}

}  // namespace p2pd::sim
