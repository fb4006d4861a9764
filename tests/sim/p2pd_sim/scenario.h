// Scenarios: named runs of a Crowd with defaults, and what has to hold at their end.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/sim/p2pd_sim/crowd.h"
#include "tests/sim/p2pd_sim/report.h"

namespace p2pd::sim {

// What the command line sets; what it leaves out is the scenario's.
struct RunOptions {
  Protocol protocol = Protocol::kP2pd;
  uint64_t seed = 1;
  std::optional<int> nodes;
  std::optional<absl::Duration> median_session;
  std::optional<absl::Duration> duration;
  std::optional<double> loss;
  std::optional<double> duplication;
  std::optional<double> reordering;
  std::optional<double> bandwidth;  // bytes a second
  std::optional<int> mtu;
  std::optional<absl::Duration> jitter;
  std::optional<double> drift;
  std::optional<double> broken_pairs;
  std::optional<double> translated;  // share of the machines
  std::optional<double> lookups_per_second;
  std::optional<SessionKind> sessions;
  std::optional<double> attackers;
  std::string churn;                  // a ChurnTrace's file; empty: sessions are drawn
  std::string latency = "synthetic";  // or a file
};

// What a scenario can be told beyond nodes, seed and network, and what it can be asked for: what
// is set and would change nothing is refused.
enum class Takes : uint32_t {
  kBaseline = 1u << 0,       // --protocol bamboo-2004, bamboo-2004-rto
  kPlot = 1u << 1,           // --plot
  kLatency = 1u << 2,        // --latency
  kBrokenPairs = 1u << 3,    // --broken-pairs
  kNat = 1u << 4,            // --nat
  kMedianSession = 1u << 5,  // --median-session
  kSessions = 1u << 6,       // --sessions
  kDuration = 1u << 7,       // --duration
  kLookups = 1u << 8,        // --lookups
  kAttackers = 1u << 9,      // --attackers
  kChurn = 1u << 10,         // --churn, in place of --nodes, --median-session and --sessions
};
constexpr Takes operator|(Takes a, Takes b) {
  return static_cast<Takes>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr bool Has(Takes all, Takes one) {
  return (static_cast<uint32_t>(all) & static_cast<uint32_t>(one)) != 0;
}

struct Scenario {
  absl::string_view name;
  absl::string_view about;  // one line
  Takes takes;
  // InvalidArgument or NotFound: the latency file.
  std::function<absl::StatusOr<Report>(const RunOptions&)> run;
};

// What the command line sets of the network.
void SetLink(const RunOptions& options, LinkOptions& link);

const std::vector<Scenario>& Scenarios();
const Scenario* FindScenario(absl::string_view name);
// InvalidArgument, with the scenarios that take it, for an option that this one would ignore.
absl::Status CheckOptions(const Scenario& scenario, const RunOptions& options, bool plot);

}  // namespace p2pd::sim
