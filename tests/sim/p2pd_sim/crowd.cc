#include "tests/sim/p2pd_sim/crowd.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "libcore/base/check.h"
#include "tests/sim/p2pd_sim/bamboo_2004.h"
#include "tests/sim/p2pd_sim/machines.h"
#include "tests/sim/p2pd_sim/overlay_participant.h"

namespace p2pd::sim {
namespace {

constexpr absl::Duration kRolesPeriod = absl::Seconds(1);

}  // namespace

std::string NameOf(Protocol protocol) {
  switch (protocol) {
    case Protocol::kP2pd:
      return "p2pd";
    case Protocol::kBamboo2004:
      return "bamboo-2004";
    case Protocol::kBamboo2004FirstRto:
      return "bamboo-2004-rto";
  }
  P2PD_CHECK(false);
}

Crowd::Crowd(const CrowdOptions& options, std::unique_ptr<LatencyModel> latency)
    : options_(options),
      latency_(std::move(latency)),
      world_(options.seed, options.link),
      rng_(options.seed * 7919 + 17),
      lives_(static_cast<size_t>(options.nodes)),
      watch_(options.seed),
      next_look_(Instant() + RingWatch::kPeriod) {
  UseLatencies(world_, *latency_, options_.seed, options_.broken_pairs, options_.known_door);
  world_.SetTap([this](const net::Endpoint&, net::Transmit& transmit) {
    ++results_.datagrams;
    results_.bytes += transmit.datagram.size() + kDatagramHeaders;
    return true;
  });
}

Crowd::~Crowd() = default;

void Crowd::CountTime() {
  const absl::Duration passed = world_.now() - counted_until_;
  results_.node_seconds += absl::ToDoubleSeconds(passed) * static_cast<double>(up_);
  counted_until_ = world_.now();
}

void Crowd::CountTraffic(Node& node) {
  const overlay::Traffic& all = node.host->traffic();
  results_.traffic += all - node.counted;
  node.counted = all;
}

void Crowd::Reset() {
  CountTime();
  for (Node& node : nodes_) {
    if (node.host) CountTraffic(node);
  }
  results_ = CrowdResults();
}

void Crowd::StartNode(size_t place) {
  CountTime();
  Node& node = nodes_[place];
  node.machine = static_cast<uint32_t>(place);
  const std::vector<net::Endpoint> bootstrap = DoorsFor(place);
  node.asked_first = false;
  node.joined = false;
  node.host = MakeParticipant(place);
  node.started = world_.now();
  node.ends = median_ == absl::InfiniteDuration()
                  ? Instant() + absl::InfiniteDuration()
                  : world_.now() + DrawSession(options_.sessions, median_, rng_);
  ++up_;
  node.host->Start(bootstrap);
  if (!node.host->holds_lookups() || bootstrap.empty()) return;
  AskFirst(place);
  node.host->Kick();
}

std::vector<net::Endpoint> Crowd::DoorsFor(size_t place) {
  std::vector<net::Endpoint> out;
  bool talks = false;  // to one of them
  const auto add = [&](const net::Endpoint& door) {
    if (std::count(out.begin(), out.end(), door) != 0) return;
    out.push_back(door);
    talks = talks || !Broken(place, MachineOf(door));
  };
  if (options_.known_door && place != 0) add(EndpointOfMachine(0, 0));
  for (int i = 0; i < options_.bootstrap && !ids_.empty(); ++i) {
    const std::optional<size_t> any = options_.one_door ? std::optional<size_t>(0) : RandomDoor();
    if (any && *any != place) add(nodes_[*any].host->at());
  }
  if (talks) return out;
  const std::vector<size_t> others = OpenTo(place);
  if (!others.empty()) add(nodes_[others[rng_.Below(others.size())]].host->at());
  return out;
}

std::vector<size_t> Crowd::OpenTo(size_t place) const {
  std::vector<size_t> up;
  std::vector<size_t> active;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto& host = nodes_[i].host;
    if (i == place || !host || TranslatorOf(i)) continue;
    if (Broken(place, MachineOf(host->at()))) continue;
    up.push_back(i);
    if (ids_.count(host->id()) != 0) active.push_back(i);
  }
  return active.empty() ? up : active;
}

