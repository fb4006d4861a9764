#include "tests/sim/p2pd_sim/bamboo_depot.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "tests/sim/p2pd_sim/machines.h"

namespace p2pd::sim {
namespace {

// What expires so soon may be gone before the answer is here.
constexpr absl::Duration kMargin = absl::Minutes(1);
// The header of IP before each further fragment, bytes; and of UDP, which only the first has.
constexpr uint64_t kIpHeader = 20;
constexpr uint64_t kUdpHeader = 8;

LinkOptions Fragmenting(LinkOptions link) {
  constexpr size_t kLargest = 65'507;
  link.mtu = kLargest;
  return link;
}

absl::Duration LifeOf(BambooDepot::Kind kind) {
  switch (kind) {
    case BambooDepot::Kind::kRaw:
      return Work::kRawLife;
    case BambooDepot::Kind::kCertificate:
      return Work::kCertificateLife;
    case BambooDepot::Kind::kEnvironment:
      return Work::kEnvironmentLife;
    case BambooDepot::Kind::kState:
      return Work::kStateLife;
  }
  return Work::kRawLife;
}

}  // namespace

BambooDepot::BambooDepot(const StoreCrowdOptions& options, BambooOptions node,
                         std::unique_ptr<LatencyModel> latency)
    : options_(options),
      node_options_(node),
      latency_(std::move(latency)),
      world_(options.seed, Fragmenting(options.link)),
      rng_(options.seed * 7919 + 31) {
  node_options_.store_listener = this;
  UseLatencies(world_, *latency_, options_.seed, options_.broken_pairs);
  world_.SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    const uint64_t size = transmit.datagram.size() + kUdpHeader;
    const uint64_t fragment = options_.link.mtu + kUdpHeader;
    const uint64_t fragments = (size + fragment - 1) / fragment;
    results_.datagrams += fragments;
    results_.bytes += size + fragments * kIpHeader;
    return true;
  });
  At(world_.now() + options_.census_every, {TaskKind::kCensus});
}

BambooDepot::~BambooDepot() = default;

// ---- Time --------------------------------------------------------------------------------------

void BambooDepot::RunFor(absl::Duration span) {
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
    if (node.host) CountTraffic(node);
  }
}

void BambooDepot::Do(const Task& task) {
  const Instant now = world_.now();
  switch (task.kind) {
    case TaskKind::kDeath:
      if (nodes_[task.index].death == task.number) KillNode(task.index, true);
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
      if (publications_[task.index].number == task.number) Publish(task.index);
      return;
    case TaskKind::kCensus:
      At(now + options_.census_every, task);
      return Census();
  }
}

absl::Duration BambooDepot::Pause(double per_second) {
  return absl::Seconds(-std::log(1 - rng_.Unit()) / per_second);
}

size_t BambooDepot::up() const {
  return static_cast<size_t>(std::count_if(nodes_.begin(), nodes_.end(),
                                           [](const Node& node) { return node.host != nullptr; }));
}

void BambooDepot::CountTime() {
  const absl::Duration passed = world_.now() - counted_until_;
  results_.node_seconds += absl::ToDoubleSeconds(passed) * static_cast<double>(up());
  counted_until_ = world_.now();
}

void BambooDepot::CountTraffic(Node& node) {
  const overlay::Traffic all = node.host->traffic();
  results_.traffic += all - node.counted;
  node.counted = all;
}

void BambooDepot::Reset() {
  CountTime();
  for (Node& node : nodes_) {
    if (node.host) CountTraffic(node);
  }
  results_ = StoreResults();
}

// ---- Nodes -------------------------------------------------------------------------------------

std::optional<size_t> BambooDepot::RandomActive() {
  constexpr int kTries = 10'000;
  for (int tries = 0; tries < kTries && !nodes_.empty(); ++tries) {
    const size_t place = rng_.Below(nodes_.size());
    if (nodes_[place].host && nodes_[place].host->active()) return place;
  }
  return std::nullopt;
}

