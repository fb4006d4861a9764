// CrowdRun: one run of a Crowd with its report, and the figures that such runs have in common.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/crowd.h"
#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

// A ring has come to rest this long after its last node started.
inline constexpr absl::Duration kSettle = absl::Minutes(2);
// Churn goes on so long before anything is counted.
inline constexpr absl::Duration kWarmUp = absl::Minutes(5);
// After churn a ring has to be right after this.
inline constexpr absl::Duration kRest = absl::Minutes(3);

// One run: its options, its crowd and its report.
struct CrowdRun {
  CrowdRun(absl::string_view name, const RunOptions& options, const CrowdOptions& crowd_options,
           std::unique_ptr<LatencyModel> latency)
      : crowd(crowd_options, std::move(latency)) {
    report.scenario = std::string(name.data(), name.size());
    report.protocol = NameOf(options.protocol);
    report.seed = options.seed;
    report.nodes = crowd_options.nodes;
    report.baseline = options.protocol != Protocol::kP2pd;
  }
  void Add(absl::string_view name, double value, absl::string_view unit,
           std::optional<Limit> must_be = std::nullopt) {
    report.Add(name, value, unit, must_be);
  }
  void Require(bool holds, absl::string_view what) { report.Require(holds, what); }
  // Nobody comes, goes or asks any more: every leaf set has to become the true one. The trace hash
  // is that of what was measured before.
  void Rest();
  Report Finish();
  Crowd crowd;
  Report report;
  std::optional<uint64_t> measured;  // the trace hash before Rest
  bool splits = false;               // rings fall apart and come together: keys have two roots
};

// What the command line sets goes before `crowd`.
absl::StatusOr<std::unique_ptr<CrowdRun>> BeginCrowdRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        CrowdOptions crowd);
// Of lookups: how many were answered, agreed, how fast.
void AddLookups(CrowdRun& run);
// Bytes and datagrams, and bytes and messages by purpose.
void AddTraffic(CrowdRun& run, absl::string_view what);

}  // namespace p2pd::sim