bool Crowd::Broken(size_t place, uint32_t machine) const {
  if (options_.known_door && (place == 0 || machine == 0)) return false;
  return sim::Broken(static_cast<uint32_t>(place), machine, options_.seed, options_.broken_pairs);
}

std::unique_ptr<Participant> Crowd::MakeParticipant(size_t place) {
  ParticipantSpec spec;
  spec.world = &world_;
  spec.listener = this;
  spec.place = place;
  spec.seed = rng_.Next();
  const bool fixed = options_.known_door && place == 0;
  spec.at = EndpointOfMachine(static_cast<uint32_t>(place), fixed ? 0 : lives_[place]++);
  if (const std::optional<Translation> nat = TranslatorOf(place)) {
    // The same machine to MachineOf; EndpointOfMachine never has this last octet.
    const ByteView inside = spec.at.address.bytes();
    world_.SetNat(spec.at.address, net::IpAddress::V4({inside[0], inside[1], inside[2], 255}),
                  nat->mapping, nat->filtering);
  }
  switch (options_.protocol) {
    case Protocol::kP2pd: {
      overlay::NodeOptions options;
      options.leaves_per_side = options_.leaves_per_side;
      return std::make_unique<OverlayParticipant>(spec, options);
    }
    case Protocol::kBamboo2004:
      return MakeBamboo2004(spec, BambooOptions{false});
    case Protocol::kBamboo2004FirstRto:
      return MakeBamboo2004(spec, BambooOptions{true});
  }
  P2PD_CHECK(false);
}

std::optional<Crowd::Translation> Crowd::TranslatorOf(size_t place) const {
  if (options_.translated <= 0 || place == 0) return std::nullopt;
  SeededRng dice((uint64_t{place} << 20) ^ options_.seed ^ 0x4e4154);  // "NAT"
  if (dice.Unit() >= options_.translated) return std::nullopt;
  // Full cone, restricted cone, port-restricted cone, symmetric (RFC 3489 §5).
  constexpr std::array<Translation, 4> kKinds = {{
      {Nat::kEndpointIndependent, Nat::kEndpointIndependent},
      {Nat::kEndpointIndependent, Nat::kAddressDependent},
      {Nat::kEndpointIndependent, Nat::kPortDependent},
      {Nat::kPortDependent, Nat::kPortDependent},
  }};
  return kKinds[dice.Below(kKinds.size())];
}

bool Crowd::Unreachable(size_t place) const {
  const std::optional<Translation> nat = TranslatorOf(place);
  return nat && nat->filtering != Nat::kEndpointIndependent;
}

size_t Crowd::joined() const {
  return static_cast<size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const Node& node) { return node.host && node.joined; }));
}

size_t Crowd::UnreachablePeers() const {
  size_t out = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    out += nodes_[i].host && Unreachable(i) && nodes_[i].host->routes();
  }
  return out;
}

size_t Crowd::ReachableClients() const {
  size_t out = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    out += nodes_[i].host && !Unreachable(i) && !nodes_[i].host->routes();
  }
  return out;
}

// A node's first question: its user does not wait until it has joined, if it can hold it. Called
// from a host's events it goes out when the host is drained, which is under way.
void Crowd::AskFirst(size_t place) {
  Node& node = nodes_[place];
  if (lookups_per_second_ <= 0 || node.asked_first) return;
  node.asked_first = true;
  const auto key = rng_.Make<overlay::Key>();
  questions_[{place, node.host->Lookup(key)}] =
      Question{std::nullopt, world_.now(), 0, 0, std::nullopt};
}

