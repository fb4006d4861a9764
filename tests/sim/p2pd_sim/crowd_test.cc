// A crowd's oracle and its churn, on small rings.
#include "tests/sim/p2pd_sim/crowd.h"

#include <gtest/gtest.h>

#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {
namespace {

CrowdOptions Small(uint64_t seed) {
  CrowdOptions options;
  options.seed = seed;
  options.nodes = 30;
  return options;
}

TEST(CrowdTest, WithoutChurnEveryAnswerIsRightAndAllAgree) {
  Crowd crowd(Small(1), MakeSyntheticLatency(1));
  crowd.Grow();
  crowd.RunFor(absl::Minutes(1));
  EXPECT_EQ(crowd.active(), 30u);
  EXPECT_EQ(crowd.WrongNeighbours(8), 0u);
  crowd.SetLookups(0.5);
  crowd.Reset();
  crowd.RunFor(absl::Minutes(2));
  const CrowdResults& results = crowd.results();
  EXPECT_GT(results.completed.total, 1000u);
  EXPECT_EQ(results.completed.Rate(), 1);
  EXPECT_EQ(results.right.Rate(), 1);
  EXPECT_EQ(results.consistent.Rate(), 1);
  EXPECT_NEAR(results.node_seconds, 30 * 120, 1);
  EXPECT_EQ(results.deaths, 0u);
}

TEST(CrowdTest, ChurnKeepsTheNumberAndKillsAtItsRate) {
  Crowd crowd(Small(2), MakeSyntheticLatency(2));
  crowd.Grow();
  crowd.SetChurn(absl::Minutes(5));
  crowd.Reset();
  crowd.RunFor(absl::Minutes(30));
  // 30 nodes, 30 minutes, a mean session of 5 / ln 2 minutes: 125 deaths.
  EXPECT_NEAR(static_cast<double>(crowd.results().deaths), 125, 35);
  crowd.SetChurn(absl::InfiniteDuration());
  crowd.RunFor(absl::Minutes(2));
  EXPECT_EQ(crowd.active(), 30u);
  EXPECT_EQ(crowd.WrongNeighbours(8), 0u);
}

TEST(CrowdTest, ATraceSaysWhoIsThere) {
  CrowdOptions options = Small(4);
  options.trace.emplace();
  options.trace->machines = 30;
  for (size_t machine = 0; machine < 20; ++machine) {
    options.trace->stays.push_back({machine, absl::ZeroDuration(), absl::Hours(1)});
  }
  for (size_t machine = 20; machine < 30; ++machine) {
    options.trace->stays.push_back({machine, absl::Minutes(2), absl::Minutes(4)});
    options.trace->stays.push_back({machine, absl::Minutes(6), absl::Hours(1)});
  }
  Crowd crowd(options, MakeSyntheticLatency(4));
  crowd.Grow();
  crowd.RunFor(absl::Minutes(1));
  EXPECT_EQ(crowd.active(), 20u);
  crowd.PlayTrace();
  crowd.Reset();
  crowd.RunFor(absl::Minutes(3));
  EXPECT_EQ(crowd.active(), 30u);
  EXPECT_EQ(crowd.WrongNeighbours(8), 0u);
  crowd.RunFor(absl::Minutes(2));
  EXPECT_EQ(crowd.active(), 20u);
  EXPECT_EQ(crowd.results().deaths, 10u);
  crowd.RunFor(absl::Minutes(2));
  EXPECT_EQ(crowd.active(), 30u);
  EXPECT_NEAR(crowd.results().node_seconds, 60 * (20 * 7 + 10 * 3), 1);
}

TEST(CrowdTest, TheOracleSeesAWrongRing) {
  Crowd crowd(Small(3), MakeSyntheticLatency(3));
  crowd.Grow();
  crowd.RunFor(absl::Minutes(1));
  crowd.Split(true);
  crowd.RunFor(absl::Minutes(3));
  EXPECT_GT(crowd.WrongNeighbours(8), 20u);
  EXPECT_GT(crowd.KeysWithoutOneRoot(), 10u);
  crowd.Split(false);
  crowd.RunFor(absl::Minutes(3));
  EXPECT_EQ(crowd.WrongNeighbours(8), 0u);
}

TEST(CrowdTest, TheWatchLooksOnAndAfterChurnAllComesRight) {
  Crowd crowd(Small(5), MakeSyntheticLatency(5));
  crowd.Grow();
  crowd.RunFor(absl::Minutes(1));
  crowd.SetChurn(absl::Minutes(3));
  crowd.SetLookups(0.5);
  crowd.Reset();
  crowd.RunFor(absl::Minutes(10));
  const CrowdResults& results = crowd.results();
  EXPECT_LE(results.first.good, results.raw.good);
  EXPECT_LE(results.raw.good, results.completed.good);
  EXPECT_EQ(results.raw.total, results.completed.total);
  EXPECT_GT(results.raw.Rate(), 0.9);
  // A third of them every ten seconds of eleven minutes.
  EXPECT_NEAR(static_cast<double>(crowd.watch().leaf_sets()), 66 * 10, 20);
  EXPECT_EQ(crowd.watch().broken_leaf_sets(), 0u) << crowd.watch().first_broken();
  EXPECT_GT(crowd.watch().tables(), 50u);
  EXPECT_EQ(crowd.watch().broken_tables(), 0u) << crowd.watch().first_broken();
  EXPECT_GT(crowd.watch().two_roots().seen().total, 1000u);
  crowd.Rest(absl::Minutes(3));
  EXPECT_EQ(crowd.WrongNeighbours(8), 0u);
  EXPECT_EQ(crowd.KeysWithoutOneRoot(), 0u);
}

// The watch of nat found it: who was given none but addresses from behind translators as doors
// stayed alone and took itself for the root of every key.
TEST(CrowdTest, NobodyStaysAloneWhereSomeAreBehindTranslators) {
  CrowdOptions options = Small(3);
  options.nodes = 60;
  options.translated = 0.3;
  Crowd crowd(options, MakeSyntheticLatency(3));
  crowd.Grow();
  crowd.RunFor(absl::Minutes(7));
  EXPECT_EQ(crowd.KeysWithoutOneRoot(), 0u);
}

TEST(ScenarioTest, OneSeedIsOneRunAndAnotherIsAnother) {
  RunOptions options;
  options.seed = 4;
  const Scenario* faults = FindScenario("faults");
  ASSERT_NE(faults, nullptr);
  const auto first = faults->run(options);
  const auto again = faults->run(options);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->trace_hash, again->trace_hash);
  EXPECT_EQ(AsTable(*first), AsTable(*again));
  options.seed = 5;
  EXPECT_NE(faults->run(options)->trace_hash, first->trace_hash);
}

}  // namespace
}  // namespace p2pd::sim
