#include "tests/sim/world.h"

#include <algorithm>

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

// A host that asks for a timeout in the past again and again would stop the clock.
constexpr int kRoundsMax = 10000;

}  // namespace

World::World(uint64_t seed, const LinkOptions& options) : options_(options), rng_(seed) {}
World::~World() = default;

absl::Time World::wall_now() const {
  return absl::FromUnixSeconds(1767225600) + (now_ - Instant());
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
  P2PD_CHECK(hosts_.emplace(at, host).second);
  Drain(at);
}

void World::Detach(const net::Endpoint& at) {
  hosts_.erase(at);
  const auto found = timeouts_.find(at);
  if (found != timeouts_.end()) {
    timeout_order_.erase({found->second, at});
    timeouts_.erase(found);
  }
}

void World::Kick(const net::Endpoint& at) { Drain(at); }

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

void World::Inject(const net::Endpoint& from, net::Transmit transmit) {
  ++traffic_.datagrams;
  traffic_.bytes += transmit.datagram.size();
  const bool severed = island_.count(from) != island_.count(transmit.to) ||
                       broken_.count(Pair(from, transmit.to)) != 0;
  const bool too_big = transmit.datagram.size() > options_.mtu;
  if (severed || too_big || (options_.loss > 0 && rng_.Unit() < options_.loss)) {
    ++traffic_.lost;
    return;
  }
  const int copies = options_.duplication > 0 && rng_.Unit() < options_.duplication ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    // One draw a statement: the order of two in one is the compiler's.
    const absl::Duration latency = PairLatency(from, transmit.to);
    if (latency == absl::InfiniteDuration()) {
      ++traffic_.lost;
      return;
    }
    const Instant at = now_ + latency + options_.jitter * rng_.Unit();
    deliveries_.emplace(std::pair(at, next_event_++),
                        Delivery{from, transmit.to, transmit.datagram});
  }
}

void World::Drain(const net::Endpoint& at) {
  const auto found = hosts_.find(at);
  if (found == hosts_.end()) return;
  Host* host = found->second;
  for (int round = 0;; ++round) {
    P2PD_CHECK(round < kRoundsMax);
    while (std::optional<net::Transmit> transmit = host->PollTransmit(now_))
      Launch(at, *std::move(transmit));
    if (!host->DrainEvents(now_)) break;
    if (hosts_.count(at) == 0) return;  // an event handler crashed this host
  }
  while (std::optional<net::Transmit> transmit = host->PollTransmit(now_))
    Launch(at, *std::move(transmit));
  Schedule(at);
}

void World::Schedule(const net::Endpoint& at) {
  const auto old = timeouts_.find(at);
  if (old != timeouts_.end()) {
    timeout_order_.erase({old->second, at});
    timeouts_.erase(old);
  }
  const std::optional<Instant> next = hosts_.at(at)->PollTimeout();
  if (!next) return;
  timeouts_[at] = *next;
  timeout_order_.insert({*next, at});
}

void World::Deliver(Delivery delivery) {
  const auto found = hosts_.find(delivery.to);
  if (found == hosts_.end()) return;
  trace_hash_ = Fnv(Fnv(trace_hash_, delivery.to.ToBytes()), delivery.datagram);
  found->second->OnDatagram(now_, delivery.from, delivery.datagram);
  Drain(delivery.to);
}

bool World::Step(Instant until) {
  const std::optional<Instant> timeout =
      timeout_order_.empty() ? std::nullopt : std::optional(timeout_order_.begin()->first);
  const std::optional<Instant> delivery =
      deliveries_.empty() ? std::nullopt : std::optional(deliveries_.begin()->first.first);
  const std::optional<Instant> next = Earliest(timeout, delivery);
  if (!next || *next > until) return false;
  now_ = std::max(now_, *next);
  if (delivery && *delivery == *next) {
    auto node = deliveries_.extract(deliveries_.begin());
    Deliver(std::move(node.mapped()));
    return true;
  }
  const net::Endpoint at = timeout_order_.begin()->second;
  // A timeout that did not move is the host's bug: it would be called for ever.
  hosts_.at(at)->OnTimeout(now_);
  Drain(at);
  return true;
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
void World::BreakPair(const net::Endpoint& a, const net::Endpoint& b) {
  broken_.insert(Pair(a, b));
}
void World::HealPair(const net::Endpoint& a, const net::Endpoint& b) { broken_.erase(Pair(a, b)); }

}  // namespace p2pd::sim
