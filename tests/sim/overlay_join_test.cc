// Coming together: rings of 1, 2 and 50 nodes on the simulated network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using overlay::JoinState;
using overlay::Key;
using overlay::Service;

TEST(OverlayJoin, OneNodeIsItsOwnRing) {
  World world(1);
  OverlayHost host(world, 1);
  host.Start({});
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(host.node().join_state(), JoinState::kAlone);
  EXPECT_TRUE(host.node().IsRoot(Key()));
  const auto id = host.Route(Key(), Service::kApplication, {1, 2, 3});
  world.RunFor(absl::Seconds(1));
  ASSERT_NE(host.ResponseTo(id), nullptr);
  EXPECT_EQ(host.ResponseTo(id)->payload, (Bytes{1, 2, 3}));
  EXPECT_EQ(host.ResponseTo(id)->from.id(), host.id());
  EXPECT_EQ(host.ResponseTo(id)->hops, 0);
}

TEST(OverlayJoin, TwoNodes) {
  World world(2);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(5), [&] {
    return a.node().join_state() == JoinState::kActive &&
           b.node().join_state() == JoinState::kActive;
  }));
  EXPECT_EQ(a.node().LeafSet().size(), 1u);
  EXPECT_EQ(b.node().LeafSet().size(), 1u);
  const auto routed = a.Route(b.id(), Service::kApplication, {7});
  const auto asked = b.Ask(a.node().self(), Service::kApplication, {8});
  world.RunFor(absl::Seconds(1));
  ASSERT_NE(a.ResponseTo(routed), nullptr);
  EXPECT_EQ(a.ResponseTo(routed)->from.id(), b.id());
  EXPECT_EQ(a.ResponseTo(routed)->hops, 1);
  ASSERT_NE(b.ResponseTo(asked), nullptr);
  EXPECT_EQ(b.ResponseTo(asked)->payload, Bytes{8});
}

TEST(OverlayJoin, FiftyNodesKnowTheirLeavesAndEveryLookupIsRight) {
  OverlayRing ring(3);
  ring.Grow(50, absl::Milliseconds(500));
  ring.world().RunFor(absl::Seconds(30));
  EXPECT_EQ(ring.ActiveCount(), 50u);
  EXPECT_THAT(ring.WrongLeafSets(), testing::IsEmpty());
  for (int i = 0; i < 200; ++i) ring.LookUp();
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 200);
  EXPECT_EQ(ring.results().wrong, 0);
  EXPECT_EQ(ring.results().failed, 0);
}

// Found by mass-death, seed 1: a host of PlanetLab from which every door is more than a second away
// gave each of them up before it could answer, and stayed outside for ever.
TEST(OverlayJoin, WhoIsTwoSecondsFromEverybodyComesInAndStays) {
  OverlayRing ring(4);
  ring.Grow(20, absl::Milliseconds(500));
  ring.world().RunFor(absl::Seconds(30));
  OverlayHost& far = ring.Join();
  ring.world().SetLatency([&far](const net::Endpoint& a, const net::Endpoint& b) {
    return absl::Milliseconds(a == far.at() || b == far.at() ? 1000 : 20);
  });
  ring.world().RunFor(absl::Minutes(1));
  EXPECT_EQ(far.node().join_state(), JoinState::kActive);
  // And nobody takes it for dead.
  for (int minute = 0; minute < 5; ++minute) {
    ring.world().RunFor(absl::Minutes(1));
    EXPECT_THAT(ring.WrongLeafSets(), testing::IsEmpty());
  }
}

}  // namespace
}  // namespace p2pd::sim
