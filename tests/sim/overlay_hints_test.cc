// The wide table: everybody's hints follow who comes and goes, whatever the network does, and those
// who stay for a moment cost nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "libcore/overlay/wide_table.h"
#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

// A ring with the time when each of its hosts started.
class HintRing {
 public:
  explicit HintRing(uint64_t seed, const LinkOptions& links = {}) : ring_(seed, links) {}

  OverlayRing& ring() { return ring_; }
  World& world() { return ring_.world(); }
  void Join() { started_[&ring_.Join()] = world().now(); }
  void Grow(int count) {
    for (int i = 0; i < count; ++i) {
      Join();
      world().RunFor(absl::Milliseconds(300));
    }
  }
  // All that are up and older than `age`.
  std::vector<OverlayHost*> OlderThan(absl::Duration age) const {
    std::vector<OverlayHost*> out;
    for (const auto& [host, started] : started_) {
      if (host->active() && ring_now() - started > age) out.push_back(host);
    }
    return out;
  }
  // Of all hints that there should be, what share there is; and of those that there are, the share
  // of the dead.
  struct Look {
    double held = 0;
    double dead = 0;
  };
  Look LookAround() const {
    std::set<uint64_t> live;
    for (const OverlayHost* host : OlderThan(absl::ZeroDuration())) {
      live.insert(overlay::Head(host->id()));
    }
    size_t wanted = 0;
    size_t held = 0;
    size_t all = 0;
    size_t dead = 0;
    // A minute of quarantine, ten seconds until it asks, and the way round.
    const std::vector<OverlayHost*> announced = OlderThan(absl::Seconds(90));
    // And half a minute, and the fetching.
    for (const OverlayHost* host : OlderThan(absl::Seconds(150))) {
      const overlay::WideTable& table = host->node().wide_table();
      for (const OverlayHost* other : announced) {
        if (other == host) continue;
        ++wanted;
        held += table.Find(overlay::Head(other->id())) != nullptr ? 1 : 0;
      }
      all += table.size();
      for (size_t i = 0; i < table.size(); ++i) dead += live.count(table[i].head) == 0 ? 1 : 0;
    }
    return Look{static_cast<double>(held) / static_cast<double>(std::max<size_t>(wanted, 1)),
                static_cast<double>(dead) / static_cast<double>(std::max<size_t>(all, 1))};
  }
  uint64_t Count(absl::string_view counter) const {
    uint64_t out = 0;
    for (const auto& [host, started] : started_) out += host->counters().Get(counter);
    return out;
  }

 private:
  Instant ring_now() const { return now_source_.now(); }
  OverlayRing ring_;
  World& now_source_ = ring_.world();
  std::map<OverlayHost*, Instant> started_;
};

// One dies without a word and one comes every `gap`; the mean of a look each ten seconds.
HintRing::Look Churn(HintRing& ring, absl::Duration span, absl::Duration gap) {
  HintRing::Look sum;
  int looks = 0;
  const Instant end = ring.world().now() + span;
  Instant next = ring.world().now() + gap;
  while (ring.world().now() < end) {
    ring.world().RunFor(absl::Seconds(10));
    if (ring.world().now() >= next) {
      next = ring.world().now() + gap;
      ring.ring().Crash(*ring.ring().RandomActive());
      ring.Join();
    }
    const HintRing::Look look = ring.LookAround();
    sum.held += look.held;
    sum.dead += look.dead;
    ++looks;
  }
  return HintRing::Look{sum.held / looks, sum.dead / looks};
}

TEST(OverlayHints, TablesFollowWhoComesAndGoes) {
  LinkOptions links;
  links.loss = 0.01;
  HintRing ring(1, links);
  ring.Grow(40);
  ring.world().RunFor(absl::Minutes(3));
  EXPECT_EQ(ring.LookAround().held, 1);
  // Mean lives of 40 minutes.
  const HintRing::Look mean = Churn(ring, absl::Minutes(12), absl::Minutes(1));
  EXPECT_GT(mean.held, 0.99);
  EXPECT_LT(mean.dead, 0.01);
  std::printf("held %.2f %%, dead %.2f %%\n", 100 * mean.held, 100 * mean.dead);
}

