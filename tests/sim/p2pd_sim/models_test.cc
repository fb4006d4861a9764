// The models of p2pd-sim: latency, sessions, statistics, reports.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/str_format.h"
#include "tests/sim/p2pd_sim/churn_trace.h"
#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/p2pd_sim/plot.h"
#include "tests/sim/p2pd_sim/report.h"
#include "tests/sim/p2pd_sim/ring_watch.h"
#include "tests/sim/p2pd_sim/sessions.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {
namespace {

TEST(SampleTest, QuantilesAreValuesOfTheSample) {
  Sample sample;
  EXPECT_TRUE(std::isnan(sample.Quantile(0.5)));
  EXPECT_TRUE(std::isnan(sample.Mean()));
  for (int i = 100; i >= 1; --i) sample.Add(i);
  EXPECT_DOUBLE_EQ(sample.Mean(), 50.5);
  EXPECT_EQ(sample.Quantile(0), 1);
  EXPECT_EQ(sample.Quantile(0.5), 50);
  EXPECT_EQ(sample.Quantile(0.99), 99);
  EXPECT_EQ(sample.Quantile(1), 100);
}

TEST(ProportionTest, TheBoundIsBelowTheRateAndNearsIt) {
  Proportion few{10, 10};
  Proportion many{100'000, 100'000};
  EXPECT_EQ(few.Rate(), 1);
  EXPECT_LT(few.AtLeast(), 0.8);
  EXPECT_GT(many.AtLeast(), 0.9999);
  // Wilson's interval for 8 of 10, one-sided 95 %.
  EXPECT_NEAR((Proportion{8, 10}.AtLeast()), 0.541, 0.001);
  EXPECT_EQ(Proportion().AtLeast(), 0);
  EXPECT_TRUE(std::isnan(Proportion().Rate()));
}

TEST(SessionsTest, HalfOfAllStayLongerThanTheMedian) {
  for (const SessionKind kind :
       {SessionKind::kExponential, SessionKind::kWeibull, SessionKind::kPareto}) {
    SeededRng rng(5);
    int longer = 0;
    for (int i = 0; i < 20'000; ++i) {
      const absl::Duration session = DrawSession(kind, absl::Minutes(47), rng);
      EXPECT_GE(session, absl::ZeroDuration());
      if (session > absl::Minutes(47)) ++longer;
    }
    EXPECT_NEAR(longer, 10'000, 250);
  }
  EXPECT_FALSE(ParseSessionKind("gaussian").has_value());
}

TEST(LatencyTest, TheSyntheticModelIsSymmetricAndOfTheSizeOfTheInternet) {
  const auto model = MakeSyntheticLatency(1);
  Sample round_trips;
  for (uint32_t a = 0; a < 100; ++a) {
    for (uint32_t b = 0; b < a; ++b) {
      EXPECT_EQ(model->OneWay(a, b), model->OneWay(b, a));
      round_trips.Add(2 * absl::ToDoubleMilliseconds(model->OneWay(a, b)));
    }
  }
  EXPECT_GT(round_trips.Quantile(0.5), 30);
  EXPECT_LT(round_trips.Quantile(0.5), 150);
  EXPECT_LT(round_trips.Quantile(0.01), 15);
}

class MatrixTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<LatencyModel>> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadLatencyMatrix(path_);
  }
  std::string path_ = testing::TempDir() + "p2pd-sim-matrix.tsv";
};

TEST_F(MatrixTest, HalfARoundTripIsOneWay) {
  const auto model = Read("0\t10\n10\t0\n");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->OneWay(0, 1), absl::Milliseconds(5));
  // More machines than lines: near to the one of the same line.
  EXPECT_EQ((*model)->OneWay(2, 1), absl::Milliseconds(5));
  EXPECT_GE((*model)->OneWay(0, 2), absl::Microseconds(250));
  EXPECT_LE((*model)->OneWay(0, 2), absl::Milliseconds(1));
}

