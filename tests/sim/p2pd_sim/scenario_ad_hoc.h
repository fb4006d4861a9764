// The scenario of nodes on one link without the Internet.
#pragma once

#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {

// Nodes start on one link with nobody to ask and no way out, and have to be one ring within
// seconds. Then there is a ring of as many outside. One of the nodes has a bootstrap entry of that
// ring, silent until now; when the link gets its way out, both have to be one ring in two minutes.
// UNIMPLEMENTED: the baseline has no multicast.
absl::StatusOr<Report> RunAdHoc(const RunOptions& options);

}  // namespace p2pd::sim
