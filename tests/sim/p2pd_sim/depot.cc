#include "tests/sim/p2pd_sim/depot.h"

#include <algorithm>
#include <set>

#include "libcore/base/check.h"
#include "libcore/store/object_judge.h"

namespace p2pd::sim {
namespace {

// What a torn disk has lost: the rows of its last seconds (SQLite with synchronous=NORMAL).
constexpr absl::Duration kTorn = absl::Seconds(5);

void Tear(store::MemoryTable& table, absl::Time whole_until) {
  for (const store::Key& key : table.KeysBetween(store::Key(), LastKey(), SIZE_MAX)) {
    for (const store::StoredRow& row : table.Find(key, std::nullopt)) {
      if (row.stored_at < whole_until) continue;
      P2PD_CHECK(table.Erase(key, row.object.kind(), row.object.slot()).ok());
    }
  }
}

}  // namespace

store::Key LastKey() {
  store::Key key;
  for (uint8_t& byte : key.mutable_view()) byte = 0xff;
  return key;
}

Depot::Depot(const DepotOptions& options, std::unique_ptr<LatencyModel> latency)
    : options_(options),
      latency_(std::move(latency)),
      world_(options.seed, options.link),
      rng_(options.seed * 7919 + 31),
      authority_(options.seed + 5, world_.wall_now()) {
  conspiracy_ = std::make_unique<Conspiracy>(options_.seed, options_.lies);
  UseLatencies(world_, *latency_, options_.seed, options_.broken_pairs);
  world_.SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    ++results_.datagrams;
    results_.bytes += transmit.datagram.size() + kDatagramHeaders;
    return true;
  });
  At(world_.now() + options_.census_every, {TaskKind::kCensus});
}

Depot::~Depot() = default;

// ---- Time --------------------------------------------------------------------------------------

void Depot::RunFor(absl::Duration span) {
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
  for (Node& node : nodes_) {
    if (node.host->up()) CountTraffic(node);
  }
}

void Depot::Do(const Task& task) {
  const Instant now = world_.now();
  switch (task.kind) {
    case TaskKind::kDeath:
      if (nodes_[task.index].death == task.number) KillNode(task.index, true);
      return;
    case TaskKind::kReturn:
      return Return(task.index);
    case TaskKind::kGet:
      if (task.number != gets_number_) return;
      At(now + Pause(gets_ * options_.nodes), task);
      return GetOne();
    case TaskKind::kRaw:
      if (task.number != raws_number_) return;
      if (raws_ > 0) At(now + Pause(raws_), task);
      return PutRaw();
    case TaskKind::kRemoval:
      if (task.number != removals_number_) return;
      At(now + Pause(removals_), task);
      return RemoveOne();
    case TaskKind::kPublish:
      if (publications_[task.index].number == task.number) Publish(task.index);
      return;
    case TaskKind::kCensus:
      At(now + options_.census_every, task);
      ledger_.Expire(world_.wall_now());
      CountLost(TakeCensus());
      if (up() > 0) {
        const size_t wrong = WrongNeighbours(4);
        results_.neighbours.total += up();
        results_.neighbours.good += up() - wrong;
      }
      return;
  }
}

size_t Depot::up() const {
  return static_cast<size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const Node& node) { return node.host && node.host->up(); }));
}

void Depot::CountTime() {
  const absl::Duration passed = world_.now() - counted_until_;
  results_.node_seconds += absl::ToDoubleSeconds(passed) * static_cast<double>(up());
  counted_until_ = world_.now();
}

void Depot::CountTraffic(Node& node) {
  const overlay::Traffic& all = node.host->node().traffic();
  results_.traffic += all - node.counted;
  node.counted = all;
}

void Depot::Reset() {
  CountTime();
  for (Node& node : nodes_) {
    if (node.host->up()) CountTraffic(node);
  }
  results_ = StoreResults();
  found_.clear();
}

// ---- Nodes -------------------------------------------------------------------------------------

std::vector<net::Endpoint> Depot::Doors() {
  std::vector<net::Endpoint> doors;
  for (int i = 0; i < Work::kDoors; ++i) {
    const std::optional<size_t> any = RandomActive();
    if (any) doors.push_back(nodes_[*any].host->at());
  }
  return doors;
}

std::optional<size_t> Depot::RandomActive() {
  constexpr int kTries = 10'000;
  for (int tries = 0; tries < kTries && !nodes_.empty(); ++tries) {
    const size_t place = rng_.Below(nodes_.size());
    if (nodes_[place].host && nodes_[place].host->active()) return place;
  }
  return std::nullopt;
}

