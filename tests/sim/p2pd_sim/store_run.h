// StoreRun: one run of a Depot with its report, and the figures that such runs have in common.
//
// Threads: one.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/depot.h"
#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

// A ring has come to rest this long after its last node started.
inline constexpr absl::Duration kRingSettle = absl::Minutes(2);
// Objects are put within this time, and churn goes on so long before anything is counted.
inline constexpr absl::Duration kFill = absl::Minutes(2);
inline constexpr absl::Duration kStoreWarmUp = absl::Minutes(5);

struct StoreRun {
  StoreRun(Report begun, const DepotOptions& options, std::unique_ptr<LatencyModel> latency)
      : report(std::move(begun)), depot(options, std::move(latency)) {}
  void Add(absl::string_view name, double value, absl::string_view unit,
           std::optional<Limit> must_be = std::nullopt) {
    report.Add(name, value, unit, must_be);
  }
  void Require(bool holds, absl::string_view what) {
    if (!holds) report.violations.emplace_back(what.data(), what.size());
  }
  // Everything joins, rests and puts its objects.
  void Prepare();
  Report Finish();
  Report report;
  Depot depot;
};

// What the command line sets goes before `depot`.
absl::StatusOr<std::unique_ptr<StoreRun>> BeginStoreRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        DepotOptions depot);
void AddProportion(StoreRun& run, absl::string_view what, const Proportion& proportion);
void AddStoreTraffic(StoreRun& run, absl::string_view what);
// Gets and puts.
void AddStore(StoreRun& run);
// What is kept, and what is lost.
void AddObjects(StoreRun& run);

}  // namespace p2pd::sim