TEST_F(MatrixTest, WhatIsNoMatrixIsRefusedByLine) {
  EXPECT_TRUE(absl::IsNotFound(ReadLatencyMatrix("/nowhere/m.tsv").status()));
  EXPECT_NE(Read("0\t1\n1\tx\n").status().message().find(":2: "), absl::string_view::npos);
  EXPECT_NE(Read("0\t1\n1\n").status().message().find("square"), absl::string_view::npos);
  EXPECT_FALSE(Read("0\t-1\n-1\t0\n").ok());
  EXPECT_FALSE(Read("").ok());
}

class ChurnTraceTest : public testing::Test {
 protected:
  absl::StatusOr<ChurnTrace> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadChurnTrace(path_);
  }
  std::string path_ = testing::TempDir() + "p2pd-sim-churn.txt";
};

TEST_F(ChurnTraceTest, IsReadInOrder) {
  const auto trace = Read("# machine comes goes\n1 100 200\n\n0 0 3600\n1 12.5 90\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->machines, 2u);
  EXPECT_EQ(trace->ends, absl::Hours(1));
  ASSERT_EQ(trace->stays.size(), 3u);
  EXPECT_EQ(trace->stays[1].comes, absl::Seconds(12.5));
  EXPECT_EQ(trace->stays[2].goes, absl::Seconds(200));
}

TEST_F(ChurnTraceTest, WhatIsWrongIsNamedByLine) {
  EXPECT_TRUE(absl::IsNotFound(ReadChurnTrace("/nowhere/churn.txt").status()));
  for (const char* line : {"1 5 5", "1 -1 5", "-1 0 5", "60000 0 5", "1 0", "1 0 5 6", "a b c"}) {
    const auto trace = Read(std::string("0 0 5\n") + line + "\n");
    EXPECT_NE(trace.status().message().find(":2: "), absl::string_view::npos) << line;
  }
  EXPECT_NE(Read("0 0 5\n1 0 5\n1 4 9\n")
                .status()
                .message()
                .find("machine 1 comes at 4 s, and its stay before goes on until 5 s"),
            absl::string_view::npos);
  EXPECT_FALSE(Read("# nobody\n").ok());
  // One machine is not too few because nobody is there.
  EXPECT_NE(Read("3 0 5\n3 6 9\n").status().message().find("of one machine, 3"),
            absl::string_view::npos);
  EXPECT_NE(Read("3 0 5\n3 4 9\n").status().message().find("goes on until"),
            absl::string_view::npos);
}

TEST(ReportTest, SaysTheSameInEachForm) {
  Report report;
  report.scenario = "steady";
  report.protocol = "p2pd";
  report.seed = 7;
  report.nodes = 10;
  report.Add("hops, mean", 1.5, "");
  report.violations = {"one \"thing\" isn't\nright"};
  EXPECT_NE(AsTable(report).find("VIOLATED: one"), std::string::npos);
  EXPECT_EQ(AsCsv(report, false), "steady,p2pd,7,10,\"hops, mean\",1.5,,\n");
  EXPECT_NE(AsComparison({report}).find("VIOLATED by p2pd, seed 7: one"), std::string::npos);
  EXPECT_NE(AsJson(report).find(R"("violations": ["one \"thing\" isn't\u000aright"])"),
            std::string::npos);
}

// A figure that rests on nothing is none, and no limit takes it for a good one.
TEST(ReportTest, WithoutTrialsThereIsNoFigure) {
  Report report;
  report.scenario = "steady";
  report.protocol = "p2pd";
  report.AddShare("lookups completed", Proportion(), AtLeast(99));
  report.AddProportion("answers consistent", Proportion());
  ASSERT_EQ(report.violations.size(), 1u);
  EXPECT_EQ(report.violations[0],
            "lookups completed: nothing was seen that it could rest on, must be >= 99 %");
  EXPECT_NE(AsJson(report).find(
                R"("value": null, "unit": "%", "mustBe": ">= 99", "good": 0, "total": 0)"),
            std::string::npos);
  EXPECT_NE(AsCsv(report, false).find("\"lookups completed\",,%,>= 99\n"), std::string::npos);
  EXPECT_EQ(AsTable(report).find("nan"), std::string::npos);
  EXPECT_EQ(AsComparison({report}).find("nan"), std::string::npos);
}

