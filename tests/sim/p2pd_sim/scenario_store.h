// Scenarios of nodes that store and find objects, and of people who watch each other.
#pragma once

#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

absl::StatusOr<Report> RunGets(const RunOptions& options);
absl::StatusOr<Report> RunDurability(const RunOptions& options);
absl::StatusOr<Report> RunStoreFaults(const RunOptions& options);
absl::StatusOr<Report> RunMassDeathObjects(const RunOptions& options);
absl::StatusOr<Report> RunAttackers(const RunOptions& options);
absl::StatusOr<Report> RunSybil(const RunOptions& options);
absl::StatusOr<Report> RunEclipse(const RunOptions& options);
absl::StatusOr<Report> RunWatchers(const RunOptions& options);
absl::StatusOr<Report> RunContacts(const RunOptions& options);

// A report that begins.
Report ReportOf(absl::string_view name, const RunOptions& options, int nodes);
// The same of a scenario that makes sense with our own store only; Unimplemented for the baseline.
absl::StatusOr<Report> BeginReport(absl::string_view name, const RunOptions& options, int nodes);

}  // namespace p2pd::sim
