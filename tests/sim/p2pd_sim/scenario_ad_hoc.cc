#include "tests/sim/p2pd_sim/scenario_ad_hoc.h"

#include <set>
#include <vector>

#include "tests/sim/overlay_ring.h"

namespace p2pd::sim {
namespace {

constexpr int kNodes = 20;
constexpr absl::Duration kOnTheLink = absl::Milliseconds(1);
constexpr absl::Duration kOutside = absl::Milliseconds(30);
const net::Endpoint kGroup{net::IpAddress::V4({239, 255, 70, 64}), 7464};

// Seconds until all nodes are in it and every leaf set is the true one, at most `limit`.
int SecondsToOneRing(OverlayRing& ring, int limit) {
  const auto whole = [&ring] {
    return ring.ActiveCount() == ring.hosts().size() && ring.WrongLeafSets().empty();
  };
  int seconds = 0;
  for (; seconds < limit && !whole(); ++seconds) ring.world().RunFor(absl::Seconds(1));
  return seconds;
}

double Sum(OverlayRing& ring, absl::string_view counter) {
  double out = 0;
  for (const auto& host : ring.hosts()) {
    out += static_cast<double>(host->counters().Get(counter));
  }
  return out;
}

}  // namespace

absl::StatusOr<Report> RunAdHoc(const RunOptions& options) {
  if (options.protocol != Protocol::kP2pd) {
    return absl::UnimplementedError("ad-hoc: the baseline has no multicast");
  }
  const int nodes = options.nodes.value_or(kNodes);
  LinkOptions link;
  SetLink(options, link);
  OverlayRing ring(options.seed, link);
  World& world = ring.world();
  Report out;
  out.scenario = "ad-hoc";
  out.protocol = NameOf(options.protocol);
  out.seed = options.seed;
  out.nodes = nodes;

  std::set<net::Endpoint> inside;
  world.SetLatency([&inside](const net::Endpoint& a, const net::Endpoint& b) {
    return inside.count(a) != 0 && inside.count(b) != 0 ? kOnTheLink : kOutside;
  });
  const net::Endpoint door = world.NextEndpoint();
  std::vector<net::Endpoint> places;
  for (int i = 0; i < nodes; ++i) {
    places.push_back(world.NextEndpoint());
    inside.insert(places.back());
    world.SetSegment(places.back(), 1);
  }
  world.SetPartition(inside);
  overlay::NodeOptions with_group;
  with_group.link_group = kGroup;
  for (int i = 0; i < nodes; ++i) {
    const bool knows_door = i == nodes / 2;
    ring.JoinThrough(knows_door ? std::vector{door} : std::vector<net::Endpoint>(), with_group,
                     places[static_cast<size_t>(i)]);
    world.RunFor(absl::Seconds(1) / nodes);
  }
  // A node that knows a door waits for it before it takes itself for a ring of its own.
  const int together = SecondsToOneRing(ring, 300);
  out.Add("one ring on the link after the last start", together, "s", AtMost(20));
  if (static_cast<int>(ring.ActiveCount()) != nodes) {
    out.violations.emplace_back("every node on the link has joined");
  }

  world.RunFor(absl::Minutes(5));
  const double sent = Sum(ring, "overlay.beacons_sent");
  const double contacts = Sum(ring, "overlay.link_contacts");
  world.RunFor(absl::Minutes(10));
  out.Add("beacons on the link at rest", (Sum(ring, "overlay.beacons_sent") - sent) / 10, "/min");
  out.Add("knocks at what was heard, at rest", (Sum(ring, "overlay.link_contacts") - contacts) / 10,
          "/min", AtMost(0));

  std::vector<net::Endpoint> doors;
  for (int i = 0; i < nodes; ++i) {
    ring.JoinThrough(doors, {}, i == 0 ? std::optional(door) : std::nullopt);
    doors = {door};
    world.RunFor(absl::Seconds(1));
  }
  world.RunFor(absl::Minutes(2));
  world.SetPartition({});
  out.Add("one ring with those outside after the way is free", SecondsToOneRing(ring, 600), "s",
          AtMost(120));
  for (int i = 0; i < 100; ++i) ring.LookUp();
  world.RunFor(absl::Seconds(10));
  out.Add("lookups answered by the root", ring.results().right, "%", AtLeast(100));
  out.trace_hash = world.trace_hash();
  return out;
}

}  // namespace p2pd::sim
