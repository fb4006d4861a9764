// Report: the figures of a run, or of several protocols and seeds beside each other, as a table,
// CSV, JSON and a picture (plot.h).
//
// Rules: a figure that rests on nothing (no trials, no samples) is NaN: '-' in tables, empty in
// CSV, null in JSON, and it misses any limit. A share carries its trials, so that several runs are
// pooled and not averaged. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/statistics.h"

namespace p2pd::sim {

// What a figure has to reach.
struct Limit {
  enum class Kind { kAtMost, kAtLeast };
  Kind kind = Kind::kAtMost;
  double bound = 0;
  bool Holds(double value) const { return kind == Kind::kAtMost ? value <= bound : value >= bound; }
};
inline Limit AtMost(double bound) { return {Limit::Kind::kAtMost, bound}; }
inline Limit AtLeast(double bound) { return {Limit::Kind::kAtLeast, bound}; }

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<Limit> must_be;
  // Of a share in percent: its trials. With `bound` the value is the 95 % bound below their rate.
  std::optional<Proportion> trials = std::nullopt;
  bool bound = false;
};

// For the picture of a scenario that runs at several sizes: x is the number of nodes.
struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

struct Report {
  std::string scenario;
  std::string protocol;
  uint64_t seed = 0;
  int nodes = 0;
  std::vector<Figure> figures;
  // What had to hold and did not.
  std::vector<std::string> violations;
  // Of a protocol that is there to be compared with: what had to hold and did not, which is no
  // fault of ours.
  std::vector<std::string> misses;
  // ms, of the picture, and of what.
  Sample latency;
  std::string latency_of = "lookup";
  // Drawn in place of latencies, when there are any.
  std::vector<Curve> curves;
  uint64_t trace_hash = 0;

  // Of a protocol that is there to be compared with: what it misses is no violation.
  bool baseline = false;

  // A figure; one that misses its limit is a violation too.
  void Add(absl::string_view name_of_it, double value, absl::string_view unit,
           std::optional<Limit> must_be = std::nullopt);
  // A share in percent.
  void AddShare(absl::string_view name_of_it, const Proportion& share,
                std::optional<Limit> must_be = std::nullopt);
  // The same, and its 95 % bound.
  void AddProportion(absl::string_view name_of_it, const Proportion& share);
  void Require(bool holds, absl::string_view what);
};

std::string AsTable(const Report& report);
// A header line when `with_header`; one line a figure.
std::string AsCsv(const Report& report, bool with_header);
std::string AsJson(const Report& report);
// One column a protocol: the mean over its seeds, of shares all trials together, and the least and
// most where there are several.
std::string AsComparison(const std::vector<Report>& reports);
}  // namespace p2pd::sim
