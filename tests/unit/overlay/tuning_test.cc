#include "libcore/overlay/tuning.h"

#include <gtest/gtest.h>

#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"

namespace p2pd::overlay {
namespace {

TEST(Tuning, TheTableGrowsBeyondTheLeafSet) {
  sim::OverlayRing ring(5);
  ring.Grow(40, absl::Milliseconds(300));
  ring.world().RunFor(absl::Minutes(4));
  size_t beyond = 0;
  for (const auto& host : ring.hosts()) {
    for (const PeerInfo& peer : host->node().Peers(ring.world().now())) {
      beyond += peer.table && !peer.leaf ? 1 : 0;
    }
  }
  // 23 of 39 others are no leaves; slots hold three.
  EXPECT_GT(beyond, 40u * 8);
}

TEST(Tuning, ASmallRingDoesNotTune) {
  sim::OverlayRing ring(6);
  ring.Grow(8, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(30));
  int rows = 0;
  ring.world().SetTap([&](const net::Endpoint&, net::Transmit& t) {
    rows += t.datagram.size() > 900 ? 1 : 0;
    return true;
  });
  ring.world().RunFor(absl::Minutes(2));
  EXPECT_EQ(rows, 0) << "no bulk while there is nothing to find";
}

}  // namespace
}  // namespace p2pd::overlay
