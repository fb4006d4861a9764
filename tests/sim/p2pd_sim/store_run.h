// StoreRun: one run of a StoreCrowd with its report, and the figures that such runs have in common.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/depot.h"
#include "tests/sim/p2pd_sim/scenario.h"
#include "tests/sim/p2pd_sim/store_crowd.h"

namespace p2pd::sim {

// A ring has come to rest this long after its last node started.
inline constexpr absl::Duration kRingSettle = absl::Minutes(2);
// Objects are put within this time, and churn goes on so long before anything is counted.
inline constexpr absl::Duration kFill = absl::Minutes(2);
inline constexpr absl::Duration kStoreWarmUp = absl::Minutes(5);

struct StoreRun {
  StoreRun(Report begun, std::unique_ptr<StoreCrowd> nodes)
      : report(std::move(begun)), crowd(std::move(nodes)) {}
  void Add(absl::string_view name, double value, absl::string_view unit,
           std::optional<Limit> must_be = std::nullopt) {
    report.Add(name, value, unit, must_be);
  }
  void Require(bool holds, absl::string_view what) { report.Require(holds, what); }
  // Everything joins, rests and puts its objects.
  void Prepare();
  Report Finish();
  Report report;
  std::unique_ptr<StoreCrowd> crowd;
};

// One that only our own nodes can play.
struct DepotRun : StoreRun {
  DepotRun(Report begun, std::unique_ptr<Depot> nodes)
      : StoreRun(std::move(begun), std::move(nodes)), depot(static_cast<Depot&>(*crowd)) {}
  Depot& depot;
};

// What the command line sets goes before `depot`.
absl::StatusOr<std::unique_ptr<StoreRun>> BeginStoreRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        DepotOptions depot);
// Unimplemented for the baseline.
absl::StatusOr<std::unique_ptr<DepotRun>> BeginDepotRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        DepotOptions depot);
void AddStoreTraffic(StoreRun& run, absl::string_view what);
// Gets and puts.
void AddStore(StoreRun& run);
// What is kept, and what is lost.
void AddObjects(StoreRun& run);

}  // namespace p2pd::sim
