// Report: the figures of a run, or of several protocols and seeds beside each other, as a table,
// CSV, JSON and a picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
};

struct Report {
  std::string scenario;
  std::string protocol;
  uint64_t seed = 0;
  int nodes = 0;
  std::vector<Figure> figures;
  // What had to hold and did not.
  std::vector<std::string> violations;
  // ms, of the picture.
  Sample latency;
  uint64_t trace_hash = 0;
};

std::string AsTable(const Report& report);
// A header line when `with_header`; one line a figure.
std::string AsCsv(const Report& report, bool with_header);
std::string AsJson(const Report& report);
// One column a protocol: the mean over its seeds, and the least and most where there are several.
std::string AsComparison(const std::vector<Report>& reports);
// The distribution of lookup latency as PNG, one line a protocol, by gnuplot. Unavailable without
// it; FailedPrecondition when there were no lookups.
absl::Status Plot(const std::vector<Report>& reports, const std::string& path);

}  // namespace p2pd::sim
