#include "tests/sim/p2pd_sim/scenario.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/scenario_ad_hoc.h"
#include "tests/sim/p2pd_sim/scenario_crowd.h"
#include "tests/sim/p2pd_sim/scenario_found.h"
#include "tests/sim/p2pd_sim/scenario_store.h"

namespace p2pd::sim {
namespace {

using enum Takes;
constexpr Takes kPaths = kLatency | kBrokenPairs;
constexpr Takes kCrowd = kBaseline | kPaths | kNat;
constexpr Takes kComing = kMedianSession | kSessions | kDuration;
constexpr Takes kAsking = kLookups | kPlot;
constexpr Takes kOurStore = kPaths | kDuration | kAsking;
constexpr Takes kAnyStore = kOurStore | kBaseline;

absl::StatusOr<Report> RunPlainChurn(const RunOptions& options) {
  return RunChurn("churn", options, {});
}

absl::StatusOr<Report> RunLarge(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 10'000;
  defaults.join_gap = absl::Milliseconds(20);
  defaults.lookups_per_second = 0.01;
  RunOptions with = options;
  if (!with.median_session) with.median_session = absl::Hours(3);
  return RunChurn("large", with, defaults);
}

absl::StatusOr<Report> RunBrokenPairs(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.broken_pairs = 0.023;
  return RunChurn("broken-pairs", options, defaults);
}

}  // namespace

void SetLink(const RunOptions& options, LinkOptions& link) {
  link.loss = options.loss.value_or(link.loss);
  link.duplication = options.duplication.value_or(link.duplication);
  link.reordering = options.reordering.value_or(link.reordering);
  link.bandwidth = options.bandwidth.value_or(link.bandwidth);
  link.jitter = options.jitter.value_or(link.jitter);
  link.drift = options.drift.value_or(link.drift);
  if (options.mtu) link.mtu = static_cast<size_t>(*options.mtu);
}

const std::vector<Scenario>& Scenarios() {
  static const auto* const all = new std::vector<Scenario>{
      {"churn", "nodes die and are replaced; 1,000 nodes, median session 47 min, 1 h",
       kCrowd | kComing | kAsking | kChurn, RunPlainChurn},
      {"large", "the same with 10,000 nodes, 0.01 lookups/s a node, median session 3 h",
       kCrowd | kComing | kAsking | kChurn, RunLarge},
      {"broken-pairs", "churn where 2.3 % of the pairs of machines cannot talk",
       kCrowd | kComing | kAsking | kChurn, RunBrokenPairs},
      {"nat", "30 % of 500 machines behind translators of four kinds, median session 47 min",
       kCrowd | kComing | kAsking, RunNat},
      {"steady", "nobody comes or goes: hops, and every answer right; 1,000 nodes",
       kCrowd | kDuration | kAsking, RunSteady},
      {"idle", "what it costs to be there; 128 nodes, 1 h", kCrowd | kDuration, RunIdle},
      {"growth", "hops and bytes for 100, 316, 1,000, ... nodes up to --nodes (10,000)",
       kCrowd | kDuration | kPlot, RunGrowth},
      {"join", "how soon a node that comes has its first answer; 1,000 nodes, 30 min",
       kCrowd | kComing | kLookups, RunJoin},
      {"flash-crowd", "1,000 nodes start within 10 s through one door",
       kCrowd | kDuration | kAsking, RunFlashCrowd},
      {"mass-death", "30 % of 1,000 nodes die at once", kCrowd | kDuration | kAsking, RunMassDeath},
      {"mass-death-objects", "the same with 10,000 objects in the store: what is lost", kAnyStore,
       RunMassDeathObjects},
      {"partition", "200 nodes in two halves for 10 min, then together", kCrowd | kDuration,
       RunPartition},
      {"ad-hoc", "20 nodes on one link find each other by multicast, then a ring outside", Takes{},
       RunAdHoc},
      {"faults",
       "loss, duplicates, reordering, slow lines, broken pairs, deaths, splits; then all must be "
       "right",
       kCrowd | kSessions | kPlot, RunFaults},
      {"castaway", "found by faults, seed 49: cut off alone, with its doors gone, it comes back",
       kCrowd | kComing, RunCastaway},
      {"corpses", "found by the churn test, seed 11: all leaves of a corpse learn of it", kCrowd,
       RunCorpses},
      {"vouchers",
       "found by churn with --broken-pairs: two that cannot talk lose the third between",
       kCrowd | kComing, RunVouchers},
      {"gets", "objects put and read under churn; 1,000 nodes, median session 47 min, 1 h",
       kAnyStore | kComing, RunGets},
      {"durability", "is anything lost? 500 nodes, Weibull sessions of 1 h (median), 6 h",
       kAnyStore | kComing, RunDurability},
      {"store-faults", "faults, crashes and disks of every kind; then every object must be found",
       kOurStore | kComing, RunStoreFaults},
      {"attackers", "20 % of 1,000 nodes drop, misroute, lie and serve old objects; 10 min",
       kOurStore | kComing | kAttackers, RunAttackers},
      {"sybil", "500 ids in one /16 among 1,000 nodes: how many of the replicas are theirs",
       kOurStore, RunSybil},
      {"eclipse", "20 ids beside a key, from one /16 and from 20 networks; 1,000 nodes", kOurStore,
       RunEclipse},
      {"watchers", "how soon a change of presence is seen; 64 people, 30 min",
       kPaths | kDuration | kPlot, RunWatchers},
      {"contacts", "what 100 contacts cost, of whom 90 are offline; 128 people, 1 h",
       kPaths | kDuration, RunContacts},
  };
  return *all;
}

const Scenario* FindScenario(absl::string_view name) {
  for (const Scenario& scenario : Scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

namespace {

absl::Status Refuse(const Scenario& scenario, absl::string_view option, Takes one) {
  std::vector<std::string> others;
  for (const Scenario& other : Scenarios()) {
    if (Has(other.takes, one)) others.emplace_back(other.name.data(), other.name.size());
  }
  if (one == kBaseline) {
    return absl::InvalidArgumentError(absl::StrCat(option, ": only p2pd can play ", scenario.name,
                                                   "; both play ", absl::StrJoin(others, ", ")));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      option, ": ", scenario.name, " would not heed it; these do: ", absl::StrJoin(others, ", ")));
}

}  // namespace

absl::Status CheckOptions(const Scenario& scenario, const RunOptions& options, bool plot) {
  struct Set {
    absl::string_view option;
    Takes takes;
    bool is_set = false;
  };
  const std::string protocol = absl::StrCat("--protocol ", NameOf(options.protocol));
  const bool churn = !options.churn.empty();
  for (const Set& set : {
           Set{protocol, kBaseline, options.protocol != Protocol::kP2pd},
           Set{"--plot", kPlot, plot},
           Set{"--latency", kLatency, options.latency != "synthetic"},
           Set{"--broken-pairs", kBrokenPairs, options.broken_pairs.has_value()},
           Set{"--nat", kNat, options.translated.has_value()},
           Set{"--median-session", kMedianSession, options.median_session.has_value()},
           Set{"--sessions", kSessions, options.sessions.has_value()},
           Set{"--duration", kDuration, options.duration.has_value()},
           Set{"--lookups", kLookups, options.lookups_per_second.has_value()},
           Set{"--attackers", kAttackers, options.attackers.has_value()},
           Set{"--churn", kChurn, churn},
       }) {
    if (set.is_set && !Has(scenario.takes, set.takes)) {
      return Refuse(scenario, set.option, set.takes);
    }
  }
  if (churn && (options.nodes || options.median_session || options.sessions)) {
    return absl::InvalidArgumentError(
        "--churn: the file says who is there and when, not --nodes, --median-session, --sessions");
  }
  // Nobody of them comes or goes unless he is told to.
  if (scenario.name == "attackers" && options.sessions && !options.median_session) {
    return absl::InvalidArgumentError("--sessions: attackers heeds it with --median-session only");
  }
  return absl::OkStatus();
}

}  // namespace p2pd::sim