TEST(ReportTest, TrialsOfSeveralSeedsArePooled) {
  std::vector<Report> reports(2);
  const std::vector<Proportion> seen = {{100, 100}, {80, 300}};
  for (size_t i = 0; i < 2; ++i) {
    reports[i].protocol = "p2pd";
    reports[i].seed = i;
    reports[i].AddProportion("found", seen[i]);
  }
  // 180 of 400, not the mean of 100 % and 26.7 %; and one bound of all.
  const std::string text = AsComparison(reports);
  EXPECT_NE(text.find(" 45 (26.667, 100)"), std::string::npos) << text;
  EXPECT_NE(text.find(absl::StrFormat(" %.6g  %%", 100 * Proportion{180, 400}.AtLeast())),
            std::string::npos)
      << text;
}

TEST(ReportTest, WhatTheBaselineMissesIsShownAndNoViolation) {
  Report report;
  report.protocol = "bamboo-2004";
  report.baseline = true;
  report.Require(false, "every leaf set is the true one");
  report.Add("hops", 9, "", AtMost(4));
  EXPECT_TRUE(report.violations.empty());
  EXPECT_NE(AsComparison({report}).find("does not hold of bamboo-2004, seed 0: every leaf set"),
            std::string::npos);
}

// What a PNG begins with, the length and the name of its first part (PNG, third edition, §5.2,
// §11.2.1).
constexpr char kPngBegins[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

// Width and height of a picture; {0, 0} when it is none.
std::pair<uint32_t, uint32_t> SizeOfPng(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string head(24, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (!file || head.compare(0, 16, std::string(kPngBegins, 16)) != 0) return {0, 0};
  const auto number = [&](size_t at) {
    uint32_t out = 0;
    for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<uint8_t>(head[at + i]);
    return out;
  };
  return {number(16), number(20)};
}

// A name is a name, whatever it looks like to gnuplot or a shell.
TEST(PlotTest, DrawsLatencyUnderAnyName) {
  ASSERT_TRUE(CanPlot().ok()) << CanPlot();
  Report report;
  report.scenario = "churn";
  report.protocol = "p2pd";
  report.nodes = 10;
  for (int i = 1; i <= 100; ++i) report.latency.Add(i);
  const std::string trap = testing::TempDir() + "p2pd-sim-trap";
  const std::vector<std::string> names = {"plain.png",
                                          "über.png",
                                          "it's.png",
                                          "a\nb.png",
                                          "'; system 'touch p2pd-sim-trap' #.png",
                                          "`touch p2pd-sim-trap`.png",
                                          "| touch p2pd-sim-trap"};
  for (const std::string& name : names) {
    const std::string path = testing::TempDir() + name;
    const absl::Status drawn = Plot({report}, path);
    EXPECT_TRUE(drawn.ok()) << name << ": " << drawn;
    EXPECT_EQ(SizeOfPng(path), std::pair(uint32_t{kPlotWidth}, uint32_t{kPlotHeight})) << name;
    std::remove(path.c_str());
  }
  EXPECT_FALSE(std::ifstream(trap).is_open());
  EXPECT_FALSE(std::ifstream("p2pd-sim-trap").is_open());
}

TEST(PlotTest, DrawsAPanelACurve) {
  Report report;
  report.scenario = "growth";
  report.protocol = "p2pd";
  report.curves = {{"hops", {{100, 1.5}, {1000, 2}}}, {"B/s", {{100, std::nan("")}, {1000, 60}}}};
  const std::string path = testing::TempDir() + "p2pd-sim-growth.png";
  ASSERT_TRUE(Plot({report}, path).ok());
  EXPECT_EQ(SizeOfPng(path), std::pair(uint32_t{kPlotWidth}, uint32_t{2 * kCurveHeight}));
  std::remove(path.c_str());
}

TEST(PlotTest, SaysWhatItCannotDraw) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Plot({Report()}, testing::TempDir() + "none.png")));
  Report report;
  report.latency.Add(1);
  EXPECT_TRUE(absl::IsNotFound(Plot({report}, "/nowhere/none.png")));
}