void Depot::StartNode(size_t place) {
  CountTime();
  Node& node = nodes_[place];
  const std::vector<net::Endpoint> doors = Doors();
  node.seen.clear();
  node.liar = false;
  node.backup.reset();
  node.counted = {};
  if (node.host && node.attacker) conspiracy_->Forget(*node.host);
  const net::Endpoint at =
      node.fixed_at.value_or(EndpointOfMachine(static_cast<uint32_t>(place), node.life++));
  node.host = std::make_unique<StoreHost>(world_, rng_.Next(), store::StoreOptions(), at,
                                          std::exchange(node.fixed_keys, std::nullopt));
  node.honest.clear();
  if (node.attacker) {
    conspiracy_->Recruit(*node.host);
  } else {
    node.host->SetWitness(
        [this, place](const overlay::Response& response) { Witness(place, response); });
  }
  if (options_.clock_skew > absl::ZeroDuration()) SetWall(*node.host);
  node.host->SetHandler(
      [this, place](Instant now, const store::Event& event) { OnStoreEvent(place, now, event); });
  if (split_) SetIsland();
  node.host->Start(doors);
  if (node.attacker) conspiracy_->Started(*node.host);
  DrawDeath(place);
  AnnounceAt(place);
}

void Depot::DrawDeath(size_t place) {
  ++nodes_[place].death;
  if (median_ == absl::InfiniteDuration()) return;
  At(world_.now() + DrawSession(options_.sessions, median_, rng_),
     {TaskKind::kDeath, place, nodes_[place].death});
}

void Depot::Crash(size_t place) {
  CountTime();
  Node& node = nodes_[place];
  if (node.host->up()) CountTraffic(node);
  if (node.host->up() && node.attacker) conspiracy_->Dismiss(node.host->id());
  node.counted = {};
  ForgetOperations(place);
  ++node.death;
  node.host->Crash();
}

void Depot::KillNode(size_t place, bool replace) {
  Crash(place);
  ++results_.deaths;
  // Whoever was to come back from a crash is dead now.
  nodes_[place].host->table() = store::MemoryTable();
  if (replace) StartNode(place);
}

void Depot::Return(size_t place) {
  Node& node = nodes_[place];
  if (node.host->up()) return;
  CountTime();
  node.host->Start(Doors());
  if (node.attacker) conspiracy_->Started(*node.host);
  DrawDeath(place);
  AnnounceAt(place);
}

void Depot::Grow() {
  for (int i = 0; i < options_.nodes; ++i) {
    const uint64_t machine = static_cast<uint64_t>(i) + (options_.seed << 20);
    AddNode(options_.attackers > 0 && SeededRng(machine).Unit() < options_.attackers);
    RunFor(options_.join_gap);
  }
}

// ---- Faults ------------------------------------------------------------------------------------

void Depot::SetChurn(absl::Duration median) {
  median_ = median;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host->up()) DrawDeath(i);
  }
}

void Depot::KillShare(double share, bool replace) {
  std::vector<size_t> dead;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host->up() && rng_.Unit() < share) dead.push_back(i);
  }
  for (const size_t place : dead) KillNode(place, false);
  for (const size_t place : dead) {
    if (replace) StartNode(place);
  }
}

void Depot::SetWall(StoreHost& host) {
  const absl::Duration skew = options_.clock_skew * (2 * rng_.Unit() - 1);
  host.wall().Set(host.Now(), world_.wall_now() + skew);
}

void Depot::StepClocks(double share) {
  for (Node& node : nodes_) {
    if (node.host->up() && rng_.Unit() < share) SetWall(*node.host);
  }
}

void Depot::CrashOne(absl::Duration away, Disk disk) {
  const std::optional<size_t> place = RandomActive();
  if (!place) return;
  Crash(*place);
  Node& node = nodes_[*place];
  if (disk == Disk::kTorn) Tear(node.host->table(), node.host->wall().At(node.host->Now()) - kTorn);
  if (disk == Disk::kOld && node.backup) node.host->table() = *node.backup;
  At(world_.now() + away, {TaskKind::kReturn, *place});
}

void Depot::Backup() {
  for (Node& node : nodes_) {
    if (node.host->up()) node.backup = node.host->table();
  }
}

void Depot::Split(bool apart) {
  split_ = apart;
  SetIsland();
}

void Depot::SetIsland() {
  std::set<net::Endpoint> island;
  for (size_t i = 0; split_ && i < nodes_.size(); i += 2) {
    if (nodes_[i].host) island.insert(nodes_[i].host->at());
  }
  world_.SetPartition(std::move(island));
}

void Depot::Lie() {
  const std::optional<size_t> place = RandomActive();
  if (!place) return;
  Node& node = nodes_[*place];
  node.liar = true;
  liars_ = true;
  store::MemoryTable& table = node.host->table();
  for (const store::Key& key : table.KeysBetween(store::Key(), LastKey(), SIZE_MAX)) {
    for (store::StoredRow row : table.Find(key, wire::v1::OBJECT_KIND_USER_ENVIRONMENT)) {
      wire::v1::StoredObject stored;
      wire::v1::UserEnvironmentBody body;
      P2PD_CHECK(stored.ParseFromString(ToText(row.object.bytes())));
      P2PD_CHECK(body.ParseFromString(stored.body()));
      body.set_sequence(body.sequence() + 1000);
      stored.set_body(body.SerializeAsString());
      const auto forged = store::ParseStored(ToBytes(stored.SerializeAsString()));
      P2PD_CHECK(forged.has_value());
      row.object = *forged;
      P2PD_CHECK(table.Insert(row).ok());
    }
  }
}

}  // namespace p2pd::sim
