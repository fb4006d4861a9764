// Session times: how long a node stays, by a distribution with a given median.
//
// Exponential is what Rhea et al. 2004 used; Weibull (shape 0.5) and Pareto (shape 1.5) have the
// long tails that were measured of file-sharing networks (Stutzbach and Rejaie 2006).
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"

namespace p2pd::sim {

enum class SessionKind { kExponential, kWeibull, kPareto };

// nullopt unless "exponential", "weibull" or "pareto".
std::optional<SessionKind> ParseSessionKind(absl::string_view name);

absl::Duration DrawSession(SessionKind kind, absl::Duration median, Rng& rng);

}  // namespace p2pd::sim