void Crowd::KillNode(size_t place, bool replace) {
  CountTime();
  Node& node = nodes_[place];
  SetActive(place, false);
  // What it asked is nobody's question any more.
  auto it = questions_.lower_bound({place, 0});
  while (it != questions_.end() && it->first.first == place) {
    const std::optional<uint64_t> group = it->second.group;
    it = questions_.erase(it);
    if (group && --groups_.at(*group).open == 0) CloseGroup(*group);
  }
  CountTraffic(node);
  node.counted = {};
  node.host.reset();
  node.ends = Instant() + absl::InfiniteDuration();
  --up_;
  ++results_.deaths;
  if (replace) StartNode(place);
}

void Crowd::Grow() {
  std::set<size_t> first;
  if (options_.trace) {
    for (const Stay& stay : options_.trace->stays) {
      if (stay.comes == absl::ZeroDuration()) first.insert(stay.machine);
    }
  }
  const auto start = [this](size_t place) {
    StartNode(place);
    world_.RunFor(options_.join_gap);
  };
  // Who could talk to nobody yet comes when the others are there.
  std::vector<size_t> late;
  nodes_.reserve(static_cast<size_t>(options_.nodes));
  for (int i = 0; i < options_.nodes; ++i) {
    nodes_.emplace_back();
    const size_t place = nodes_.size() - 1;
    if (options_.trace && first.count(place) == 0) continue;
    if (place != 0 && OpenTo(place).empty()) {
      late.push_back(place);
      continue;
    }
    start(place);
  }
  for (const size_t place : late) start(place);
}

