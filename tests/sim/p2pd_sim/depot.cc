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
    : StoreDriver(options, options.link, std::move(latency)),
      options_(options),
      authority_(options.seed + 5, world().wall_now()) {
  conspiracy_ = std::make_unique<Conspiracy>(options_.seed, options_.lies);
  world().SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    ++results().datagrams;
    results().bytes += transmit.datagram.size() + kDatagramHeaders;
    return true;
  });
}

Depot::~Depot() = default;

// ---- For the driver -----------------------------------------------------------------------------

bool Depot::IsUp(size_t place) const { return nodes_[place].host && nodes_[place].host->up(); }

bool Depot::IsActive(size_t place) const {
  return nodes_[place].host && nodes_[place].host->active();
}

overlay::Traffic Depot::TrafficOf(size_t place) const {
  return nodes_[place].host->node().traffic();
}

void Depot::DoOther(const Task& task) {
  if (task.kind == TaskKind::kReturn) return Return(task.index);
  if (task.number != removals_number_) return;
  At(world().now() + Pause(removals_), task);
  RemoveOne();
}

void Depot::Reset() {
  StoreDriver::Reset();
  found_.clear();
}

// ---- Nodes -------------------------------------------------------------------------------------

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
  node.host = std::make_unique<StoreHost>(world(), rng().Next(), store::StoreOptions(), at,
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

void Depot::Crash(size_t place) {
  CountTime();
  Node& node = nodes_[place];
  if (node.host->up()) CountTraffic(place);
  if (node.host->up() && node.attacker) conspiracy_->Dismiss(node.host->id());
  node.counted = {};
  ForgetOperations(place);
  ++node.death;
  node.host->Crash();
}

void Depot::KillNode(size_t place, bool replace) {
  Crash(place);
  ++results().deaths;
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

void Depot::SetWall(StoreHost& host) {
  const absl::Duration skew = options_.clock_skew * (2 * rng().Unit() - 1);
  host.wall().Set(host.Now(), world().wall_now() + skew);
}

void Depot::StepClocks(double share) {
  for (Node& node : nodes_) {
    if (node.host->up() && rng().Unit() < share) SetWall(*node.host);
  }
}

void Depot::CrashOne(absl::Duration away, Disk disk) {
  const std::optional<size_t> place = RandomActive();
  if (!place) return;
  Crash(*place);
  Node& node = nodes_[*place];
  if (disk == Disk::kTorn) Tear(node.host->table(), node.host->wall().At(node.host->Now()) - kTorn);
  if (disk == Disk::kOld && node.backup) node.host->table() = *node.backup;
  At(world().now() + away, {TaskKind::kReturn, *place});
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
  world().SetPartition(std::move(island));
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