TEST(OverlayHints, WhoStaysForAMomentIsNeverAnnounced) {
  HintRing ring(2);
  ring.Grow(24);
  ring.world().RunFor(absl::Minutes(3));
  const uint64_t joins = ring.Count("overlay.announced_joins");
  EXPECT_GE(joins, 24u);
  for (int i = 0; i < 10; ++i) {
    ring.Join();
    ring.world().RunFor(absl::Seconds(40));
    ring.ring().Crash(*ring.ring().hosts().back());
    ring.world().RunFor(absl::Seconds(10));
  }
  EXPECT_EQ(ring.Count("overlay.announced_joins"), joins);
  EXPECT_EQ(ring.Count("overlay.announced_deaths"), 0u);
  EXPECT_EQ(ring.LookAround().dead, 0);
}

TEST(OverlayHints, AFarewellIsPassedOnInSeconds) {
  HintRing ring(3);
  ring.Grow(30);
  ring.world().RunFor(absl::Minutes(3));
  OverlayHost& gone = *ring.ring().hosts()[7];
  ring.ring().Leave(gone);
  ring.world().RunFor(absl::Seconds(8));
  for (const OverlayHost* host : ring.OlderThan(absl::ZeroDuration())) {
    EXPECT_EQ(host->node().wide_table().Find(overlay::Head(gone.id())), nullptr);
  }
}

TEST(OverlayHints, TwoHalvesThatMeetAgainKnowEachOther) {
  HintRing ring(4);
  ring.Grow(50);
  ring.world().RunFor(absl::Minutes(3));
  std::set<net::Endpoint> island;
  for (size_t i = 0; i < 50; i += 2) island.insert(ring.ring().hosts()[i]->at());
  ring.world().SetPartition(island);
  // Longer than anybody remembers who died.
  ring.world().RunFor(absl::Minutes(15));
  EXPECT_LT(ring.LookAround().held, 0.6);
  ring.world().SetPartition({});
  ring.world().RunFor(absl::Minutes(8));
  EXPECT_GT(ring.LookAround().held, 0.99);
}

TEST(OverlayHints, ASmallRingNeedsNone) {
  HintRing ring(5);
  ring.Grow(12);
  ring.world().RunFor(absl::Minutes(4));
  for (const OverlayHost* host : ring.OlderThan(absl::ZeroDuration())) {
    EXPECT_EQ(host->node().wide_table().size(), 0u);
    EXPECT_EQ(host->node().traffic().messages[static_cast<size_t>(overlay::Purpose::kEvents)].count,
              0u);
    // Who is linked is known all the same.
    EXPECT_EQ(host->node().NearestHints(overlay::Key(), 20).size(), 11u);
    EXPECT_TRUE(host->node().HintsCover(overlay::Key()));
  }
}

TEST(OverlayHints, RequestsGoStraightToWhoIsNamed) {
  HintRing ring(7);
  ring.Grow(60);
  ring.world().RunFor(absl::Minutes(4));
  for (int i = 0; i < 500; ++i) {
    ring.ring().LookUp();
    ring.world().RunFor(absl::Milliseconds(20));
  }
  ring.world().RunFor(absl::Seconds(5));
  const OverlayRing::Results& results = ring.ring().results();
  EXPECT_EQ(results.right, 500);
  // One hop mostly; the leaf set and links that lead there make most letters needless in a ring as
  // small as this. A few predictions are too short.
  EXPECT_LE(results.hops, 600);
  EXPECT_GT(ring.Count("overlay.shortcuts"), 80u);
  EXPECT_LE(ring.Count("overlay.shortcuts_late"), 15u);
}

// The newest are not announced yet: who is asked in their place sends the request on, and their
// answer back.
TEST(OverlayHints, WhoIsNotTheRootSendsALetterOn) {
  HintRing ring(8);
  ring.Grow(40);
  ring.world().RunFor(absl::Minutes(4));
  ring.Grow(20);
  ring.world().RunFor(absl::Seconds(20));
  for (int i = 0; i < 500; ++i) {
    ring.ring().LookUp();
    ring.world().RunFor(absl::Milliseconds(20));
  }
  ring.world().RunFor(absl::Seconds(5));
  const OverlayRing::Results& results = ring.ring().results();
  EXPECT_EQ(results.right, 500) << (ring.ring().complaints.empty() ? ""
                                                                   : ring.ring().complaints[0]);
  EXPECT_GT(results.hops, 510);
  EXPECT_GT(ring.Count("overlay.shortcuts"), 20u);
}

