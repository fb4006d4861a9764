// Scenarios: named runs of a Crowd with defaults, and what has to hold at their end.
#pragma once

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
  std::optional<double> drift;
  std::optional<double> broken_pairs;
  std::optional<double> translated;  // share of the machines
  std::optional<double> lookups_per_second;
  std::optional<SessionKind> sessions;
  std::optional<double> attackers;
  std::string churn;                  // a ChurnTrace's file; empty: sessions are drawn
  std::string latency = "synthetic";  // or a file
};

struct Scenario {
  absl::string_view name;
  absl::string_view about;  // one line
  // InvalidArgument or NotFound: the latency file.
  std::function<absl::StatusOr<Report>(const RunOptions&)> run;
};

// What the command line sets of the network.
void SetLink(const RunOptions& options, LinkOptions& link);

const std::vector<Scenario>& Scenarios();
const Scenario* FindScenario(absl::string_view name);

}  // namespace p2pd::sim
