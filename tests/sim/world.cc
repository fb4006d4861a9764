#include "tests/sim/world.h"

#include <algorithm>
#include <array>
#include <functional>

#include "libcore/base/check.h"

namespace p2pd::sim {
namespace {

std::pair<net::Endpoint, net::Endpoint> Pair(const net::Endpoint& a, const net::Endpoint& b) {
  return a < b ? std::pair(a, b) : std::pair(b, a);
}

uint64_t Fnv(uint64_t hash, ByteView bytes) {
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

// Over the bytes of Endpoint::ToBytes, which would be allocated.
uint64_t FnvEndpoint(uint64_t hash, const net::Endpoint& at) {
  const std::array<uint8_t, 1> family = {static_cast<uint8_t>(at.address.is_v4() ? 4 : 6)};
  const std::array<uint8_t, 2> port = {static_cast<uint8_t>(at.port >> 8),
                                       static_cast<uint8_t>(at.port)};
  return Fnv(Fnv(Fnv(hash, family), at.address.bytes()), port);
}

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// How much a clock that gains `drift` nanoseconds a second is ahead after this long.
int64_t Gained(int64_t nanos, int64_t drift) {
  return nanos / kNanosPerSecond * drift + nanos % kNanosPerSecond * drift / kNanosPerSecond;
}

// The first true moment at which the clock shows `shown` or more.
Instant TrueTime(Instant shown, int64_t drift) {
  if (drift == 0 || shown == Instant::Max()) return shown;
  int64_t nanos = shown.nanos();
  // Each step leaves a share of `drift` of the error.
  for (int step = 0; step < 6; ++step) nanos = shown.nanos() - Gained(nanos, drift);
  while (nanos + Gained(nanos, drift) >= shown.nanos()) --nanos;
  while (nanos + Gained(nanos, drift) < shown.nanos()) ++nanos;
  return Instant::FromNanos(nanos);
}

// A host that asks for a timeout in the past again and again would stop the clock.
constexpr int kRoundsMax = 10000;

}  // namespace

World::World(uint64_t seed, const LinkOptions& options) : options_(options), rng_(seed) {}
World::~World() = default;

absl::Time World::wall_now() const {
  return absl::FromUnixSeconds(1767225600) + (now_ - Instant());
}

// By its address, so that it is the same after a restart, and no draw of chance is used up.
int64_t World::DriftOf(const net::Endpoint& at) const {
  if (options_.drift == 0) return 0;
  const uint64_t draw = SeededRng(Fnv(0xcbf29ce484222325, at.address.bytes())).Below(2001);
  return static_cast<int64_t>(options_.drift * 1e6) * (static_cast<int64_t>(draw) - 1000);
}

Instant World::TimeAt(const net::Endpoint& at) const { return Shown(DriftOf(at)); }

Instant World::Shown(int64_t drift) const {
  return drift == 0 ? now_ : Instant::FromNanos(now_.nanos() + Gained(now_.nanos(), drift));
}

net::Endpoint World::NextEndpoint() {
  const uint32_t n = next_host_++;
  // Odd multiplier: neighbours in number are strangers in address, as on the Internet.
  const uint32_t spread = n * 2654435761u;
  return net::Endpoint{net::IpAddress::V4({10, static_cast<uint8_t>(spread >> 8),
                                           static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)}),
                       7464};
}

void World::Attach(const net::Endpoint& at, Host* host) {
  std::unique_ptr<Machine>& machine = machines_[at];
  P2PD_CHECK(machine == nullptr);
  machine = std::make_unique<Machine>();
  machine->at = at;
  machine->host = host;
  machine->drift = DriftOf(at);
  Drain(machine.get());
}

void World::Detach(const net::Endpoint& at) {
  const auto found = machines_.find(at);
  if (found == machines_.end()) return;
  SetTimeout(found->second.get(), std::nullopt);
  machines_.erase(found);
}

void World::Kick(const net::Endpoint& at) {
  const auto found = machines_.find(at);
  if (found != machines_.end()) Drain(found->second.get());
}

absl::Duration World::PairLatency(const net::Endpoint& a, const net::Endpoint& b) {
  if (latency_) return latency_(a, b);
  const auto [it, fresh] = latencies_.try_emplace(Pair(a, b));
  if (fresh) {
    it->second = options_.latency_min + (options_.latency_max - options_.latency_min) * rng_.Unit();
  }
  return it->second;
}

void World::Launch(const net::Endpoint& from, net::Transmit transmit) {
  if (tap_ && !tap_(from, transmit)) return;
  Inject(from, std::move(transmit));
}

bool World::Severed(const net::Endpoint& from, const net::Endpoint& to) const {
  if (!island_.empty() && island_.count(from) != island_.count(to)) return true;
  return !broken_.empty() && broken_.count(Pair(from, to)) != 0;
}

// ---- Translators -------------------------------------------------------------------------------

void World::SetNat(const net::IpAddress& inside, const net::IpAddress& outside, Nat mapping,
                   Nat filtering) {
  Translator& nat = nats_[inside];
  if (nat.outside != outside) nat.ports.clear();
  nat.outside = outside;
  nat.mapping = mapping;
  nat.filtering = filtering;
}

uint16_t World::NewPort(const net::IpAddress& outside) {
  constexpr uint16_t kFirst = 20'000;
  uint16_t& port = nat_ports_.try_emplace(outside, kFirst).first->second;
  do {
    port = port == UINT16_MAX ? kFirst : port + 1;
  } while (mappings_.count({outside, port}) != 0 &&
           mappings_.at({outside, port}).used + kNatLifetime > now_);
  return port;
}

net::Endpoint World::TranslateOnce(Translator& nat, const net::Endpoint& from,
                                   const net::Endpoint& to) {
  net::Endpoint told_apart = to;
  if (nat.mapping != Nat::kPortDependent) told_apart.port = 0;
  if (nat.mapping == Nat::kEndpointIndependent) told_apart = from;
  const auto port = nat.ports.find({from, told_apart});
  const bool lives = port != nat.ports.end() &&
                     mappings_.at({nat.outside, port->second}).used + kNatLifetime > now_;
  if (!lives) {
    if (port != nat.ports.end()) mappings_.erase({nat.outside, port->second});
    const uint16_t fresh = NewPort(nat.outside);
    nat.ports[{from, told_apart}] = fresh;
    mappings_[{nat.outside, fresh}] = Mapping{from, {}, now_};
  }
  const net::Endpoint outside{nat.outside, nat.ports.at({from, told_apart})};
  Mapping& mapping = mappings_.at(outside);
  mapping.sent_to[to] = now_;
  mapping.used = now_;
  constexpr size_t kMany = 64;
  if (mapping.sent_to.size() % kMany == 0) {
    std::erase_if(mapping.sent_to,
                  [this](const auto& one) { return one.second + kNatLifetime <= now_; });
  }
  return outside;
}

net::Endpoint World::Translate(const net::Endpoint& from, const net::Endpoint& to) {
  net::Endpoint at = from;
  for (auto nat = nats_.find(at.address); nat != nats_.end(); nat = nats_.find(at.address)) {
    at = TranslateOnce(nat->second, at, to);
  }
  return at;
}

std::optional<net::Endpoint> World::Admit(const net::Endpoint& from,
                                          const net::Endpoint& to) const {
  // Nobody outside knows the way to an address inside.
  if (nats_.count(to.address) != 0) return std::nullopt;
  net::Endpoint at = to;
  for (auto mapping = mappings_.find(at); mapping != mappings_.end();
       mapping = mappings_.find(at)) {
    const Mapping& m = mapping->second;
    if (m.used + kNatLifetime <= now_) return std::nullopt;
    if (!Lets(m, nats_.at(m.inside.address).filtering, from)) return std::nullopt;
    at = m.inside;
  }
  return at;
}

bool World::Lets(const Mapping& mapping, Nat filtering, const net::Endpoint& from) const {
  if (filtering == Nat::kEndpointIndependent) return true;
  const bool any_port = filtering == Nat::kAddressDependent;
  auto peer = mapping.sent_to.lower_bound(any_port ? net::Endpoint{from.address, 0} : from);
  for (; peer != mapping.sent_to.end() && peer->first.address == from.address; ++peer) {
    if (!any_port && peer->first != from) return false;
    if (peer->second + kNatLifetime > now_) return true;
  }
  return false;
}

std::optional<absl::Duration> World::Queue(std::map<net::Endpoint, Instant>& lines,
                                           const net::Endpoint& at, Instant from, size_t bytes) {
  if (options_.bandwidth <= 0) return absl::ZeroDuration();
  constexpr size_t kHeaders = 28;
  Instant& busy = lines[at];
  busy = std::max(busy, from);
  if (busy - from > options_.queue) return std::nullopt;
  busy = busy + absl::Seconds(static_cast<double>(bytes + kHeaders) / options_.bandwidth);
  return busy - from;
}

// ---- The way ------------------------------------------------------------------------------------

void World::Inject(const net::Endpoint& inside, net::Transmit transmit) {
  ++traffic_.datagrams;
  traffic_.bytes += transmit.datagram.size();
  const bool too_big = transmit.datagram.size() > options_.mtu;
  const auto sent = Queue(up_lines_, inside, now_, transmit.datagram.size());
  if (too_big || !sent) {
    ++traffic_.lost;
    return;
  }
  if (!transmit.to.address.IsMulticast()) {
    return Carry(inside, transmit.to, std::move(transmit.datagram), *sent);
  }
  const auto segment = segments_.find(inside);
  if (segment == segments_.end()) return;
  for (const auto& [host, on] : segments_) {
    if (on == segment->second && host != inside) Carry(inside, host, transmit.datagram, *sent);
  }
}

void World::Carry(const net::Endpoint& inside, const net::Endpoint& to, Bytes datagram,
                  absl::Duration sent) {
  if (Severed(inside, to) || (options_.loss > 0 && rng_.Unit() < options_.loss)) {
    ++traffic_.lost;
    return;
  }
  const net::Endpoint from = nats_.empty() ? inside : Translate(inside, to);
  const int copies = options_.duplication > 0 && rng_.Unit() < options_.duplication ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    // One draw a statement: the order of two in one is the compiler's.
    const absl::Duration latency = PairLatency(from, to);
    if (latency == absl::InfiniteDuration()) {
      ++traffic_.lost;
      return;
    }
    absl::Duration extra = options_.jitter * rng_.Unit();
    if (options_.reordering > 0 && rng_.Unit() < options_.reordering) {
      extra += options_.late * rng_.Unit();
    }
    const Instant arrives = now_ + sent + latency + extra;
    const auto received = Queue(down_lines_, to, arrives, datagram.size());
    if (!received) {
      ++traffic_.lost;
      continue;
    }
    const Instant at = arrives + *received;
    if (free_slots_.empty()) {
      free_slots_.push_back(under_way_.size());
      under_way_.emplace_back();
    }
    const size_t slot = free_slots_.back();
    free_slots_.pop_back();
    const bool last = i + 1 == copies;
    under_way_[slot] = Delivery{from, to, last ? std::move(datagram) : datagram};
    deliveries_.push_back(Due{at, next_event_++, slot});
    std::push_heap(deliveries_.begin(), deliveries_.end(), std::greater<>());
  }
}

