#include "tests/sim/p2pd_sim/machines.h"

#include <algorithm>
#include <string>

namespace p2pd::sim {
namespace {

constexpr uint16_t kFirstPort = 7464;
constexpr uint32_t kPorts = 50'000;
// World::NextEndpoint's network.
constexpr uint8_t kWorldNetwork = 10;
// EndpointInOneNetwork's, and where its machines are numbered from.
constexpr uint8_t kOneNetwork = 19;
constexpr uint32_t kOneNetworkMachines = 31'000;

}  // namespace

net::Endpoint EndpointOfMachine(uint32_t machine, uint32_t life) {
  const auto octet = [](uint32_t value) { return static_cast<uint8_t>(value); };
  const auto address = net::IpAddress::V4({octet(20 + machine % 80), octet(machine / 80 % 256),
                                           octet(machine / 20'480), octet(1 + machine % 250)});
  return net::Endpoint{address, static_cast<uint16_t>(kFirstPort + life % kPorts)};
}

net::Endpoint EndpointInOneNetwork(uint32_t number, uint32_t life) {
  const auto address = net::IpAddress::V4(
      {kOneNetwork, 7, static_cast<uint8_t>(number / 250), static_cast<uint8_t>(1 + number % 250)});
  return net::Endpoint{address, static_cast<uint16_t>(kFirstPort + life % kPorts)};
}

uint32_t MachineOf(const net::Endpoint& at) {
  const ByteView bytes = at.address.bytes();
  if (bytes[0] == kOneNetwork) return kOneNetworkMachines + uint32_t{bytes[2]} * 250 + bytes[3] - 1;
  if (bytes[0] == kWorldNetwork) return uint32_t{bytes[2]} * 256 + bytes[3];
  return uint32_t{bytes[0]} - 20 + 80 * uint32_t{bytes[1]} + 20'480 * uint32_t{bytes[2]};
}

bool Broken(uint32_t a, uint32_t b, uint64_t seed, double share) {
  const uint64_t pair = (uint64_t{std::min(a, b)} << 32) | std::max(a, b);
  return share > 0 && a != b && SeededRng(pair ^ (seed << 20)).Unit() < share;
}

void UseLatencies(World& world, const LatencyModel& model, uint64_t seed, double broken_pairs,
                  bool known_door) {
  const auto latency = [&model, seed, broken_pairs, known_door](const net::Endpoint& a,
                                                                const net::Endpoint& b) {
    const uint32_t from = MachineOf(a);
    const uint32_t to = MachineOf(b);
    const bool at_door = known_door && (from == 0 || to == 0);
    if (!at_door && Broken(from, to, seed, broken_pairs)) return absl::InfiniteDuration();
    return model.OneWay(from, to);
  };
  world.SetLatency(latency);
}

absl::StatusOr<std::unique_ptr<LatencyModel>> MakeLatency(absl::string_view name, uint64_t seed) {
  if (name == "synthetic") return MakeSyntheticLatency(seed);
  return ReadLatencyMatrix(std::string(name.data(), name.size()));
}

}  // namespace p2pd::sim
