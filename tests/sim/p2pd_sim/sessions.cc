#include "tests/sim/p2pd_sim/sessions.h"

#include <cmath>

namespace p2pd::sim {
namespace {

constexpr double kWeibullShape = 0.5;
constexpr double kParetoShape = 1.5;

}  // namespace

std::optional<SessionKind> ParseSessionKind(absl::string_view name) {
  if (name == "exponential") return SessionKind::kExponential;
  if (name == "weibull") return SessionKind::kWeibull;
  if (name == "pareto") return SessionKind::kPareto;
  return std::nullopt;
}

absl::Duration DrawSession(SessionKind kind, absl::Duration median, Rng& rng) {
  const double survival = 1 - rng.Unit();  // in (0, 1]
  const double halvings = -std::log2(survival);
  switch (kind) {
    case SessionKind::kExponential:
      return median * halvings;
    case SessionKind::kWeibull:
      return median * std::pow(halvings, 1 / kWeibullShape);
    case SessionKind::kPareto:
      // Lomax: from zero on.
      return median *
             ((std::pow(survival, -1 / kParetoShape) - 1) / (std::pow(2.0, 1 / kParetoShape) - 1));
  }
  return median;
}

}  // namespace p2pd::sim