std::map<overlay::NodeId, size_t> BambooDepot::Active() const {
  std::map<overlay::NodeId, size_t> out;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host && nodes_[i].host->active()) out.emplace(nodes_[i].host->id(), i);
  }
  return out;
}

void BambooDepot::StartNode(size_t place) {
  CountTime();
  Node& node = nodes_[place];
  std::vector<net::Endpoint> doors;
  for (int i = 0; i < Work::kDoors; ++i) {
    const std::optional<size_t> any = RandomActive();
    if (any) doors.push_back(nodes_[*any].host->at());
  }
  ParticipantSpec spec;
  spec.world = &world_;
  spec.listener = this;
  spec.place = place;
  spec.seed = rng_.Next();
  spec.at = EndpointOfMachine(static_cast<uint32_t>(place), node.life++);
  node.counted = {};
  node.host = std::make_unique<Bamboo2004>(spec, node_options_);
  node.host->Start(doors);
  DrawDeath(place);
  AnnounceAt(place);
}

void BambooDepot::DrawDeath(size_t place) {
  ++nodes_[place].death;
  if (median_ == absl::InfiniteDuration()) return;
  At(world_.now() + DrawSession(options_.sessions, median_, rng_),
     {TaskKind::kDeath, place, nodes_[place].death});
}

// What a node asked before it died is nobody's question any more.
void BambooDepot::KillNode(size_t place, bool replace) {
  CountTime();
  Node& node = nodes_[place];
  CountTraffic(node);
  const auto of_place = [place](const auto& entry) { return entry.first.first == place; };
  for (const auto& [name, put] : puts_) {
    if (name.first == place && put.publication) publications_[*put.publication].pending = false;
  }
  std::erase_if(puts_, of_place);
  std::erase_if(gets_open_, of_place);
  ++node.death;
  node.host.reset();
  ++results_.deaths;
  if (replace) StartNode(place);
}

void BambooDepot::Grow() {
  for (int i = 0; i < options_.nodes; ++i) {
    nodes_.emplace_back();
    StartNode(nodes_.size() - 1);
    RunFor(options_.join_gap);
  }
}

void BambooDepot::SetChurn(absl::Duration median) {
  median_ = median;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host) DrawDeath(i);
  }
}

void BambooDepot::KillShare(double share, bool replace) {
  std::vector<size_t> dead;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host && rng_.Unit() < share) dead.push_back(i);
  }
  for (const size_t place : dead) KillNode(place, false);
  for (const size_t place : dead) {
    if (replace) StartNode(place);
  }
}

// ---- Who puts ----------------------------------------------------------------------------------

void BambooDepot::SetGets(double per_node_and_second) {
  gets_ = per_node_and_second;
  ++gets_number_;
  if (gets_ > 0) {
    At(world_.now() + Pause(gets_ * options_.nodes), {TaskKind::kGet, 0, gets_number_});
  }
}

void BambooDepot::SetRaws(double per_second) {
  raws_ = per_second;
  ++raws_number_;
  if (raws_ > 0) At(world_.now() + Pause(raws_), {TaskKind::kRaw, 0, raws_number_});
}

void BambooDepot::Fill(absl::Duration span) {
  for (int i = 0; i < options_.raws; ++i) {
    At(world_.now() + span * rng_.Unit(), {TaskKind::kRaw, 0, raws_number_});
  }
  for (int i = 0; i < options_.people; ++i) {
    const size_t place = rng_.Below(nodes_.size());
    for (const auto& [kind, size] : {std::pair(Kind::kCertificate, kCertificateBytes),
                                     std::pair(Kind::kEnvironment, kEnvironmentObjectBytes),
                                     std::pair(Kind::kState, kStateBytes)}) {
      Entry entry;
      entry.kind = kind;
      entry.key = rng_.Make<overlay::Key>();
      entry.size = size;
      entries_.push_back(entry);
      Publication publication;
      publication.entry = entries_.size() - 1;
      publication.place = place;
      publications_.push_back(publication);
      PublishAgain(publications_.size() - 1, span * rng_.Unit());
    }
  }
}

