// Nodes behind translators (RFC 4787) in a ring that is too large for everybody to know everybody.
#include <gtest/gtest.h>

#include <memory>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using overlay::JoinState;
using overlay::NodeId;
using overlay::NodeOptions;
using overlay::PeerInfo;
using overlay::Role;
using overlay::Service;

// Peers at public addresses, so many that nobody knows all of them.
class OverlayNatTest : public testing::Test {
 protected:
  static constexpr int kPeers = 150;

  OverlayNatTest() {
    for (int i = 0; i < kPeers; ++i) {
      peers_.push_back(Make(Next()));
      peers_.back()->Start(i == 0 ? std::vector<net::Endpoint>() : std::vector{peers_[0]->at()});
      world_.RunFor(absl::Milliseconds(100));
    }
    world_.RunFor(absl::Seconds(10));
  }
  net::Endpoint Next() {
    const auto n = static_cast<uint8_t>(++hosts_);
    return net::Endpoint{net::IpAddress::V4({static_cast<uint8_t>(20 + n % 80), n, n, 1}), 7464};
  }
  std::unique_ptr<OverlayHost> Make(const net::Endpoint& at) {
    return std::make_unique<OverlayHost>(world_, 100 + static_cast<uint64_t>(hosts_), NodeOptions(),
                                         at);
  }
  // One that joins from behind a translator.
  OverlayHost& AddBehind(Nat kind) {
    const net::Endpoint outside = Next();
    const net::Endpoint inside{net::IpAddress::V4({192, 168, 0, static_cast<uint8_t>(hosts_)}),
                               7464};
    late_.push_back(Make(inside));
    world_.SetNat(inside, outside.address, kind);
    late_.back()->Start({peers_[0]->at(), peers_[1]->at()});
    return *late_.back();
  }
  static Role RoleOf(const OverlayHost& host) { return host.node().self().role(); }
  size_t InTablesOf(const NodeId& id) const {
    size_t out = 0;
    for (const auto& peer : peers_) {
      for (const PeerInfo& info : peer->node().Peers(world_.now())) {
        if (info.record.id() == id) out += info.leaf || info.table;
      }
    }
    return out;
  }

  World world_{7};
  int hosts_ = 0;
  std::vector<std::unique_ptr<OverlayHost>> peers_;
  std::vector<std::unique_ptr<OverlayHost>> late_;
};

TEST_F(OverlayNatTest, WhoCannotBeReachedBecomesAClientAndIsServed) {
  const OverlayHost& open = AddBehind(Nat::kEndpointIndependent);
  OverlayHost& address_dependent = AddBehind(Nat::kAddressDependent);
  OverlayHost& port_dependent = AddBehind(Nat::kPortDependent);
  EXPECT_TRUE(world_.RunUntil(absl::Minutes(2), [&] {
    return RoleOf(address_dependent) == Role::kClient && RoleOf(port_dependent) == Role::kClient;
  }));
  world_.RunFor(absl::Seconds(20));
  for (OverlayHost* host : {&address_dependent, &port_dependent}) {
    EXPECT_EQ(host->node().join_state(), JoinState::kActive);
    EXPECT_EQ(InTablesOf(host->id()), 0u);
    EXPECT_FALSE(host->node().IsRoot(host->id()));
    const auto id = host->Route(peers_[20]->id(), Service::kApplication, {1});
    world_.RunFor(absl::Seconds(4));
    ASSERT_NE(host->ResponseTo(id), nullptr);
    EXPECT_EQ(host->ResponseTo(id)->from.id(), peers_[20]->id());
  }
  // A translator that lets everybody in is no obstacle, and nobody in the open is taken for one.
  EXPECT_EQ(RoleOf(open), Role::kPeer);
  for (const auto& peer : peers_) EXPECT_EQ(RoleOf(*peer), Role::kPeer);

  // Another address is proved anew.
  port_dependent.Move(Next(), true);
  EXPECT_TRUE(world_.RunUntil(absl::Minutes(3), [&] {
    return RoleOf(port_dependent) == Role::kPeer && InTablesOf(port_dependent.id()) > 0 &&
           port_dependent.node().join_state() == JoinState::kActive;
  }));
}

// Found by p2pd-sim nat, seed 1: the farewell of a peer that became a client was lost, and who had
// a link to it again before the old one was given up took it for a root for ever.
TEST_F(OverlayNatTest, WhoBecameAClientAndWasNotHeardIsNoLeaf) {
  OverlayHost& host = AddBehind(Nat::kPortDependent);
  std::optional<Instant> since;
  world_.SetTap([&](const net::Endpoint& from, const net::Transmit&) {
    if (from != host.at() || RoleOf(host) == Role::kPeer) return true;
    if (!since) since = world_.now();
    return world_.now() - *since > absl::Milliseconds(10);
  });
  EXPECT_TRUE(world_.RunUntil(absl::Minutes(2), [&] { return RoleOf(host) == Role::kClient; }));
  EXPECT_GT(InTablesOf(host.id()), 0u);
  world_.RunFor(absl::Minutes(1));
  ASSERT_TRUE(since.has_value());
  EXPECT_EQ(host.node().join_state(), JoinState::kActive);
  EXPECT_EQ(InTablesOf(host.id()), 0u);
}

}  // namespace
}  // namespace p2pd::sim