void World::Drain(Machine* machine) {
  const net::Endpoint at = machine->at;
  Host* const host = machine->host;
  const Instant now = Shown(machine->drift);
  for (int round = 0;; ++round) {
    P2PD_CHECK(round < kRoundsMax);
    while (std::optional<net::Transmit> transmit = host->PollTransmit(now))
      Launch(at, *std::move(transmit));
    if (!host->DrainEvents(now)) break;
    // An event handler may have crashed this host.
    const auto found = machines_.find(at);
    if (found == machines_.end()) return;
    machine = found->second.get();
  }
  while (std::optional<net::Transmit> transmit = host->PollTransmit(now))
    Launch(at, *std::move(transmit));
  std::optional<Instant> timeout = machine->host->PollTimeout();
  if (timeout) timeout = TrueTime(*timeout, machine->drift);
  SetTimeout(machine, timeout);
}

World::Delivery World::TakeDelivery() {
  std::pop_heap(deliveries_.begin(), deliveries_.end(), std::greater<>());
  const size_t slot = deliveries_.back().slot;
  deliveries_.pop_back();
  free_slots_.push_back(slot);
  return std::move(under_way_[slot]);
}

void World::Deliver(const Delivery& delivery) {
  const std::optional<net::Endpoint> to =
      nats_.empty() ? delivery.to : Admit(delivery.from, delivery.to);
  if (!to) {
    ++traffic_.lost;
    return;
  }
  const auto found = machines_.find(*to);
  if (found == machines_.end()) return;
  Machine* const machine = found->second.get();
  trace_hash_ = Fnv(FnvEndpoint(trace_hash_, delivery.to), delivery.datagram);
  machine->host->OnDatagram(Shown(machine->drift), delivery.from, delivery.datagram);
  Drain(machine);
}