void BambooDepot::PublishAgain(size_t publication, absl::Duration after) {
  const uint64_t number = ++publications_[publication].number;
  At(world_.now() + after, {TaskKind::kPublish, publication, number});
}

void BambooDepot::AnnounceAt(size_t place) {
  for (size_t i = 0; i < publications_.size(); ++i) {
    if (publications_[i].place == place) PublishAgain(i, Work::kNotYet);
  }
}

void BambooDepot::Publish(size_t index) {
  Publication& publication = publications_[index];
  Node& node = nodes_[publication.place];
  if (!node.host) return;
  if (!node.host->active() || publication.pending) return PublishAgain(index, Work::kNotYet);
  Entry& entry = entries_[publication.entry];
  const Instant now = world_.now();
  if (publication.changes || publication.expires < now + absl::Minutes(2)) {
    ++entry.issued;
    publication.expires = now + LifeOf(entry.kind);
    publication.changes = false;
  }
  publication.pending = true;
  StartPut(publication.place, publication.entry, publication.expires, index);
}

void BambooDepot::PutRaw() {
  const std::optional<size_t> place = RandomActive();
  if (!place) return;
  Entry entry;
  entry.size = static_cast<uint32_t>(Work::DrawRawBytes(rng_));
  entry.key = rng_.Make<overlay::Key>();
  entry.issued = 1;
  entries_.push_back(entry);
  StartPut(*place, entries_.size() - 1, world_.now() + Work::kRawLife, std::nullopt);
}

void BambooDepot::StartPut(size_t place, size_t entry, Instant expires,
                           std::optional<size_t> publication) {
  const Entry& e = entries_[entry];
  const bamboo::Tuple tuple{e.key, e.issued, expires, e.size};
  Bamboo2004& host = *nodes_[place].host;
  puts_.emplace(OperationName(place, host.Put(tuple)),
                PendingPut{tuple, entry, world_.now(), publication});
  host.Kick();
}

void BambooDepot::EndPut(const PendingPut& put, bool ok) {
  results_.puts.Add(ok);
  Entry& entry = entries_[put.entry];
  if (ok) {
    results_.put_latency.Add(absl::ToDoubleMilliseconds(world_.now() - put.asked));
    if (put.tuple.version > entry.acknowledged) {
      entry.acknowledged = put.tuple.version;
      entry.expires = put.tuple.expires;
    }
  }
  if (!put.publication) return;
  Publication& publication = publications_[*put.publication];
  publication.pending = false;
  if (!ok) return PublishAgain(*put.publication, rng_.Jitter(Work::kRetry));
  if (entry.immutable()) return;
  publication.changes = true;
  PublishAgain(*put.publication, entry.kind == Kind::kState
                                     ? Work::kStateLife / 2
                                     : Pause(1 / absl::ToDoubleSeconds(options_.change_every)));
}

// ---- Who gets ----------------------------------------------------------------------------------

bool BambooDepot::IsDue(const Entry& entry) const {
  return entry.acknowledged != 0 && entry.expires > world_.now() + kMargin;
}

void BambooDepot::GetOne() {
  const std::optional<size_t> place = RandomActive();
  if (!place || entries_.empty()) return;
  const bool immutable = rng_.Below(2) == 0;
  constexpr int kTries = 200;
  for (int i = 0; i < kTries; ++i) {
    const size_t entry = rng_.Below(entries_.size());
    const Entry& e = entries_[entry];
    if (!IsDue(e) || e.immutable() != immutable) continue;
    Bamboo2004& host = *nodes_[*place].host;
    gets_open_.emplace(OperationName(*place, host.Get(e.key, !immutable)),
                       PendingGet{entry, world_.now(), e.acknowledged});
    host.Kick();
    return;
  }
}

