// The simulated network itself: what tests rely on.
#include "tests/sim/world.h"

#include <gtest/gtest.h>

#include <deque>

namespace p2pd::sim {
namespace {

// Sends what it is told, keeps what it gets, wakes when asked.
class Probe final : public Host {
 public:
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    received.push_back({from, ToBytes(datagram)});
    at.push_back(now);
  }
  void OnTimeout(Instant now) override {
    woken.push_back(now);
    wake.reset();
  }
  std::optional<net::Transmit> PollTransmit(Instant) override {
    if (out.empty()) return std::nullopt;
    net::Transmit next = out.front();
    out.pop_front();
    return next;
  }
  std::optional<Instant> PollTimeout() const override { return wake; }
  bool DrainEvents(Instant) override { return false; }

  std::deque<net::Transmit> out;
  std::optional<Instant> wake;
  std::vector<std::pair<net::Endpoint, Bytes>> received;
  std::vector<Instant> at;
  std::vector<Instant> woken;
};

class WorldTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.Attach(a_at_, &a_);
    world_.Attach(b_at_, &b_);
  }
  void Send(const Bytes& bytes) {
    a_.out.push_back({b_at_, bytes});
    world_.Kick(a_at_);
  }
  World world_{1};
  net::Endpoint a_at_ = world_.NextEndpoint();
  net::Endpoint b_at_ = world_.NextEndpoint();
  Probe a_;
  Probe b_;
};

TEST_F(WorldTest, DeliversWithinTheLatency) {
  Send({1});
  world_.RunFor(absl::Milliseconds(4));
  EXPECT_TRUE(b_.received.empty());
  world_.RunFor(absl::Milliseconds(60));
  ASSERT_EQ(b_.received.size(), 1u);
  EXPECT_EQ(b_.received[0], std::pair(a_at_, Bytes{1}));
}

TEST_F(WorldTest, TimeoutsComeInOrderAndTheClockJumps) {
  a_.wake = world_.now() + absl::Hours(5);
  b_.wake = world_.now() + absl::Hours(3);
  world_.Kick(a_at_);
  world_.Kick(b_at_);
  world_.RunFor(absl::Hours(4));
  EXPECT_EQ(b_.woken, std::vector{Instant() + absl::Hours(3)});
  EXPECT_TRUE(a_.woken.empty());
  EXPECT_EQ(world_.now(), Instant() + absl::Hours(4));
}

// Each host lives by its own clock, and the world still ends at the same moment for all.
TEST(World, ClocksDrift) {
  LinkOptions options;
  options.drift = 0.001;
  World world(1, options);
  std::vector<Probe> probes(20);
  std::vector<net::Endpoint> at;
  absl::Duration most;
  for (Probe& probe : probes) {
    at.push_back(world.NextEndpoint());
    world.Attach(at.back(), &probe);
    probe.wake = Instant() + absl::Seconds(999.123456789);
    world.Kick(at.back());
  }
  world.RunFor(absl::Seconds(1100));
  for (size_t i = 0; i < probes.size(); ++i) {
    const absl::Duration ahead = world.TimeAt(at[i]) - world.now();
    most = std::max(most, absl::AbsDuration(ahead));
    EXPECT_LE(absl::AbsDuration(ahead), absl::Seconds(1.1));
    // Woken once, when its own clock showed the time; a fast one leaves out a nanosecond at times.
    ASSERT_EQ(probes[i].woken.size(), 1u);
    const absl::Duration late = probes[i].woken[0] - (Instant() + absl::Seconds(999.123456789));
    EXPECT_GE(late, absl::ZeroDuration());
    EXPECT_LE(late, absl::Nanoseconds(2));
  }
  EXPECT_GT(most, absl::Seconds(0.3));
}

// Against a plain search: timeouts that are moved, taken back and set again, at equal moments too.
TEST(World, TimeoutsThatMoveComeInOrder) {
  World world(1);
  SeededRng rng(2);
  std::vector<Probe> probes(40);
  std::vector<net::Endpoint> at;
  for (Probe& probe : probes) {
    at.push_back(world.NextEndpoint());
    world.Attach(at.back(), &probe);
  }
  for (int i = 0; i < 5000; ++i) {
    const size_t pick = rng.Below(probes.size());
    probes[pick].wake = world.now() + absl::Milliseconds(1) * static_cast<int>(rng.Below(50));
    if (rng.Below(5) == 0) probes[pick].wake.reset();
    world.Kick(at[pick]);
    if (rng.Below(3) != 0) continue;
    std::vector<std::optional<Instant>> due;
    const Instant until = world.now() + absl::Milliseconds(rng.Below(9));
    for (Probe& probe : probes) {
      due.push_back(probe.wake && *probe.wake <= until ? probe.wake : std::nullopt);
      probe.woken.clear();
    }
    world.RunFor(until - world.now());
    for (size_t j = 0; j < probes.size(); ++j) {
      const std::vector<Instant> want =
          due[j] ? std::vector<Instant>{*due[j]} : std::vector<Instant>();
      ASSERT_EQ(probes[j].woken, want);
    }
  }
}

