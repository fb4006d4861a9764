#include "libcore/overlay/reachability.h"

#include <gtest/gtest.h>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

using sim::OverlayHost;
using sim::World;

TEST(Reachability, KnocksForOthersAreFew) {
  World world(7);
  OverlayHost knocker(world, 1);
  OverlayHost asker(world, 2);
  knocker.Start({});
  asker.Start({knocker.at()});
  world.RunFor(absl::Seconds(5));
  wire::v1::OverlayProbe probe;
  probe.mutable_knock()->set_at(ToText(world.NextEndpoint().ToBytes()));
  for (int i = 0; i < 50; ++i) {
    asker.Ask(knocker.node().self(), Service::kOverlay, ToBytes(probe.SerializeAsString()));
  }
  world.RunFor(absl::Seconds(2));
  EXPECT_GE(knocker.counters().Get("overlay.refused_knocks"), 40u);
}

// Three at private addresses know all addresses there are, and stay what they are.
TEST(Reachability, NothingIsDecidedWhereEverybodyIsKnown) {
  World world(3);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  OverlayHost c(world, 3);
  a.Start({});
  b.Start({a.at()});
  c.Start({a.at()});
  world.RunFor(absl::Minutes(30));
  for (const OverlayHost* host : {&a, &b, &c}) {
    EXPECT_EQ(host->node().self().role(), Role::kPeer);
    EXPECT_EQ(host->node().LeafSet().size(), 2u);
  }
}

}  // namespace
}  // namespace p2pd::overlay