bool World::Step(Instant until) {
  const Instant timeout = timeouts_.empty() ? Instant::Max() : timeouts_.front()->timeout;
  const Instant delivery = deliveries_.empty() ? Instant::Max() : deliveries_.front().at;
  if (timeouts_.empty() && deliveries_.empty()) return false;
  const Instant next = std::min(timeout, delivery);
  if (next > until) return false;
  now_ = std::max(now_, next);
  if (!deliveries_.empty() && delivery == next) {
    Deliver(TakeDelivery());
    return true;
  }
  Machine* const machine = timeouts_.front();
  // A timeout that did not move is the host's bug: it would be called for ever.
  machine->host->OnTimeout(Shown(machine->drift));
  Drain(machine);
  return true;
}

// The heap of timeouts. Each machine knows its place in it, so that its timeout can be moved.

bool World::Sooner(const Machine* a, const Machine* b) {
  return a->timeout != b->timeout ? a->timeout < b->timeout : a->at < b->at;
}

void World::Place(Machine* machine, size_t place) {
  timeouts_[place] = machine;
  machine->place = place;
}

void World::SiftUp(size_t place) {
  Machine* const machine = timeouts_[place];
  while (place > 0 && Sooner(machine, timeouts_[(place - 1) / 2])) {
    Place(timeouts_[(place - 1) / 2], place);
    place = (place - 1) / 2;
  }
  Place(machine, place);
}