void BambooDepot::EndGet(const PendingGet& get, const bamboo::Client::Done& done) {
  const Entry& entry = entries_[get.entry];
  if (!IsDue(entry)) return;  // it expired while it was asked for
  (entry.immutable() ? results_.immutable : results_.changing).Add(done.ok);
  if (!done.ok) return;
  const double took = absl::ToDoubleMilliseconds(world_.now() - get.asked);
  (entry.immutable() ? results_.immutable_latency : results_.changing_latency).Add(took);
  if (!entry.immutable()) results_.newest.Add(done.tuple.version >= get.newest);
}

void BambooDepot::OnDone(size_t place, const bamboo::Client::Done& done) {
  const OperationName name(place, done.operation);
  if (const auto put = puts_.extract(name)) EndPut(put.mapped(), done.ok);
  if (const auto get = gets_open_.extract(name)) EndGet(get.mapped(), done);
}

// ---- The oracle --------------------------------------------------------------------------------

void BambooDepot::Census() {
  std::map<overlay::Key, uint64_t> newest;
  for (const Node& node : nodes_) {
    if (!node.host) continue;
    for (const auto& [key, tuple] : node.host->store().tuples()) {
      uint64_t& version = newest[key];
      if (tuple.expires > world_.now()) version = std::max(version, tuple.version);
    }
  }
  for (Entry& entry : entries_) {
    entry.missing = IsDue(entry) && newest[entry.key] < entry.acknowledged;
  }
  results_.neighbours.total += up();
  results_.neighbours.good += up() - WrongNeighbours(4);
}

void BambooDepot::CheckAtRest(int) { Census(); }

size_t BambooDepot::Lost() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [](const Entry& entry) { return entry.missing; }));
}

size_t BambooDepot::Due() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(),
                                           [this](const Entry& entry) { return IsDue(entry); }));
}

// Where they should stand: on the four nodes on either side of the key.
double BambooDepot::ReplicasHeld() const {
  const std::map<overlay::NodeId, size_t> active = Active();
  Proportion held;
  for (const Entry& entry : entries_) {
    if (!IsDue(entry)) continue;
    auto up = active.lower_bound(entry.key);
    auto down = up;
    std::set<size_t> places;
    for (size_t i = 0; i < bamboo::Store::kReach; ++i) {
      if (up == active.end()) up = active.begin();
      down = down == active.begin() ? std::prev(active.end()) : std::prev(down);
      places.insert(up->second);
      places.insert(down->second);
      ++up;
    }
    for (const size_t place : places) {
      held.Add(nodes_[place].host->store().Find(world_.now(), entry.key).version >=
               entry.acknowledged);
    }
  }
  return held.Rate();
}

double BambooDepot::StoredBytes() const {
  double bytes = 0;
  for (const Node& node : nodes_) {
    if (!node.host) continue;
    for (const auto& [key, tuple] : node.host->store().tuples()) {
      bytes += static_cast<double>(bamboo::kTupleKeySize + tuple.size);
    }
  }
  return bytes / static_cast<double>(std::max<size_t>(1, up()));
}

// As the crowd counts it: those whose leaf set is not the true one; who has not joined is one.
size_t BambooDepot::WrongNeighbours(size_t per_side) const {
  const std::map<overlay::NodeId, size_t> active = Active();
  size_t wrong = up() - active.size();
  for (auto it = active.begin(); it != active.end(); ++it) {
    const std::vector<overlay::NodeId> known = nodes_[it->second].host->Leaves();
    const std::set<overlay::NodeId> leaves(known.begin(), known.end());
    auto above = it;
    auto below = it;
    bool right = true;
    for (size_t i = 0; i < std::min(per_side, (active.size() - 1) / 2); ++i) {
      above = std::next(above) == active.end() ? active.begin() : std::next(above);
      below = below == active.begin() ? std::prev(active.end()) : std::prev(below);
      right = right && leaves.count(above->first) != 0 && leaves.count(below->first) != 0;
    }
    if (!right) ++wrong;
  }
  return wrong;
}

}  // namespace p2pd::sim
