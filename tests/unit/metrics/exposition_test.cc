#include "libcore/metrics/exposition.h"

#include <gtest/gtest.h>

namespace p2pd::metrics {
namespace {

TEST(Exposition, WritesTheTextFormat) {
  Exposition out;
  out.Single("p2pd_x_total", Type::kCounter, "What\nis \\ this.", 1234567890123.0);
  out.Family("p2pd_y", Type::kGauge, "By state.");
  out.Sample("state", "a\"b\\c\nd", 0.25);
  out.Sample("state", "e", -3);
  EXPECT_EQ(out.text(),
            "# HELP p2pd_x_total What\\nis \\\\ this.\n# TYPE p2pd_x_total counter\n"
            "p2pd_x_total 1234567890123\n"
            "# HELP p2pd_y By state.\n# TYPE p2pd_y gauge\n"
            "p2pd_y{state=\"a\\\"b\\\\c\\nd\"} 0.25\np2pd_y{state=\"e\"} -3\n");
}

TEST(Exposition, NamesOfOurCounters) {
  EXPECT_EQ(CounterName("tracker.udp_connects"), "p2pd_tracker_udp_connects_total");
  EXPECT_EQ(GaugeName("tracker.swarms"), "p2pd_tracker_swarms");
}

TEST(ExpositionDeathTest, AFamilyComesOnceAndHasAName) {
  Exposition out;
  out.Family("a", Type::kGauge, "");
  EXPECT_DEATH(out.Family("a", Type::kGauge, ""), "");
  EXPECT_DEATH(out.Family("a-b", Type::kGauge, ""), "");
  EXPECT_DEATH(out.Family("1", Type::kGauge, ""), "");
}

}  // namespace
}  // namespace p2pd::metrics