void Crowd::PlayTrace() {
  for (const Stay& stay : options_.trace->stays) {
    Node& node = nodes_[stay.machine];
    if (stay.comes == absl::ZeroDuration() && node.host) {
      node.ends = world_.now() + stay.goes;
    } else {
      arrivals_.emplace_back(world_.now() + stay.comes, stay);
    }
  }
  std::stable_sort(arrivals_.begin(), arrivals_.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
}

void Crowd::Arrive(const Stay& stay) {
  StartNode(stay.machine);
  nodes_[stay.machine].ends = world_.now() + (stay.goes - stay.comes);
}

void Crowd::SetChurn(absl::Duration median) {
  median_ = median;
  for (Node& node : nodes_) {
    if (node.host) node.ends = world_.now() + DrawSession(options_.sessions, median_, rng_);
  }
}

void Crowd::RunFor(absl::Duration span) {
  const Instant until = world_.now() + span;
  // Who dies when, soonest first; a node that was started meanwhile is put in.
  using Death = std::pair<Instant, size_t>;
  std::priority_queue<Death, std::vector<Death>, std::greater<>> deaths;
  for (size_t i = 0; i < nodes_.size(); ++i) deaths.emplace(nodes_[i].ends, i);
  const auto pause = [this] {
    const double up = static_cast<double>(std::max<size_t>(up_, 1));
    const double rate = lookups_per_second_ * up / options_.askers;
    return absl::Seconds(-std::log(1 - rng_.Unit()) / rate);
  };
  if (lookups_per_second_ > 0) next_ask_ = world_.now() + pause();
  while (true) {
    Instant next = until;
    const bool death = !deaths.empty() && deaths.top().first < next;
    if (death) next = deaths.top().first;
    const bool ask = lookups_per_second_ > 0 && *next_ask_ < next;
    if (ask) next = *next_ask_;
    const bool arrival = !arrivals_.empty() && arrivals_.back().first < next;
    if (arrival) next = arrivals_.back().first;
    // Without translators all are peers, but for a moment.
    const bool roles = options_.translated > 0 && next_roles_ < next;
    if (roles) next = next_roles_;
    const bool look = next_look_ < next;
    if (look) next = next_look_;
    world_.RunFor(next - world_.now());
    if (look) {
      LookAtRing();
    } else if (roles) {
      LookUpRoles();
      next_roles_ = world_.now() + kRolesPeriod;
    } else if (arrival) {
      const Stay stay = arrivals_.back().second;
      arrivals_.pop_back();
      // Who goes at the same moment goes first.
      if (nodes_[stay.machine].host) KillNode(stay.machine, false);
      Arrive(stay);
      deaths.emplace(nodes_[stay.machine].ends, stay.machine);
    } else if (ask) {
      AskGroup();
      next_ask_ = world_.now() + pause();
    } else if (death) {
      const size_t place = deaths.top().second;
      const bool due = nodes_[place].host && nodes_[place].ends == deaths.top().first;
      deaths.pop();
      if (!due) continue;
      KillNode(place, !options_.trace);
      if (!options_.trace) deaths.emplace(nodes_[place].ends, place);
    } else {
      break;
    }
  }
  CountTime();
  for (Node& node : nodes_) {
    if (node.host) CountTraffic(node);
  }
}

void Crowd::KillShare(double share) {
  for (size_t i = 1; i < nodes_.size(); ++i) {
    if (nodes_[i].host && rng_.Unit() < share) KillNode(i, false);
  }
}

void Crowd::Rest(absl::Duration most) {
  constexpr absl::Duration kStep = absl::Seconds(10);
  constexpr size_t kPerSide = 8;
  SetChurn(absl::InfiniteDuration());
  SetLookups(0);
  arrivals_.clear();
  for (absl::Duration rested; rested < most && WrongNeighbours(kPerSide) != 0; rested += kStep) {
    RunFor(kStep);
  }
}

void Crowd::CutOff(size_t place) {
  apart_ = true;
  nodes_[place].ends = Instant() + absl::InfiniteDuration();
  world_.SetPartition({nodes_[place].host->at()});
}

void Crowd::Split(bool apart) {
  apart_ = apart;
  std::set<net::Endpoint> island;
  for (size_t i = 0; apart && i < nodes_.size(); i += 2) {
    if (nodes_[i].host) island.insert(nodes_[i].host->at());
  }
  world_.SetPartition(std::move(island));
}

// The oracle.

void Crowd::SetActive(size_t place, bool active) {
  const overlay::NodeId& id = nodes_[place].host->id();
  if (active) {
    ids_.insert(id);
  } else {
    ids_.erase(id);
  }
  SetInRing(place, active);
}

void Crowd::SetInRing(size_t place, bool is_in) {
  const overlay::NodeId& id = nodes_[place].host->id();
  if (is_in ? !ring_.emplace(id, place).second : ring_.erase(id) == 0) return;
  for (auto& [number, group] : groups_) {
    const bool nearer = is_in && overlay::Nearer(group.key, id, group.root);
    const bool gone = !is_in && id == group.root && !ring_.empty();
    if (nearer || gone) {
      group.root = nearer ? id : RootOf(group.key);
      group.roots.insert(group.root);
    }
  }
}

void Crowd::LookUpRoles() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].host) SetInRing(i, nodes_[i].joined && nodes_[i].host->routes());
  }
}

overlay::NodeId Crowd::RootOf(const overlay::Key& key) const {
  auto after = ring_.lower_bound(key);
  if (after == ring_.end()) after = ring_.begin();
  auto before = after == ring_.begin() ? std::prev(ring_.end()) : std::prev(after);
  return overlay::Nearer(key, after->first, before->first) ? after->first : before->first;
}

int Crowd::RootsOf(const overlay::Key& key, bool anywhere) const {
  const auto is_root = [&](size_t place) { return nodes_[place].host->IsRoot(key) ? 1 : 0; };
  int roots = 0;
  if (anywhere || ring_.size() <= 2 * RingWatch::kBeside) {
    for (const auto& [id, place] : ring_) roots += is_root(place);
    return roots;
  }
  auto up = ring_.lower_bound(key);
  auto down = up;
  for (int i = 0; i < RingWatch::kBeside; ++i) {
    if (up == ring_.end()) up = ring_.begin();
    roots += is_root((up++)->second);
    if (down == ring_.begin()) down = ring_.end();
    roots += is_root((--down)->second);
  }
  return roots;
}

