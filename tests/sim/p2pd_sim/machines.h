// Machines: the addresses of simulated machines, and a World whose latencies come from a model.
//
// A machine is a place in the latency model and has a number. Its nodes have public addresses, each
// machine in a /16 of its own as far as they reach, and a new port for each life; the addresses
// that World::NextEndpoint gives out are understood too.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

// IPv4 and UDP, bytes a datagram.
inline constexpr uint64_t kDatagramHeaders = 28;

// Public addresses, each machine in a /16 of its own as far as they reach; a new port for each
// life.
net::Endpoint EndpointOfMachine(uint32_t machine, uint32_t life);
// Addresses in one /16, each with a machine of its own; `number` below 60,000.
net::Endpoint EndpointInOneNetwork(uint32_t number, uint32_t life);
uint32_t MachineOf(const net::Endpoint& at);

// Of all pairs of machines the share that cannot talk: is this one of them?
bool Broken(uint32_t a, uint32_t b, uint64_t seed, double share);
// Gives the world the latencies of the model, which outlives it, and cuts the share `broken_pairs`
// of all pairs of machines; never one with machine 0 when that is the door that everybody knows.
void UseLatencies(World& world, const LatencyModel& model, uint64_t seed, double broken_pairs,
                  bool known_door = false);

// "synthetic", or the path of a matrix.
absl::StatusOr<std::unique_ptr<LatencyModel>> MakeLatency(absl::string_view name, uint64_t seed);

}  // namespace p2pd::sim