// Whom a letter goes to has just died: who stands beside him knows who comes after him.
TEST(OverlayHints, WhoStandsBesideASilentRootIsAskedNext) {
  HintRing ring(11);
  ring.Grow(60);
  ring.world().RunFor(absl::Minutes(4));
  for (size_t i = 5; i < 15; ++i) ring.ring().hosts()[i]->Crash();
  for (int i = 0; i < 300; ++i) {
    ring.ring().LookUp();
    ring.world().RunFor(absl::Milliseconds(5));
  }
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_GT(ring.Count("overlay.shortcuts_beside"), 0u);
  EXPECT_EQ(ring.ring().results().right, 300);
}

// A newcomer has no table yet, and asks a neighbour.
TEST(OverlayHints, WhoKnowsNobodyYetAsksWhoDoes) {
  HintRing ring(10);
  ring.Grow(60);
  ring.world().RunFor(absl::Minutes(4));
  ring.Join();
  ring.world().RunFor(absl::Seconds(20));
  OverlayHost& young = *ring.ring().hosts().back();
  ASSERT_TRUE(young.active());
  std::vector<overlay::ReplicasFound> heard;
  young.SetHandler([&heard](Instant, overlay::Event& event) {
    if (const auto* found = std::get_if<overlay::ReplicasFound>(&event)) heard.push_back(*found);
    return true;
  });
  SeededRng rng(10);
  int searches = 0;
  for (int i = 0; i < 20; ++i) {
    const auto key = rng.Make<overlay::Key>();
    EXPECT_TRUE(young.node().NearReplicas(key).empty());
    const auto id = young.node().FindReplicas(young.Now(), key);
    if (!id) continue;  // it is among the replicas
    ++searches;
    young.Kick();
    ring.world().RunFor(absl::Seconds(2));
    ASSERT_EQ(heard.size(), static_cast<size_t>(searches));
    EXPECT_EQ(heard.back().id, *id);
    std::vector<uint64_t> found;
    for (const overlay::NearNode& near : heard.back().replicas) found.push_back(near.target.head);
    EXPECT_EQ(found.size(), 8u);
    const overlay::NodeId root = ring.ring().Root(key);
    // The youngest of all is in nobody's table.
    if (root != young.id()) {
      EXPECT_THAT(found, testing::Contains(overlay::Head(root)));
    }
  }
  EXPECT_GT(searches, 10);
}

TEST(OverlayHints, ASilentHintCostsLittleAndIsForgotten) {
  LinkOptions links;
  links.loss = 0.01;
  HintRing ring(9, links);
  ring.Grow(60);
  ring.world().RunFor(absl::Minutes(4));
  for (size_t i = 0; i < 60; i += 6) ring.ring().Crash(*ring.ring().hosts()[i]);
  for (int i = 0; i < 500; ++i) {
    ring.ring().LookUp();
    ring.world().RunFor(absl::Milliseconds(10));
  }
  ring.world().RunFor(absl::Seconds(10));
  const OverlayRing::Results& results = ring.ring().results();
  EXPECT_EQ(results.right + results.failed, 500);
  EXPECT_LE(results.failed, 5);
  EXPECT_GT(ring.Count("overlay.shortcuts_late"), 0u);
  EXPECT_GT(ring.Count("overlay.hints_failed"), 0u);
}

TEST(OverlayHints, CoordinatesPredictRoundTrips) {
  HintRing ring(6);
  // Machines in a plane: 100 ms by 50 ms one way.
  std::map<net::Endpoint, std::pair<double, double>> places;
  SeededRng rng(6);
  ring.world().SetLatency([&](const net::Endpoint& a, const net::Endpoint& b) {
    for (const net::Endpoint& at : {a, b}) {
      if (places.count(at) == 0) places[at] = {50 * rng.Unit(), 25 * rng.Unit()};
    }
    const auto [ax, ay] = places[a];
    const auto [bx, by] = places[b];
    return absl::Milliseconds(2) +
           absl::Milliseconds(1) * std::sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by));
  });
  ring.Grow(40);
  ring.world().RunFor(absl::Minutes(4));
  std::vector<double> errors;
  for (const OverlayHost* a : ring.OlderThan(absl::ZeroDuration())) {
    for (const OverlayHost* b : ring.OlderThan(absl::ZeroDuration())) {
      if (a == b) continue;
      const auto [ax, ay] = places[a->at()];
      const auto [bx, by] = places[b->at()];
      const double real = 4 + 2 * std::sqrt((ax - bx) * (ax - bx) + (ay - by) * (ay - by));
      errors.push_back(
          std::abs(overlay::DistanceBetween(a->node().coordinate(), b->node().coordinate()) -
                   real) /
          real);
    }
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[errors.size() / 2], 0.15);
}

}  // namespace
}  // namespace p2pd::sim