TEST_F(WorldTest, PartitionAndBrokenPairs) {
  world_.SetPartition({a_at_});
  Send({1});
  world_.SetPartition({});
  world_.BreakPair(b_at_, a_at_);
  Send({2});
  world_.HealPair(a_at_, b_at_);
  Send({3});
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(b_.received.size(), 1u);
  EXPECT_EQ(b_.received[0].second, Bytes{3});
  EXPECT_EQ(world_.traffic().lost, 2u);
}

TEST_F(WorldTest, LossDuplicationAndMtu) {
  world_.options().loss = 0.5;
  for (int i = 0; i < 1000; ++i) Send({1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_NEAR(static_cast<double>(b_.received.size()), 500, 80);
  b_.received.clear();
  world_.options().loss = 0;
  world_.options().duplication = 0.5;
  for (int i = 0; i < 1000; ++i) Send({1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_NEAR(static_cast<double>(b_.received.size()), 1500, 80);
  b_.received.clear();
  Send(Bytes(1473));
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(b_.received.empty());
}

TEST_F(WorldTest, ADetachedHostGetsNothing) {
  Send({1});
  world_.Detach(b_at_);
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(b_.received.empty());
}

TEST_F(WorldTest, TheTapSeesChangesAndDrops) {
  world_.SetTap([](const net::Endpoint&, net::Transmit& transmit) {
    transmit.datagram[0] ^= 1;
    return transmit.datagram[0] != 3;
  });
  Send({2});
  Send({4});
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(b_.received.size(), 1u);
  EXPECT_EQ(b_.received[0].second, Bytes{5});
}

TEST(World, SameSeedSameTrace) {
  const auto trace = [](uint64_t seed) {
    World world(seed);
    Probe a;
    Probe b;
    const net::Endpoint from = world.NextEndpoint();
    const net::Endpoint to = world.NextEndpoint();
    world.Attach(from, &a);
    world.Attach(to, &b);
    world.options().loss = 0.3;
    for (uint8_t i = 0; i < 100; ++i) {
      a.out.push_back({to, {i}});
      world.Kick(from);
    }
    world.RunFor(absl::Seconds(1));
    return world.trace_hash();
  };
  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

TEST_F(WorldTest, ALineCarriesWhatItCanAndLosesTheRest) {
  LinkOptions& link = world_.options();
  link.latency_min = link.latency_max = absl::Milliseconds(10);
  link.jitter = absl::ZeroDuration();
  link.bandwidth = 10'000;
  // 1,000 bytes with headers take 100 ms on either line; 200 ms may wait.
  for (int i = 0; i < 10; ++i) Send(Bytes(972, 1));
  world_.RunFor(absl::Milliseconds(215));
  EXPECT_EQ(b_.received.size(), 1u);
  world_.RunFor(absl::Seconds(2));
  EXPECT_EQ(b_.received.size(), 3u);
  EXPECT_EQ(world_.traffic().lost, 7u);
}

TEST_F(WorldTest, SomeComeLate) {
  world_.options().jitter = absl::ZeroDuration();
  world_.options().reordering = 0.3;
  for (uint8_t i = 0; i < 100; ++i) {
    Send({i});
    world_.RunFor(absl::Milliseconds(1));
  }
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(b_.received.size(), 100u);
  int overtaken = 0;
  for (size_t i = 1; i < 100; ++i) overtaken += b_.received[i].second < b_.received[i - 1].second;
  EXPECT_GT(overtaken, 5);
}

// A translator that is in use all the time lets in nobody for it to whom nothing was sent of late.
TEST(World, ATranslatorForgetsEachPeerByItself) {
  for (const Nat kind : {Nat::kAddressDependent, Nat::kPortDependent}) {
    World world(1);
    Probe inside;
    Probe kept;
    Probe forgotten;
    const net::Endpoint inside_at = world.NextEndpoint();
    const net::Endpoint kept_at = world.NextEndpoint();
    const net::Endpoint forgotten_at = world.NextEndpoint();
    world.Attach(inside_at, &inside);
    world.Attach(kept_at, &kept);
    world.Attach(forgotten_at, &forgotten);
    world.SetNat(inside_at.address, net::IpAddress::V4({198, 51, 100, 1}),
                 Nat::kEndpointIndependent, kind);
    world.Inject(inside_at, {forgotten_at, Bytes{1}});
    for (int i = 0; i < 3; ++i) {
      world.Inject(inside_at, {kept_at, Bytes{2}});
      world.RunFor(World::kNatLifetime / 2);
    }
    ASSERT_EQ(forgotten.received.size(), 1u);
    const net::Endpoint outside_at = forgotten.received[0].first;
    world.Inject(forgotten_at, {outside_at, Bytes{3}});
    world.RunFor(absl::Seconds(1));
    EXPECT_TRUE(inside.received.empty());
    world.Inject(kept_at, {outside_at, Bytes{4}});
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(inside.received.size(), 1u);
  }
}

// Who gets through to a host behind each kind of translator, and from how many ports it is seen.
TEST(World, TranslatorsOfThreeKinds) {
  struct Case {
    Nat kind;
    bool one_port_for_all;
    bool other_port_of_peer_gets_in;
    bool stranger_gets_in;
  };
  for (const Case& c : {Case{Nat::kEndpointIndependent, true, true, true},
                        Case{Nat::kAddressDependent, false, true, false},
                        Case{Nat::kPortDependent, false, false, false}}) {
    World world(1);
    Probe inside;
    Probe peer;
    Probe other_port;
    Probe stranger;
    const net::Endpoint inside_at = world.NextEndpoint();
    const net::Endpoint peer_at = world.NextEndpoint();
    const net::Endpoint stranger_at = world.NextEndpoint();
    const net::Endpoint other_at{peer_at.address, 9};
    world.Attach(inside_at, &inside);
    world.Attach(peer_at, &peer);
    world.Attach(other_at, &other_port);
    world.Attach(stranger_at, &stranger);
    const net::IpAddress outside = net::IpAddress::V4({198, 51, 100, 1});
    world.SetNat(inside_at, outside, c.kind);
    world.Inject(peer_at, {inside_at, Bytes{1}});
    world.Inject(inside_at, {peer_at, Bytes{2}});
    world.RunFor(absl::Seconds(1));
    EXPECT_TRUE(inside.received.empty());
    ASSERT_EQ(peer.received.size(), 1u);
    const net::Endpoint mapped = peer.received[0].first;
    EXPECT_EQ(mapped.address, outside);
    world.Inject(peer_at, {mapped, Bytes{3}});
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(inside.received.size(), 1u);
    world.Inject(other_at, {mapped, Bytes{4}});
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(inside.received.size(), c.other_port_of_peer_gets_in ? 2u : 1u);
    const size_t before = inside.received.size();
    world.Inject(stranger_at, {mapped, Bytes{5}});
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(inside.received.size(), before + (c.stranger_gets_in ? 1u : 0u));
    world.Inject(inside_at, {stranger_at, Bytes{6}});
    world.RunFor(absl::Seconds(1));
    ASSERT_EQ(stranger.received.size(), 1u);
    EXPECT_EQ(stranger.received[0].first == mapped, c.one_port_for_all);
    // Silence closes it.
    world.RunFor(World::kNatLifetime);
    const size_t last = inside.received.size();
    world.Inject(peer_at, {mapped, Bytes{7}});
    world.RunFor(absl::Seconds(1));
    EXPECT_EQ(inside.received.size(), last);
  }
}

// Of two machines behind one address, neither has what the other's letters opened.
TEST(World, MachinesBehindOneAddressHavePortsOfTheirOwn) {
  World world(1);
  Probe first;
  Probe second;
  Probe peer;
  const net::Endpoint first_at = world.NextEndpoint();
  const net::Endpoint second_at = world.NextEndpoint();
  const net::Endpoint peer_at = world.NextEndpoint();
  world.Attach(first_at, &first);
  world.Attach(second_at, &second);
  world.Attach(peer_at, &peer);
  const net::IpAddress outside = net::IpAddress::V4({198, 51, 100, 1});
  world.SetNat(first_at, outside, Nat::kAddressDependent);
  world.SetNat(second_at, outside, Nat::kAddressDependent);
  world.Inject(first_at, {peer_at, Bytes{1}});
  world.Inject(second_at, {peer_at, Bytes{2}});
  world.RunFor(absl::Seconds(1));
  ASSERT_EQ(peer.received.size(), 2u);
  EXPECT_NE(peer.received[0].first, peer.received[1].first);
  world.Inject(peer_at, {peer.received[0].first, Bytes{3}});
  world.RunFor(absl::Seconds(1));
  EXPECT_EQ(first.received.size() + second.received.size(), 1u);
}

}  // namespace
}  // namespace p2pd::sim
