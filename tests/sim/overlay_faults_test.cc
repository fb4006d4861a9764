// The overlay on bad networks: duplication, loss with large payloads, pairs that cannot talk,
// forged bytes; and what an idle node costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/overlay_ring.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using overlay::Service;

std::string Text(const OverlayRing& ring) {
  std::string out;
  for (const std::string& line : ring.complaints) out += line + "\n";
  return out;
}

uint64_t TraceOf(uint64_t seed) {
  LinkOptions links;
  links.loss = 0.02;
  links.duplication = 0.02;
  OverlayRing ring(seed, links);
  ring.Grow(15, absl::Milliseconds(200));
  for (int i = 0; i < 20; ++i) {
    ring.LookUp();
    ring.world().RunFor(absl::Seconds(1));
  }
  ring.Crash(*ring.hosts()[3]);
  ring.world().RunFor(absl::Seconds(20));
  return ring.world().trace_hash();
}

TEST(OverlayDeterminism, SameSeedSameTrace) {
  EXPECT_EQ(TraceOf(1), TraceOf(1));
  EXPECT_NE(TraceOf(1), TraceOf(2));
}

TEST(OverlayFaults, DuplicatesReachTheServiceOnce) {
  LinkOptions links;
  links.duplication = 0.5;
  links.loss = 0.05;
  World world(3, links);
  OverlayHost a(world, 1);
  OverlayHost b(world, 2);
  a.Start({});
  b.Start({a.at()});
  world.RunFor(absl::Seconds(10));
  int shown = 0;
  b.SetHandler([&](Instant, overlay::Event& event) {
    if (std::holds_alternative<overlay::IncomingRequest>(event)) ++shown;
    return false;
  });
  std::vector<overlay::RequestId> ids;
  for (uint8_t i = 0; i < 100; ++i) ids.push_back(a.Route(b.id(), Service::kApplication, {i}));
  world.RunFor(absl::Seconds(8));
  for (uint8_t i = 0; i < 100; ++i) {
    ASSERT_NE(a.ResponseTo(ids[i]), nullptr) << int{i};
    EXPECT_EQ(a.ResponseTo(ids[i])->payload, Bytes{i});
  }
  EXPECT_EQ(shown, 100);
}

TEST(OverlayFaults, LargePayloadsOverALossyNetwork) {
  LinkOptions links;
  links.loss = 0.03;
  OverlayRing ring(4, links);
  ring.Grow(20, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  Bytes payload(64 * 1024);
  ring.rng().Fill(MutableByteView(payload.data(), payload.size()));
  OverlayHost& from = *ring.hosts()[3];
  int right = 0;
  std::vector<overlay::RequestId> ids;
  for (int i = 0; i < 10; ++i) {
    overlay::RouteOptions options;
    options.timeout = absl::Seconds(10);
    ids.push_back(
        from.Route(ring.rng().Make<overlay::Key>(), Service::kApplication, payload, options));
    ring.world().RunFor(absl::Seconds(3));
  }
  from.SetHandler([&](Instant, overlay::Event&) { return false; });
  ring.world().RunFor(absl::Seconds(12));
  // OverlayRing's handler swallows answers; what counts is that none failed.
  for (const overlay::RequestId id : ids) right += from.FailureOf(id) == nullptr ? 1 : 0;
  EXPECT_EQ(right, 10);
}

TEST(OverlayFaults, PairsThatCannotTalk) {
  OverlayRing ring(5);
  ring.Grow(30, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(20));
  // 3 % of all pairs, at random.
  for (size_t i = 0; i < 30; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (ring.rng().Below(100) < 3) {
        ring.world().BreakPair(ring.hosts()[i]->at(), ring.hosts()[j]->at());
      }
    }
  }
  ring.world().RunFor(absl::Seconds(30));
  for (int i = 0; i < 300; ++i) {
    ring.LookUp();
    ring.world().RunFor(absl::Milliseconds(100));
  }
  ring.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 300) << Text(ring);
  EXPECT_THAT(ring.WrongLeafSets(), testing::IsEmpty());
}

TEST(OverlayFaults, PairsThatNeverCouldTalk) {
  OverlayRing ring(8);
  World& world = ring.world();
  ring.Grow(20, absl::Milliseconds(300));
  // Whoever comes now cannot talk with one in eight.
  for (int i = 0; i < 20; ++i) {
    const net::Endpoint at = world.NextEndpoint();
    std::vector<net::Endpoint> doors;
    for (const auto& host : ring.hosts()) {
      if (ring.rng().Below(8) == 0) {
        world.BreakPair(at, host->at());
      } else {
        doors.push_back(host->at());
      }
    }
    doors.resize(3);
    ring.JoinThrough(doors, {}, at);
    world.RunFor(absl::Seconds(1));
  }
  world.RunFor(absl::Minutes(1));
  EXPECT_THAT(ring.WrongLeafSets(), testing::IsEmpty());
  for (int i = 0; i < 300; ++i) {
    ring.LookUp();
    world.RunFor(absl::Milliseconds(100));
  }
  world.RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 300) << Text(ring);
}

TEST(OverlayFaults, ForgedBytesOnEveryPathChangeNothing) {
  OverlayRing ring(6);
  ring.Grow(15, absl::Milliseconds(300));
  ring.world().RunFor(absl::Seconds(10));
  SeededRng rng(7);
  World& world = ring.world();
  // One in ten datagrams arrives twice: as it was, and with a byte changed.
  world.SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    if (rng.Below(10) == 0 && !transmit.datagram.empty()) {
      net::Transmit forged = transmit;
      forged.datagram[rng.Below(forged.datagram.size())] ^= 0x10;
      world.Inject(from, std::move(forged));
    }
    return true;
  });
  for (int i = 0; i < 100; ++i) {
    ring.LookUp();
    world.RunFor(absl::Milliseconds(200));
  }
  world.RunFor(absl::Seconds(5));
  EXPECT_EQ(ring.results().right, 100) << Text(ring);
  EXPECT_THAT(ring.WrongLeafSets(), testing::IsEmpty());
}

TEST(OverlayCost, AnIdleNodeStaysWithinItsBudget) {
  OverlayRing ring(8);
  ring.Grow(50, absl::Milliseconds(300));
  ring.world().RunFor(absl::Minutes(5));
  const TrafficCounts before = ring.world().traffic();
  const absl::Duration span = absl::Minutes(5);
  ring.world().RunFor(span);
  const TrafficCounts after = ring.world().traffic();
  // Payload and 28 bytes of IPv4 and UDP each.
  const double bytes = static_cast<double>(after.bytes - before.bytes) +
                       28.0 * static_cast<double>(after.datagrams - before.datagrams);
  const double per_node = bytes / 50 / absl::ToDoubleSeconds(span);
  std::printf("idle node: %.0f bytes per second sent\n", per_node);
  EXPECT_LT(per_node, 400);
}

}  // namespace
}  // namespace p2pd::sim