size_t Crowd::KeysWithoutOneRoot() const {
  const std::vector<overlay::Key>& keys = watch_.keys();
  return static_cast<size_t>(std::count_if(
      keys.begin(), keys.end(), [&](const overlay::Key& key) { return RootsOf(key, true) != 1; }));
}

void Crowd::LookAtRing() {
  next_look_ = next_look_ + RingWatch::kPeriod;
  ++looks_;
  LookUpRoles();
  for (size_t i = looks_ % RingWatch::kTurns; i < nodes_.size(); i += RingWatch::kTurns) {
    const Node& node = nodes_[i];
    if (!node.host) continue;
    watch_.SeeLeaves(node.host->id(), node.host->Leaves(), node.host->most_leaves());
    if ((i + looks_) / RingWatch::kTurns % RingWatch::kTableTurns == 0) {
      watch_.SeeTable(node.host->id(), node.host->Table());
    }
  }
  if (apart_) return watch_.Interrupt();
  for (size_t i = 0; i < watch_.keys().size(); ++i) {
    const bool anywhere = looks_ % watch_.keys().size() == i;
    watch_.SeeRoots(world_.now(), i, RootsOf(watch_.keys()[i], anywhere));
  }
}

size_t Crowd::WrongNeighbours(size_t per_side) const {
  size_t wrong = 0;
  for (const Node& node : nodes_) {
    if (!node.host || ring_.count(node.host->id()) == 0) continue;
    const std::vector<overlay::NodeId> known = node.host->Leaves();
    const std::set<overlay::NodeId> leaves(known.begin(), known.end());
    auto up = ring_.find(node.host->id());
    auto down = up;
    bool right = true;
    const size_t kept = std::min(per_side, node.host->leaves_per_side());
    for (size_t i = 0; i < std::min(kept, (ring_.size() - 1) / 2); ++i) {
      up = std::next(up) == ring_.end() ? ring_.begin() : std::next(up);
      down = down == ring_.begin() ? std::prev(ring_.end()) : std::prev(down);
      right = right && leaves.count(up->first) != 0 && leaves.count(down->first) != 0;
    }
    if (!right) ++wrong;
  }
  return wrong;
}

// Questions.

std::optional<size_t> Crowd::RandomActive() {
  if (ids_.empty()) return std::nullopt;
  for (int tries = 0; tries < 10'000; ++tries) {
    const size_t place = rng_.Below(nodes_.size());
    const Node& node = nodes_[place];
    if (node.host && ids_.count(node.host->id()) != 0) return place;
  }
  return std::nullopt;
}

std::optional<size_t> Crowd::RandomDoor() {
  for (int tries = 0; tries < 1000; ++tries) {
    const std::optional<size_t> place = RandomActive();
    if (!place || !TranslatorOf(*place)) return place;
  }
  return std::nullopt;
}

std::optional<size_t> Crowd::RandomAsker() {
  for (int tries = 0; tries < 10'000; ++tries) {
    const size_t place = rng_.Below(nodes_.size());
    if (nodes_[place].host && nodes_[place].joined) return place;
  }
  return std::nullopt;
}

void Crowd::Ask(size_t place, uint64_t group) {
  Participant& host = *nodes_[place].host;
  const uint64_t lookup = host.Lookup(groups_.at(group).key);
  ++groups_.at(group).open;
  groups_.at(group).questions[host.id()] = {place, lookup};
  questions_[{place, lookup}] =
      Question{group, world_.now(), host.retries(), host.late_letters(), std::nullopt};
  host.Kick();
}

