// Coming and going: every lookup stays right while nodes join, leave and crash; crashes are noticed
// in seconds; a ring that split becomes one again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using testing::IsEmpty;

struct Churn {
  uint64_t seed = 1;
  double loss = 0;
  absl::Duration span = absl::Minutes(5);
  absl::Duration event_gap = absl::Seconds(6);  // mean time between two joins, leaves or crashes
  int crashes_of_ten = 3;
};

// Keeps about 50 nodes while one joins and one goes every event_gap, with ten lookups a second.
void RunChurn(OverlayRing& ring, const Churn& churn) {
  Rng& rng = ring.rng();
  const Instant end = ring.world().now() + churn.span;
  Instant next_event = ring.world().now() + rng.Jitter(churn.event_gap);
  while (ring.world().now() < end) {
    ring.world().RunFor(absl::Milliseconds(100));
    ring.LookUp();
    if (ring.world().now() < next_event) continue;
    next_event = ring.world().now() + rng.Jitter(churn.event_gap);
    const auto dice = static_cast<int>(rng.Below(10));
    OverlayHost* victim = ring.RandomActive();
    if (dice < churn.crashes_of_ten) {
      ring.Crash(*victim);
    } else if (dice < 5) {
      ring.Leave(*victim);
    }
    if (ring.ActiveCount() < 55) ring.Join();
  }
  ring.world().RunFor(absl::Seconds(10));
}

std::string Text(const OverlayRing& ring) {
  std::string out;
  for (const std::string& line : ring.complaints) out += line + "\n";
  return out;
}

class OverlayChurn : public testing::TestWithParam<uint64_t> {};

TEST_P(OverlayChurn, EveryLookupIsRight) {
  LinkOptions links;
  links.loss = 0.01;
  OverlayRing ring(GetParam(), links);
  ring.Grow(50, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  ASSERT_EQ(ring.ActiveCount(), 50u);
  RunChurn(ring, Churn{.seed = GetParam()});
  EXPECT_EQ(ring.results().wrong, 0) << Text(ring);
  EXPECT_EQ(ring.results().failed, 0) << Text(ring);
  EXPECT_GT(ring.results().right, 2800);
  RecordProperty("mean_ms", static_cast<int>(absl::ToInt64Milliseconds(ring.results().total /
                                                                       ring.results().right)));
  std::printf("%d lookups, mean %.0f ms, longest %.1f s, %.2f hops\n", ring.results().right,
              absl::ToDoubleMilliseconds(ring.results().total / ring.results().right),
              absl::ToDoubleSeconds(ring.results().longest),
              static_cast<double>(ring.results().hops) / ring.results().right);
}

INSTANTIATE_TEST_SUITE_P(Seeds, OverlayChurn, testing::Values(1, 2, 3));

TEST(OverlayCrash, LeavesNoticeWithinSeconds) {
  OverlayRing ring(11);
  ring.Grow(30, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  OverlayHost& victim = *ring.hosts()[12];
  ring.Crash(victim);
  // 5 s ± 25 % until a neighbour asks, up to 2.8 s of probes, and the word passed on.
  EXPECT_TRUE(ring.world().RunUntil(absl::Seconds(15), [&] {
    for (const auto& host : ring.hosts()) {
      if (!host->up()) continue;
      for (const auto& record : host->node().LeafSet()) {
        if (record.id() == victim.id()) return false;
      }
    }
    return true;
  }));
  ring.world().RunFor(absl::Seconds(10));
  EXPECT_THAT(ring.WrongLeafSets(), IsEmpty());
}

TEST(OverlayCrash, AThirdAtOnce) {
  OverlayRing ring(12);
  ring.Grow(50, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  for (size_t i = 0; i < 50; i += 3) ring.Crash(*ring.hosts()[i]);
  // The outermost leaves are heard of from neighbour to neighbour, which takes up to 5 s each.
  ring.world().RunFor(absl::Seconds(60));
  EXPECT_THAT(ring.WrongLeafSets(), IsEmpty());
  for (int i = 0; i < 100; ++i) ring.LookUp();
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 100) << Text(ring);
}

TEST(OverlayCrash, ARestartedNodeIsBackAtOnce) {
  OverlayRing ring(13);
  ring.Grow(20, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  OverlayHost& host = *ring.hosts()[5];
  host.Restart({ring.hosts()[0]->at()});
  EXPECT_TRUE(ring.world().RunUntil(absl::Seconds(5), [&] { return host.active(); }));
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_THAT(ring.WrongLeafSets(), IsEmpty());
}

TEST(OverlayLeave, IsKnownAtOnce) {
  OverlayRing ring(14);
  ring.Grow(20, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  const overlay::NodeId gone = ring.hosts()[7]->id();
  ring.Leave(*ring.hosts()[7]);
  ring.world().RunFor(absl::Milliseconds(200));
  for (const auto& host : ring.hosts()) {
    if (!host->up()) continue;
    for (const auto& record : host->node().LeafSet()) EXPECT_NE(record.id(), gone);
  }
  // Who takes its place has to be asked for, and to shake hands.
  ring.world().RunFor(absl::Seconds(3));
  EXPECT_THAT(ring.WrongLeafSets(), IsEmpty());
}

TEST(OverlayPartition, HealsIntoOneRing) {
  OverlayRing ring(15);
  ring.Grow(40, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  std::set<net::Endpoint> island;
  for (size_t i = 0; i < 40; i += 2) island.insert(ring.hosts()[i]->at());
  ring.world().SetPartition(island);
  ring.world().RunFor(absl::Minutes(5));
  // Two rings of 20 now.
  EXPECT_EQ(ring.WrongLeafSets().size(), 40u);
  ring.world().SetPartition({});
  int seconds = 0;
  for (; seconds < 180 && !ring.WrongLeafSets().empty(); ++seconds) {
    ring.world().RunFor(absl::Seconds(1));
  }
  std::printf("one ring after %d s\n", seconds);
  EXPECT_THAT(ring.WrongLeafSets(), IsEmpty());
  for (int i = 0; i < 100; ++i) ring.LookUp();
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 100) << Text(ring);
}

}  // namespace
}  // namespace p2pd::sim