overlay::NodeId IdOf(uint8_t first) {
  std::array<uint8_t, 20> bytes{};
  bytes[0] = first;
  return overlay::NodeId(bytes);
}

TEST(RingWatchTest, ALeafSetNamesOthersOnceInOrderAndNotTooMany) {
  RingWatch watch(1);
  watch.SeeLeaves(IdOf(5), {IdOf(1), IdOf(2)}, 2);
  EXPECT_EQ(watch.broken_leaf_sets(), 0u);
  watch.SeeLeaves(IdOf(5), {IdOf(1), IdOf(1)}, 4);
  watch.SeeLeaves(IdOf(5), {IdOf(2), IdOf(1)}, 4);
  watch.SeeLeaves(IdOf(5), {IdOf(1), IdOf(5)}, 4);
  watch.SeeLeaves(IdOf(5), {IdOf(1), IdOf(2), IdOf(3)}, 2);
  EXPECT_EQ(watch.broken_leaf_sets(), 4u);
  EXPECT_EQ(watch.leaf_sets(), 5u);
  EXPECT_NE(watch.first_broken().find("a node twice"), std::string::npos);
}

TEST(RingWatchTest, ATableNamesOthersOnceAndNotTooManyOfASlotOrANetwork) {
  const auto at = [](uint8_t third) {
    return net::Endpoint{net::IpAddress::V4({20, 1, third, 1}), 7464};
  };
  RingWatch watch(1);
  watch.SeeTable(IdOf(0x10), {{IdOf(0x20), at(1)}, {IdOf(0x21), at(1)}, {IdOf(0x22), at(2)}});
  EXPECT_EQ(watch.broken_tables(), 0u);
  watch.SeeTable(IdOf(0x10), {{IdOf(0x10), at(1)}});
  watch.SeeTable(IdOf(0x10), {{IdOf(0x20), at(1)}, {IdOf(0x20), at(2)}});
  watch.SeeTable(
      IdOf(0x10),
      {{IdOf(0x20), at(1)}, {IdOf(0x21), at(2)}, {IdOf(0x22), at(3)}, {IdOf(0x23), at(4)}});
  watch.SeeTable(IdOf(0x10), {{IdOf(0x20), at(1)}, {IdOf(0x30), at(1)}, {IdOf(0x40), at(1)}});
  EXPECT_EQ(watch.broken_tables(), 4u);
  EXPECT_EQ(watch.tables(), 5u);
}

TEST(RingWatchTest, RootsTooManyOrNoneCountByTheTimeTheyLast) {
  RingWatch watch(1);
  Instant now;
  const auto see = [&](int roots) {
    watch.SeeRoots(now, 3, roots);
    now = now + RingWatch::kPeriod;
  };
  for (const int roots : {1, 2, 2, 1, 2, 2, 2, 3, 2, 0}) see(roots);
  EXPECT_EQ(watch.two_roots().seen().good, 7u);
  EXPECT_EQ(watch.two_roots().seen().total, 10u);
  EXPECT_EQ(watch.two_roots().long_ones(), 1u);
  EXPECT_EQ(watch.two_roots().longest(), absl::Seconds(40));
  EXPECT_EQ(watch.no_root().seen().good, 1u);
  for (int i = 0; i < 3; ++i) see(2);
  watch.Interrupt();
  for (int i = 0; i < 3; ++i) see(2);
  EXPECT_EQ(watch.two_roots().long_ones(), 1u);
  for (int i = 0; i < 4; ++i) see(0);
  EXPECT_EQ(watch.no_root().long_ones(), 1u);
}

}  // namespace
}  // namespace p2pd::sim
