// Attackers lie, and readers see through them; nobody pushes others out from one network.
#include "tests/sim/p2pd_sim/attackers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/p2pd_sim/depot.h"
#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {
namespace {

using testing::IsEmpty;

DepotOptions Small(uint64_t seed, double attackers) {
  DepotOptions options;
  options.seed = seed;
  options.nodes = 40;
  options.raws = 20;
  options.people = 3;
  options.attackers = attackers;
  return options;
}

TEST(AttackersTest, ReadersSeeThroughThem) {
  Depot depot(Small(1, 0.2), MakeSyntheticLatency(1));
  depot.Grow();
  depot.RunFor(absl::Seconds(30));
  depot.Fill(absl::Seconds(20));
  depot.RunFor(absl::Minutes(1));
  depot.WakeAttackers();
  depot.SetGets(0.3);
  depot.Reset();
  depot.RunFor(absl::Minutes(2));
  const StoreResults& results = depot.results();
  EXPECT_GT(results.immutable.total, 200u);
  EXPECT_GE(results.immutable.Rate(), 0.97);
  EXPECT_THAT(depot.Violations(), IsEmpty());
  const Conspiracy::Deeds& deeds = depot.conspiracy().deeds();
  EXPECT_GT(deeds.dropped, 0u);
  EXPECT_GT(deeds.false_roots, 0u);
  EXPECT_GT(deeds.false_lists, 0u);
  EXPECT_GT(deeds.false_deaths, 0u);
  EXPECT_GT(deeds.false_joins, 0u);
  EXPECT_GT(deeds.not_found, 0u);
  EXPECT_GT(deeds.forged, 0u);
  EXPECT_GT(depot.Count("store.gets_doubted"), 0u);
}

TEST(AttackersTest, AsleepTheyAreHonest) {
  Depot depot(Small(2, 0.3), MakeSyntheticLatency(2));
  depot.Grow();
  depot.RunFor(absl::Seconds(30));
  depot.Fill(absl::Seconds(20));
  depot.SetGets(0.3);
  depot.RunFor(absl::Minutes(1));
  depot.Reset();
  depot.RunFor(absl::Minutes(1));
  EXPECT_EQ(depot.results().immutable.Rate(), 1);
  EXPECT_EQ(depot.conspiracy().deeds().dropped, 0u);
  EXPECT_THAT(depot.Violations(), IsEmpty());
}

TEST(AttackersTest, OneNetworkHoldsTwoOfAnyReplicaSet) {
  Depot depot(Small(3, 0), MakeSyntheticLatency(3));
  depot.Grow();
  for (uint32_t i = 0; i < 20; ++i) {
    depot.AddAttacker(EndpointInOneNetwork(i, 0), std::nullopt);
    depot.RunFor(absl::Milliseconds(200));
  }
  depot.RunFor(absl::Minutes(1));
  const net::IpAddress network = net::WideNetworkOf(EndpointInOneNetwork(0, 0).address);
  const auto sets = depot.ReplicasFrom(
      [&](const net::Endpoint& at) { return net::WideNetworkOf(at.address) == network; }, 50);
  ASSERT_FALSE(sets.empty());
  EXPECT_LE(sets.rbegin()->first, 2u);
}

TEST(ReportTest, AMissedLimitIsAViolationButNotOfABaseline) {
  Report report;
  report.Add("stretch", 1.3, "", AtMost(1.25));
  report.Add("found", 99.5, "%", AtLeast(99));
  EXPECT_THAT(report.violations, testing::ElementsAre("stretch: 1.3, must be <= 1.25"));
  Report baseline;
  baseline.baseline = true;
  baseline.Add("stretch", 1.3, "", AtMost(1.25));
  EXPECT_THAT(baseline.violations, IsEmpty());
}

TEST(CrowdScenarioTest, JoinAndGrowthSayWhatTheyMustReach) {
  RunOptions options;
  options.nodes = 30;
  options.duration = absl::Minutes(2);
  options.median_session = absl::Minutes(5);
  const auto join = FindScenario("join")->run(options);
  ASSERT_TRUE(join.ok());
  size_t limits = 0;
  for (const Figure& figure : join->figures) limits += figure.must_be ? 1u : 0u;
  // Median, p99, and what the watch of the ring may find: broken leaf sets and tables, two roots
  // and no root for long.
  EXPECT_EQ(limits, 6u);
}

}  // namespace
}  // namespace p2pd::sim