void Crowd::AskGroup() {
  if (ring_.empty()) return;
  const uint64_t id = next_group_++;
  Group& group = groups_[id];
  group.key = rng_.Make<overlay::Key>();
  groups_by_key_[group.key] = id;
  group.root = RootOf(group.key);
  group.roots.insert(group.root);
  // Open until all have asked: a node that is the root answers at once.
  ++group.open;
  std::set<size_t> askers;
  for (int i = 0; i < options_.askers; ++i) {
    const std::optional<size_t> place = RandomAsker();
    if (place && askers.insert(*place).second) Ask(*place, id);
  }
  if (--group.open == 0) CloseGroup(id);
}

void Crowd::CloseGroup(uint64_t id) {
  const Group& group = groups_.at(id);
  int all = 0;
  int most = 0;
  for (const auto& [root, count] : group.answers) {
    all += count;
    most = std::max(most, count);
  }
  // Without a majority nobody was consistent.
  for (int i = 0; i < all; ++i) results_.consistent.Add(2 * most > all && i < most);
  groups_by_key_.erase(group.key);
  groups_.erase(id);
}

void Crowd::EndQuestion(QuestionName name, const std::optional<Answer>& answer) {
  const auto found = questions_.find(name);
  if (found == questions_.end()) return;
  const Question question = found->second;
  questions_.erase(found);
  if (!question.group) {
    if (!answer) {
      nodes_[name.first].asked_first = false;
      if (ids_.count(nodes_[name.first].host->id()) != 0) AskFirst(name.first);
      return;
    }
    results_.join.Add(absl::ToDoubleMilliseconds(world_.now() - nodes_[name.first].started));
    return;
  }
  Group& group = groups_.at(*question.group);
  results_.completed.Add(answer.has_value());
  const Participant& asker = *nodes_[name.first].host;
  const bool raw =
      answer.has_value() && question.reached_raw.value_or(asker.retries() == question.retries);
  results_.raw.Add(raw);
  results_.first.Add(raw && asker.late_letters() == question.late_letters);
  if (answer) {
    ++group.answers[answer->root];
    results_.right.Add(group.roots.count(answer->root) != 0);
    results_.hops.Add(answer->hops);
    const absl::Duration took = world_.now() - question.asked;
    results_.latency.Add(absl::ToDoubleMilliseconds(took));
    const uint32_t here = nodes_[name.first].machine;
    const uint32_t there = MachineOf(answer->at);
    const absl::Duration direct = 2 * latency_->OneWay(here, there);
    if (there != here) {
      results_.stretch.Add(absl::FDivDuration(took, direct));
      results_.direct.Add(absl::ToDoubleMilliseconds(direct));
    }
  }
  if (--group.open == 0) CloseGroup(*question.group);
}

void Crowd::OnActive(size_t place, bool active) {
  Node& node = nodes_[place];
  node.joined = active;
  SetActive(place, active && node.host->routes());
  if (!active) return;
  results_.member.Add(absl::ToDoubleMilliseconds(world_.now() - node.started));
  AskFirst(place);
}

void Crowd::OnAnswer(size_t place, uint64_t lookup, const overlay::NodeId& root,
                     const net::Endpoint& at, int hops) {
  EndQuestion({place, lookup}, Answer{root, at, hops});
}

void Crowd::OnReached(const overlay::NodeId& origin, const overlay::Key& key) {
  const auto group = groups_by_key_.find(key);
  if (group == groups_by_key_.end()) return;
  const auto& names = groups_.at(group->second).questions;
  const auto name = names.find(origin);
  const auto found = name == names.end() ? questions_.end() : questions_.find(name->second);
  if (found == questions_.end() || found->second.reached_raw) return;
  Question& question = found->second;
  const Participant& asker = *nodes_[name->second.first].host;
  // Not that of the next node on the machine of one that died.
  if (asker.id() == origin) question.reached_raw = asker.retries() == question.retries;
}

void Crowd::OnFailed(size_t place, uint64_t lookup) { EndQuestion({place, lookup}, std::nullopt); }

}  // namespace p2pd::sim
