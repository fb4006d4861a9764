// Scenarios that play what a seed once found, so that it is looked for whatever the seeds do now.
#pragma once

#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

// A node that is cut off from all others loses its last leaf, and most of those it knew are gone
// when it can talk again: it has to find the ring within two minutes. It once waited for the
// partition check, which knew one dead door only.
absl::StatusOr<Report> RunCastaway(const RunOptions& options);
// Nodes die one after the other in a ring at rest, and each time all leaves of the corpse have to
// know within 25 seconds. Once the finder told its own leaves only, who are not all of the
// corpse's.
absl::StatusOr<Report> RunCorpses(const RunOptions& options);
// Churn where many pairs cannot talk, some because of translators: once all are quiet, each knows
// its neighbours. The third between two of them once died and left a link that was in the way of a
// new one for minutes, and the two asked others whose leaves they were not.
absl::StatusOr<Report> RunVouchers(const RunOptions& options);

}  // namespace p2pd::sim
