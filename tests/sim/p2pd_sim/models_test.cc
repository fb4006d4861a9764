// The models of p2pd-sim: latency, sessions, statistics, reports.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/sim/p2pd_sim/churn_trace.h"
#include "tests/sim/p2pd_sim/latency.h"
#include "tests/sim/p2pd_sim/report.h"
#include "tests/sim/p2pd_sim/sessions.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {
namespace {

TEST(SampleTest, QuantilesAreValuesOfTheSample) {
  Sample sample;
  EXPECT_EQ(sample.Quantile(0.5), 0);
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
  EXPECT_NE(Read("0 0 5\n1 0 5\n1 4 9\n").status().message().find("overlap"),
            absl::string_view::npos);
  EXPECT_FALSE(Read("# nobody\n").ok());
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

}  // namespace
}  // namespace p2pd::sim
