#include "libcore/overlay/liveness.h"

#include <gtest/gtest.h>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

TEST(Liveness, ACrashedNeighbourIsOutWithinTenSeconds) {
  sim::World world(1);
  sim::OverlayHost a(world, 1);
  sim::OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(10));
  b.Crash();
  const Instant crash = world.now();
  EXPECT_TRUE(world.RunUntil(absl::Seconds(10), [&] { return a.node().LeafSet().empty(); }));
  EXPECT_GT(world.now() - crash, absl::Seconds(2)) << "not without three probes";
  EXPECT_EQ(a.counters().Get("overlay.neighbours_dead"), 1u);
}

TEST(Liveness, WhereNobodyComesOrGoesNeighboursAreCheckedLessOften) {
  sim::World world(1);
  sim::OverlayHost a(world, 1);
  sim::OverlayHost b(world, 2);
  sim::OverlayHost c(world, 3);
  a.Start({});
  b.Start({a.at()});
  c.Start({a.at()});
  const auto bytes_in = [&world](absl::Duration span) {
    const uint64_t before = world.traffic().bytes;
    world.RunFor(span);
    return world.traffic().bytes - before;
  };
  world.RunFor(absl::Minutes(1));
  const uint64_t lively = bytes_in(absl::Minutes(3));
  world.RunFor(3 * Liveness::kCalm);
  EXPECT_LT(2 * bytes_in(absl::Minutes(3)), lively);
  // A death is found all the same, and the next one as soon as ever.
  b.Crash();
  EXPECT_TRUE(world.RunUntil(absl::Seconds(25), [&] { return a.node().LeafSet().size() == 1; }));
  c.Crash();
  EXPECT_TRUE(world.RunUntil(absl::Seconds(10), [&] { return a.node().LeafSet().empty(); }));
}

TEST(Liveness, TrafficToADeadNodeTellsSooner) {
  sim::World world(1);
  sim::OverlayHost a(world, 1);
  sim::OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(10));
  b.Crash();
  a.Route(b.id(), Service::kApplication, {1});
  EXPECT_TRUE(world.RunUntil(absl::Seconds(4), [&] { return a.node().LeafSet().empty(); }));
}

// The root of a key had died: whoever found it silent waited for three probes of its own, although
// others had said the same.
TEST(Liveness, ASecondVoiceShortensTheProbing) {
  sim::World world(1);
  sim::OverlayHost a(world, 1);
  sim::OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(10));
  b.Crash();
  world.RunFor(absl::Milliseconds(1100));
  a.Route(b.id(), Service::kApplication, {1});
  ASSERT_TRUE(
      world.RunUntil(absl::Seconds(1), [&] { return a.counters().Get("overlay.suspicions") > 0; }));
  a.node().HintFailed(world.now(), Head(b.id()));
  a.Kick();
  EXPECT_TRUE(world.RunUntil(absl::Milliseconds(1500), [&] { return a.node().LeafSet().empty(); }));
}

TEST(Liveness, ALossyNetworkKillsNobody) {
  sim::LinkOptions links;
  links.loss = 0.05;
  sim::World world(2, links);
  sim::OverlayHost a(world, 1);
  sim::OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Minutes(10));
  EXPECT_GT(a.counters().Get("overlay.suspicions"), 0u);
  EXPECT_EQ(a.counters().Get("overlay.neighbours_dead"), 0u);
  EXPECT_EQ(b.counters().Get("overlay.neighbours_dead"), 0u);
}

}  // namespace
}  // namespace p2pd::overlay
