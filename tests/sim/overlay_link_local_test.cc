// Nodes on one link that know nobody: they find each other by multicast.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "libcore/overlay/link_local.h"
#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using overlay::JoinState;

const net::Endpoint kGroup{net::IpAddress::V4({239, 255, 70, 64}), 7464};

overlay::NodeOptions WithGroup() {
  overlay::NodeOptions options;
  options.link_group = kGroup;
  return options;
}

class LinkLocalSim : public testing::Test {
 protected:
  // Starts nodes on the segment that know nobody, half a second in all.
  void Grow(int count, int segment) {
    for (int i = 0; i < count; ++i) {
      const net::Endpoint at = ring_.world().NextEndpoint();
      ring_.world().SetSegment(at, segment);
      on_[segment].insert(at);
      ring_.JoinThrough({}, WithGroup(), at);
      ring_.world().RunFor(absl::Milliseconds(500) / count);
    }
  }
  bool OneRingWithin(absl::Duration limit) {
    for (absl::Duration waited; waited < limit; waited += absl::Seconds(1)) {
      if (ring_.WrongLeafSets().empty()) return true;
      ring_.world().RunFor(absl::Seconds(1));
    }
    return false;
  }
  uint64_t Sum(absl::string_view counter) {
    uint64_t out = 0;
    for (const auto& host : ring_.hosts()) out += host->counters().Get(counter);
    return out;
  }
  OverlayRing ring_{5};
  std::map<int, std::set<net::Endpoint>> on_;
};

TEST_F(LinkLocalSim, TwoNodesMeet) {
  Grow(2, 1);
  EXPECT_TRUE(OneRingWithin(absl::Seconds(5)));
}

TEST_F(LinkLocalSim, TwentyNodesFormOneRing) {
  Grow(20, 1);
  EXPECT_TRUE(OneRingWithin(absl::Seconds(15)));
  for (int i = 0; i < 50; ++i) ring_.LookUp();
  ring_.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(ring_.results().right, 50);
}

TEST_F(LinkLocalSim, ALateComerJoinsWithoutADoor) {
  Grow(8, 1);
  ASSERT_TRUE(OneRingWithin(absl::Seconds(15)));
  ring_.world().RunFor(absl::Minutes(10));
  Grow(1, 1);
  EXPECT_TRUE(OneRingWithin(absl::Seconds(6)));
}

TEST_F(LinkLocalSim, LinksOfTheirOwnStayApartUntilTheyAreOne) {
  Grow(6, 1);
  Grow(6, 2);
  ring_.world().SetPartition(on_[1]);
  ring_.world().RunFor(absl::Minutes(3));
  for (const auto& host : ring_.hosts()) {
    EXPECT_EQ(host->node().join_state(), JoinState::kActive);
    EXPECT_EQ(host->node().LeafSet().size(), 5u);
  }
  // A cable between the two switches; all beacons come once a minute by now.
  for (const net::Endpoint& at : on_[2]) ring_.world().SetSegment(at, 1);
  ring_.world().SetPartition({});
  EXPECT_TRUE(OneRingWithin(absl::Seconds(120)));
}

TEST_F(LinkLocalSim, ARingAtRestHardlySpeaks) {
  Grow(20, 1);
  ring_.world().RunFor(absl::Minutes(5));
  const uint64_t beacons = Sum("overlay.beacons_sent");
  const uint64_t contacts = Sum("overlay.link_contacts");
  ring_.world().RunFor(absl::Minutes(10));
  // Two an interval of a minute, and everybody after four that he left out.
  EXPECT_LE(Sum("overlay.beacons_sent") - beacons, 10u * (2 + 2 + 20 / 5));
  EXPECT_EQ(Sum("overlay.link_contacts"), contacts);
}

// Somebody on the link puts a bystander's address under a beacon.
TEST_F(LinkLocalSim, AForgedBeaconMakesOneNodeOfTheRingKnock) {
  Grow(20, 1);
  ring_.world().RunFor(absl::Minutes(5));
  const net::Endpoint victim = ring_.world().NextEndpoint();
  size_t sent = 0;
  ring_.world().SetTap([&](const net::Endpoint&, net::Transmit& transmit) {
    if (transmit.to == victim) sent += transmit.datagram.size();
    return true;
  });
  ring_.world().SetSegment(victim, 1);
  ring_.world().Inject(victim, {kGroup, overlay::MakeBeacon({77, true})});
  ring_.world().RunFor(absl::Seconds(30));
  EXPECT_LE(sent, overlay::kBeaconSize * 2);
}

TEST_F(LinkLocalSim, WithoutAGroupNothingIsSent) {
  World world(1);
  OverlayHost host(world, 1);
  host.Start({});
  world.RunFor(absl::Minutes(2));
  EXPECT_EQ(world.traffic().datagrams, 0u);
}

}  // namespace
}  // namespace p2pd::sim
