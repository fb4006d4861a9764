#include "libcore/overlay/node.h"

#include <gtest/gtest.h>

#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/handshake.h"
#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

TEST(Node, WorksOverIpv6AndSeveralPortsOfOneMachine) {
  sim::World world(1);
  std::vector<std::unique_ptr<sim::OverlayHost>> hosts;
  for (int i = 0; i < 6; ++i) {
    const char* format = i % 2 == 0 ? "[::1]:" : "[2001:db8::7]:";
    const auto at = net::Endpoint::Parse(absl::StrCat(format, 7000 + i));
    hosts.push_back(std::make_unique<sim::OverlayHost>(world, uint64_t(i) + 1, NodeOptions(), at));
    hosts.back()->Start(i == 0 ? std::vector<net::Endpoint>() : std::vector{hosts[0]->at()});
    world.RunFor(absl::Seconds(1));
  }
  world.RunFor(absl::Seconds(10));
  for (const auto& host : hosts) EXPECT_EQ(host->node().LeafSet().size(), 5u);
  for (const auto& host : hosts) {
    EXPECT_EQ(host->node().ObservedAddress().value_or(host->at()), host->at());
  }
  EXPECT_EQ(hosts[3]->node().ObservedAddress(), hosts[3]->at());
}

TEST(Node, GarbageIsDroppedAndCounted) {
  sim::World world(2);
  sim::OverlayHost host(world, 1);
  host.Start({});
  SeededRng rng(3);
  const uint64_t before = world.traffic().datagrams;
  for (int i = 0; i < 1000; ++i) {
    Bytes garbage(rng.Below(300));
    rng.Fill(MutableByteView(garbage.data(), garbage.size()));
    if (!garbage.empty()) garbage[0] = static_cast<uint8_t>(195 + rng.Below(5));
    host.node().OnDatagram(world.now(), host.at(), garbage);
  }
  host.Kick();
  EXPECT_GT(host.counters().Get("overlay.dropped_malformed"), 0u);
  EXPECT_EQ(world.traffic().datagrams, before);
  EXPECT_TRUE(host.node().Peers(world.now()).empty());
}

TEST(Node, AfterLeavingNothingIsAccepted) {
  sim::World world(3);
  sim::OverlayHost host(world, 1);
  host.Start({});
  host.node().Leave(world.now());
  const auto id = host.Route(Key(), Service::kApplication, {1});
  world.RunFor(absl::Seconds(1));
  ASSERT_NE(host.FailureOf(id), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(host.FailureOf(id)->status));
}

TEST(Node, NothingComesFromWhereDetoursAreNoted) {
  sim::World world(4);
  sim::OverlayHost host(world, 1);
  host.Start({});
  const net::Endpoint nowhere = DetourPath{1, 2}.ToEndpoint();
  const uint64_t before = world.traffic().datagrams;
  host.node().OnDatagram(world.now(), nowhere, MakeKnock(Knock{1, 2}));
  EXPECT_EQ(host.counters().Get("overlay.dropped_malformed"), 1u);
  // Nor does anything go there.
  host.node().AddBootstrap(world.now(), nowhere);
  host.Kick();
  world.RunFor(absl::Seconds(5));
  EXPECT_GT(host.counters().Get("overlay.dropped_detours_without_voucher"), 0u);
  EXPECT_EQ(world.traffic().datagrams, before);
}

}  // namespace
}  // namespace p2pd::overlay
