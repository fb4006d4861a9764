#include "libcore/overlay/membership.h"

#include <gtest/gtest.h>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

using sim::OverlayHost;
using sim::World;

// Three of one ring, at rest.
struct Three {
  explicit Three(uint64_t seed) : world(seed) {
    a.Start({});
    b.Start({a.at()});
    c.Start({a.at()});
    world.RunFor(absl::Seconds(10));
  }
  World world;
  OverlayHost a{world, 1};
  OverlayHost b{world, 2};
  OverlayHost c{world, 3};
};

TEST(Membership, TwoThatStartAtOncePointingAtEachOtherFindEachOther) {
  World world(1);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({b.at()});
  b.Start({a.at()});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(15), [&] {
    return a.node().LeafSet().size() == 1 && b.node().LeafSet().size() == 1 && a.active() &&
           b.active();
  }));
}

TEST(Membership, BootstrapThatIsNotThereMakesARingOfOneAndIsTriedAgain) {
  World world(2);
  const net::Endpoint place = world.NextEndpoint();
  OverlayHost a(world, 1);
  a.Start({place});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(15), [&] { return a.active(); }));
  EXPECT_EQ(a.node().join_state(), JoinState::kAlone);
  OverlayHost b(world, 2, {}, place);
  b.Start({});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(100), [&] {
    return a.node().LeafSet().size() == 1 && b.node().LeafSet().size() == 1;
  }));
  EXPECT_EQ(a.node().join_state(), JoinState::kActive);
}

TEST(Membership, OurOwnAddressAsBootstrapDoesNoHarm) {
  World world(3);
  OverlayHost a(world, 1);
  a.Start({a.at()});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(15), [&] { return a.active(); }));
}

TEST(Membership, TheCacheOfAnEarlierRunIsEnough) {
  World world(4);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(5));
  const Bytes cache = b.node().SaveCache();
  b.Restart({}, cache);
  EXPECT_TRUE(world.RunUntil(absl::Seconds(10), [&] {
    return b.node().join_state() == JoinState::kActive && b.node().LeafSet().size() == 1;
  }));
}

TEST(Membership, WhoStoppedAloneFindsItsRingAgain) {
  World world(6);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(5));
  const Bytes together = b.node().SaveCache();
  a.Crash();
  b.Restart({}, together);
  world.RunFor(absl::Minutes(1));
  ASSERT_TRUE(b.node().LeafSet().empty());
  const Bytes alone = b.node().SaveCache();
  a.Restart({}, {});
  b.Restart({}, alone);
  EXPECT_TRUE(world.RunUntil(absl::Seconds(15), [&] { return b.node().LeafSet().size() == 1; }));
}

TEST(Membership, AFarewellIsObeyedAtOnce) {
  World world(5);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(5));
  b.Leave();
  world.RunFor(absl::Milliseconds(200));
  EXPECT_TRUE(a.node().LeafSet().empty());
  const auto id = a.Route(b.id(), Service::kApplication, {1});
  world.RunFor(absl::Milliseconds(10));
  ASSERT_NE(a.ResponseTo(id), nullptr);
  EXPECT_EQ(a.ResponseTo(id)->from.id(), a.id());
}

// sim faults, seed 49: who had lost its last leaf waited for the partition check, a minute at a
// time.
TEST(Membership, WhoLostTheLastLeafStartsFromTheBeginning) {
  Three ring(8);
  World& world = ring.world;
  OverlayHost& c = ring.c;
  world.SetPartition({c.at()});
  EXPECT_TRUE(world.RunUntil(absl::Minutes(2), [&] { return c.node().LeafSet().empty(); }));
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(c.node().join_state(), JoinState::kAlone);
  world.RunFor(absl::Seconds(20));
  world.SetPartition({});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(20), [&] {
    return c.node().LeafSet().size() == 2 && c.node().join_state() == JoinState::kActive;
  }));
}

// Its door is gone for ever; somebody whom it heard of in passing is not.
TEST(Membership, WhoLostTheLastLeafAsksWhomItRemembers) {
  World world(9);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  OverlayHost c(world, 3);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(5));
  // The two cannot talk, but each learns the other's record from the one between them.
  world.BreakPair(b.at(), c.at());
  c.Start({a.at()});
  world.RunFor(absl::Seconds(30));
  a.Crash();
  EXPECT_TRUE(world.RunUntil(
      absl::Minutes(2), [&] { return b.node().LeafSet().empty() && c.node().LeafSet().empty(); }));
  world.HealPair(b.at(), c.at());
  EXPECT_TRUE(world.RunUntil(absl::Minutes(2), [&] {
    return b.node().LeafSet().size() == 1 && c.node().LeafSet().size() == 1;
  }));
}

TEST(Membership, AClientAsksButEntersNoTable) {
  World world(6);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  NodeOptions options;
  options.role = Role::kClient;
  OverlayHost c(world, 3, options);
  a.Start({});
  b.Start({a.at()});
  c.Start({a.at()});
  world.RunFor(absl::Seconds(10));
  EXPECT_EQ(a.node().LeafSet().size(), 1u);
  EXPECT_EQ(c.node().join_state(), JoinState::kActive);
  EXPECT_FALSE(c.node().IsRoot(c.id()));
  const auto id = c.Route(b.id(), Service::kApplication, {1});
  world.RunFor(absl::Seconds(2));
  ASSERT_NE(c.ResponseTo(id), nullptr);
  EXPECT_EQ(c.ResponseTo(id)->from.id(), b.id());
}

TEST(Membership, AMoveToAnotherAddressKeepsTheLinks) {
  World world(7);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(5));
  b.Move(world.NextEndpoint(), true);
  world.RunFor(absl::Seconds(3));
  EXPECT_EQ(a.node().Peers(world.now()).at(0).endpoint, b.at());
  EXPECT_EQ(a.node().Peers(world.now()).at(0).record.addresses().front(), b.at());
  const auto id = a.Ask(b.node().self(), Service::kApplication, {1});
  world.RunFor(absl::Seconds(1));
  EXPECT_NE(a.ResponseTo(id), nullptr);
}

TEST(Membership, ALieAboutADeathIsVerified) {
  Three ring(8);
  // Nobody can be talked out of the ring: c lives and answers, whatever b's broken view is.
  ring.world.BreakPair(ring.b.at(), ring.c.at());
  ring.world.RunFor(absl::Seconds(30));
  EXPECT_EQ(ring.a.node().LeafSet().size(), 2u);
}

}  // namespace
}  // namespace p2pd::overlay
