#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "libcore/overlay/membership.h"
#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

using sim::OverlayHost;
using sim::World;

TEST(MembershipContacts, AJoinerMakesNoMoreLinksThanItHasPlaces) {
  World world(9);
  std::vector<std::unique_ptr<OverlayHost>> hosts;
  for (uint64_t i = 1; i <= 40; ++i) {
    hosts.push_back(std::make_unique<OverlayHost>(world, i));
    if (i == 1) {
      hosts.back()->Start({});
    } else {
      hosts.back()->Start({hosts.front()->at()});
    }
    world.RunFor(absl::Seconds(2));
  }
  world.RunFor(absl::Seconds(30));
  OverlayHost late(world, 99);
  late.Start({hosts.front()->at()});
  ASSERT_TRUE(world.RunUntil(absl::Seconds(10), [&] {
    return late.node().join_state() == JoinState::kActive && late.node().LeafSet().size() == 16;
  }));
  // Sixteen leaves and the door, a knock and a hello each, and some that were named for the table.
  EXPECT_LE(late.node().traffic().handshakes.count, 50u);
}

// Two that cannot talk are linked through a third; when that one dies they take another, whatever
// is left of the old link.
TEST(MembershipContacts, WhoLostTheThirdBetweenTakesAnother) {
  World world(10);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  OverlayHost c(world, 3);
  OverlayHost d(world, 4);
  world.BreakPair(a.at(), c.at());
  b.Start({});
  a.Start({b.at()});
  c.Start({b.at()});
  const auto whole = [&](size_t leaves) {
    return a.node().LeafSet().size() == leaves && c.node().LeafSet().size() == leaves;
  };
  ASSERT_TRUE(world.RunUntil(absl::Seconds(30), [&] { return whole(2); }));
  d.Start({a.at()});
  ASSERT_TRUE(world.RunUntil(absl::Seconds(30), [&] { return whole(3); }));
  b.Crash();
  EXPECT_TRUE(world.RunUntil(absl::Seconds(20), [&] { return whole(2); }));
  world.RunFor(absl::Minutes(1));
  EXPECT_TRUE(whole(2));
}

}  // namespace
}  // namespace p2pd::overlay