void World::SiftDown(size_t place) {
  Machine* const machine = timeouts_[place];
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= timeouts_.size()) break;
    if (child + 1 < timeouts_.size() && Sooner(timeouts_[child + 1], timeouts_[child])) ++child;
    if (!Sooner(timeouts_[child], machine)) break;
    Place(timeouts_[child], place);
    place = child;
  }
  Place(machine, place);
}

void World::SetTimeout(Machine* machine, std::optional<Instant> timeout) {
  if (timeout) {
    if (machine->place == kNoPlace) {
      machine->place = timeouts_.size();
      timeouts_.push_back(machine);
    } else if (machine->timeout == *timeout) {
      return;
    }
    machine->timeout = *timeout;
  } else {
    if (machine->place == kNoPlace) return;
    const size_t place = std::exchange(machine->place, kNoPlace);
    Machine* const moved = timeouts_.back();
    timeouts_.pop_back();
    if (moved == machine) return;
    Place(moved, place);
    machine = moved;
  }
  SiftUp(machine->place);
  SiftDown(machine->place);
}

void World::RunFor(absl::Duration span) {
  const Instant until = now_ + span;
  while (Step(until)) {
  }
  now_ = until;
}

bool World::RunUntil(absl::Duration limit, const std::function<bool()>& done) {
  const Instant until = now_ + limit;
  while (!done()) {
    if (!Step(until)) {
      now_ = until;
      return done();
    }
  }
  return true;
}

void World::SetPartition(std::set<net::Endpoint> island) { island_ = std::move(island); }
void World::SetSegment(const net::Endpoint& host, int segment) { segments_[host] = segment; }
void World::BreakPair(const net::Endpoint& a, const net::Endpoint& b) {
  broken_.insert(Pair(a, b));
}
void World::HealPair(const net::Endpoint& a, const net::Endpoint& b) { broken_.erase(Pair(a, b)); }

}  // namespace p2pd::sim
