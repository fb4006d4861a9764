// Scenarios of nodes that come, go and ask each other; nothing is stored.
#pragma once

#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

absl::StatusOr<Report> RunChurn(absl::string_view name, const RunOptions& options,
                                const CrowdOptions& defaults);
absl::StatusOr<Report> RunJoin(const RunOptions& options);
absl::StatusOr<Report> RunSteady(const RunOptions& options);
absl::StatusOr<Report> RunIdle(const RunOptions& options);
absl::StatusOr<Report> RunFlashCrowd(const RunOptions& options);
absl::StatusOr<Report> RunNat(const RunOptions& options);
absl::StatusOr<Report> RunMassDeath(const RunOptions& options);
absl::StatusOr<Report> RunPartition(const RunOptions& options);
absl::StatusOr<Report> RunFaults(const RunOptions& options);
absl::StatusOr<Report> RunGrowth(const RunOptions& options);

}  // namespace p2pd::sim
