#include "tests/sim/p2pd_sim/bamboo_depot.h"

#include <algorithm>
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
    : StoreDriver(options, Fragmenting(options.link), std::move(latency)),
      options_(options),
      node_options_(node) {
  node_options_.store_listener = this;
  world().SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    const uint64_t size = transmit.datagram.size() + kUdpHeader;
    const uint64_t fragment = options_.link.mtu + kUdpHeader;
    const uint64_t fragments = (size + fragment - 1) / fragment;
    results().datagrams += fragments;
    results().bytes += size + fragments * kIpHeader;
    return true;
  });
}

BambooDepot::~BambooDepot() = default;

// ---- Nodes -------------------------------------------------------------------------------------

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
  const std::vector<net::Endpoint> doors = Doors();
  ParticipantSpec spec;
  spec.world = &world();
  spec.listener = this;
  spec.place = place;
  spec.seed = rng().Next();
  spec.at = EndpointOfMachine(static_cast<uint32_t>(place), node.life++);
  node.counted = {};
  node.host = std::make_unique<Bamboo2004>(spec, node_options_);
  node.host->Start(doors);
  DrawDeath(place);
  AnnounceAt(place);
}

// What a node asked before it died is nobody's question any more.
void BambooDepot::KillNode(size_t place, bool replace) {
  CountTime();
  Node& node = nodes_[place];
  CountTraffic(place);
  const auto of_place = [place](const auto& entry) { return entry.first.first == place; };
  for (const auto& [name, put] : puts_) {
    if (name.first == place && put.publication) publications_[*put.publication].pending = false;
  }
  std::erase_if(puts_, of_place);
  std::erase_if(gets_open_, of_place);
  ++node.death;
  node.host.reset();
  ++results().deaths;
  if (replace) StartNode(place);
}

void BambooDepot::Grow() {
  for (int i = 0; i < options_.nodes; ++i) {
    nodes_.emplace_back();
    StartNode(nodes_.size() - 1);
    RunFor(options_.join_gap);
  }
}

// ---- Who puts ----------------------------------------------------------------------------------

void BambooDepot::Fill(absl::Duration span) {
  FillRaws(span);
  for (int i = 0; i < options_.people; ++i) {
    const size_t place = rng().Below(nodes_.size());
    for (const auto& [kind, size] : {std::pair(Kind::kCertificate, kCertificateBytes),
                                     std::pair(Kind::kEnvironment, kEnvironmentObjectBytes),
                                     std::pair(Kind::kState, kStateBytes)}) {
      Entry entry;
      entry.kind = kind;
      entry.key = rng().Make<overlay::Key>();
      entry.size = size;
      entries_.push_back(entry);
      Publication publication;
      publication.entry = entries_.size() - 1;
      publication.place = place;
      publications_.push_back(publication);
      PublishAgain(publications_.size() - 1, span * rng().Unit());
    }
  }
}

void BambooDepot::Publish(size_t index) {
  Publication& publication = publications_[index];
  Node& node = nodes_[publication.place];
  if (!node.host) return;
  if (!node.host->active() || publication.pending) return PublishAgain(index, Work::kNotYet);
  Entry& entry = entries_[publication.entry];
  const Instant now = world().now();
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
  entry.size = static_cast<uint32_t>(Work::DrawRawBytes(rng()));
  entry.key = rng().Make<overlay::Key>();
  entry.issued = 1;
  entries_.push_back(entry);
  StartPut(*place, entries_.size() - 1, world().now() + Work::kRawLife, std::nullopt);
}

void BambooDepot::StartPut(size_t place, size_t entry, Instant expires,
                           std::optional<size_t> publication) {
  const Entry& e = entries_[entry];
  const bamboo::Tuple tuple{e.key, e.issued, expires, e.size};
  Bamboo2004& host = *nodes_[place].host;
  puts_.emplace(OperationName(place, host.Put(tuple)),
                PendingPut{tuple, entry, world().now(), publication});
  host.Kick();
}

void BambooDepot::EndPut(const PendingPut& put, bool ok) {
  results().puts.Add(ok);
  Entry& entry = entries_[put.entry];
  if (ok) {
    results().put_latency.Add(absl::ToDoubleMilliseconds(world().now() - put.asked));
    if (put.tuple.version > entry.acknowledged) {
      entry.acknowledged = put.tuple.version;
      entry.expires = put.tuple.expires;
    }
  }
  if (!put.publication) return;
  Publication& publication = publications_[*put.publication];
  publication.pending = false;
  if (!ok) return PublishAgain(*put.publication, rng().Jitter(Work::kRetry));
  if (entry.immutable()) return;
  publication.changes = true;
  PublishAgain(*put.publication, entry.kind == Kind::kState
                                     ? Work::kStateLife / 2
                                     : Pause(1 / absl::ToDoubleSeconds(options_.change_every)));
}

// ---- Who gets ----------------------------------------------------------------------------------

bool BambooDepot::IsDue(const Entry& entry) const {
  return entry.acknowledged != 0 && entry.expires > world().now() + kMargin;
}

void BambooDepot::GetOne() {
  const std::optional<size_t> place = RandomActive();
  if (!place || entries_.empty()) return;
  const bool immutable = rng().Below(2) == 0;
  constexpr int kTries = 200;
  for (int i = 0; i < kTries; ++i) {
    const size_t entry = rng().Below(entries_.size());
    const Entry& e = entries_[entry];
    if (!IsDue(e) || e.immutable() != immutable) continue;
    Bamboo2004& host = *nodes_[*place].host;
    gets_open_.emplace(OperationName(*place, host.Get(e.key, !immutable)),
                       PendingGet{entry, world().now(), e.acknowledged});
    host.Kick();
    return;
  }
}

void BambooDepot::EndGet(const PendingGet& get, const bamboo::Client::Done& done) {
  const Entry& entry = entries_[get.entry];
  if (!IsDue(entry)) return;  // it expired while it was asked for
  (entry.immutable() ? results().immutable : results().changing).Add(done.ok);
  if (!done.ok) return;
  const double took = absl::ToDoubleMilliseconds(world().now() - get.asked);
  (entry.immutable() ? results().immutable_latency : results().changing_latency).Add(took);
  if (!entry.immutable()) results().newest.Add(done.tuple.version >= get.newest);
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
      if (tuple.expires > world().now()) version = std::max(version, tuple.version);
    }
  }
  for (Entry& entry : entries_) {
    entry.missing = IsDue(entry) && newest[entry.key] < entry.acknowledged;
  }
  results().neighbours.total += up();
  results().neighbours.good += up() - WrongNeighbours(4);
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
      held.Add(nodes_[place].host->store().Find(world().now(), entry.key).version >=
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
