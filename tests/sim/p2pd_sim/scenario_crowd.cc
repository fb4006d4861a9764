// Nodes that come, go and ask each other; nothing is stored.
#include "tests/sim/p2pd_sim/scenario_crowd.h"

#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/crowd_run.h"

namespace p2pd::sim {
namespace {

// What the table of targets asks of churn by the median session; of rings of its size only.
struct ChurnTargets {
  absl::Duration median;
  double consistent = 0;   // %
  double maintenance = 0;  // B/s a node
};
constexpr int kChurnNodes = 1000;

std::optional<ChurnTargets> TargetsOf(absl::string_view name, int nodes, absl::Duration median) {
  if (name != "churn" || nodes < kChurnNodes) return std::nullopt;
  for (const ChurnTargets& targets :
       {ChurnTargets{absl::Minutes(47), 99.97, 250}, ChurnTargets{absl::Minutes(6.2), 99.8, 450},
        ChurnTargets{absl::Minutes(1.4), 99.0, 900}}) {
    if (median >= targets.median) return targets;
  }
  return std::nullopt;
}

void AddTargets(CrowdRun& run, const ChurnTargets& targets, const CrowdResults& results,
                double maintenance) {
  run.report.AddShare("target: answers consistent", results.consistent,
                      AtLeast(targets.consistent));
  run.Add("target: maintenance", maintenance, "B/s a node", AtMost(targets.maintenance));
  if (targets.median < absl::Minutes(47)) return;
  run.report.AddShare("target: lookups completed, raw", results.raw, AtLeast(99.95));
  run.report.AddShare("target: lookups completed", results.completed, AtLeast(99.999));
  run.Add("target: stretch of the means", results.latency.Mean() / results.direct.Mean(), "",
          AtMost(1.15));
}

}  // namespace

// Churn at a constant number of nodes: first without lookups, for the cost of maintenance.
absl::StatusOr<Report> RunChurn(absl::string_view name, const RunOptions& options,
                                const CrowdOptions& defaults) {
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun(name, options, defaults));
  Crowd& crowd = run->crowd;
  const absl::Duration duration = options.duration.value_or(absl::Hours(1));
  crowd.Grow();
  crowd.RunFor(kSettle);
  const absl::Duration median = options.median_session.value_or(absl::Minutes(47));
  if (options.churn.empty()) {
    crowd.SetChurn(median);
  } else {
    crowd.PlayTrace();
  }
  crowd.RunFor(kWarmUp);
  crowd.Reset();
  crowd.RunFor(duration / 4);
  AddTraffic(*run, "maintenance");
  const double maintenance =
      static_cast<double>(crowd.results().bytes) / crowd.results().node_seconds;
  const double datagrams =
      static_cast<double>(crowd.results().datagrams) / crowd.results().node_seconds;
  crowd.SetLookups(options.lookups_per_second.value_or(defaults.lookups_per_second));
  crowd.Reset();
  crowd.RunFor(duration * 3 / 4);
  AddLookups(*run);
  AddTraffic(*run, "all");
  const CrowdResults results = crowd.results();
  run->Add("nodes died", static_cast<double>(results.deaths), "");
  run->Add("join to first answer, median", results.join.Quantile(0.5), "ms");
  run->Add("join to first answer, p99", results.join.Quantile(0.99), "ms");
  run->Rest();
  if (!options.churn.empty()) return run->Finish();  // the targets are for drawn sessions
  const auto targets = TargetsOf(name, run->report.nodes, median);
  if (targets) AddTargets(*run, *targets, results, maintenance);
  const Proportion failed{results.completed.total - results.completed.good,
                          results.completed.total};
  if (name == "broken-pairs") {
    const bool few = options.broken_pairs.value_or(defaults.broken_pairs) <= 0.023;
    run->report.AddShare("lookups failed", failed, AtMost(few ? 0.1 : 0.5));
  }
  if (name == "large" && run->report.nodes >= defaults.nodes) {
    run->report.AddShare("target: lookups failed", failed, AtMost(1e-4));
    run->report.AddShare("target: answers by the root", results.right, AtLeast(100));
    run->Add("target: stretch of the means", results.latency.Mean() / results.direct.Mean(), "",
             AtMost(1.25));
    // Every datagram that a node sends when nobody asks; many hold several messages.
    run->Add("target: control messages, as datagrams", datagrams, "/s a node", AtMost(0.5));
  }
  return run->Finish();
}

// Nodes come one at a time into a ring at rest: how soon do they ask and hear?
absl::StatusOr<Report> RunJoin(const RunOptions& options) {
  CrowdOptions defaults;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("join", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle);
  // A joiner's question needs a crowd that asks at all.
  crowd.SetLookups(options.lookups_per_second.value_or(0.01));
  crowd.SetChurn(options.median_session.value_or(absl::Minutes(47)));
  crowd.RunFor(kWarmUp);
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(30)));
  const Sample& join = crowd.results().join;
  run->Add("joins", static_cast<double>(join.count()), "");
  run->Add("join to first answer, median", join.Quantile(0.5), "ms", AtMost(1500));
  run->Add("join to first answer, p99", join.Quantile(0.99), "ms", AtMost(5000));
  run->Add("start to complete member, median", crowd.results().member.Quantile(0.5), "ms");
  run->Add("start to complete member, p99", crowd.results().member.Quantile(0.99), "ms");
  run->Add("join to first answer, most", join.Quantile(1), "ms");
  run->Require(join.count() > 0, "somebody joined");
  return run->Finish();
}

// Nobody comes or goes.
absl::StatusOr<Report> RunSteady(const RunOptions& options) {
  CrowdOptions defaults;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("steady", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle + kWarmUp);
  run->Require(crowd.WrongNeighbours(8) == 0, "every leaf set is the true one");
  crowd.SetLookups(options.lookups_per_second.value_or(defaults.lookups_per_second));
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(10)));
  AddLookups(*run);
  const CrowdResults& results = crowd.results();
  const double most = std::ceil(std::log2(run->report.nodes) / 4) + 1;
  run->Add("hops, most of all", results.hops.Quantile(1), "", AtMost(most));
  run->Require(results.completed.Rate() == 1, "every lookup is answered");
  run->Require(results.right.Rate() == 1, "every answer is the root's");
  return run->Finish();
}

absl::StatusOr<Report> RunIdle(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 128;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("idle", options, defaults));
  run->crowd.Grow();
  run->crowd.RunFor(kSettle + kWarmUp);
  run->crowd.Reset();
  run->crowd.RunFor(options.duration.value_or(absl::Hours(1)));
  AddTraffic(*run, "idle");
  const CrowdResults& results = run->crowd.results();
  run->Add("overlay in all", static_cast<double>(results.bytes) / results.node_seconds,
           "B/s a node", AtMost(60));
  run->Require(run->crowd.WrongNeighbours(8) == 0, "every leaf set is the true one");
  return run->Finish();
}

absl::StatusOr<Report> RunFlashCrowd(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.one_door = true;
  defaults.join_gap = absl::Seconds(10) / options.nodes.value_or(defaults.nodes);
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("flash-crowd", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  int seconds = 0;
  for (; seconds < 300; ++seconds) {
    if (static_cast<int>(crowd.active()) == run->report.nodes && crowd.WrongNeighbours(4) == 0) {
      break;
    }
    crowd.RunFor(absl::Seconds(1));
  }
  run->Add("one ring after the last start", seconds, "s", AtMost(30));
  if (seconds < 30) crowd.RunFor(absl::Seconds(30 - seconds));
  crowd.SetLookups(options.lookups_per_second.value_or(defaults.lookups_per_second));
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(2)));
  AddLookups(*run);
  run->report.AddShare("lookups answered by the root", crowd.results().right, AtLeast(100));
  run->report.AddShare("lookups answered", crowd.results().completed, AtLeast(100));
  return run->Finish();
}

// A third of the machines is behind translators: who cannot be reached must not be anybody's root.
absl::StatusOr<Report> RunNat(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 500;
  defaults.translated = 0.3;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("nat", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.SetChurn(options.median_session.value_or(absl::Minutes(47)));
  crowd.RunFor(kSettle + kWarmUp);
  crowd.SetLookups(options.lookups_per_second.value_or(defaults.lookups_per_second));
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(15)));
  AddLookups(*run);
  const auto share = [&](size_t count) {
    return 100 * static_cast<double>(count) / static_cast<double>(crowd.up());
  };
  run->Add("peers that cannot be reached", share(crowd.UnreachablePeers()), "% of all nodes",
           AtMost(2));
  run->Add("clients that can be reached", share(crowd.ReachableClients()), "% of all nodes",
           AtMost(0));
  run->report.AddShare("lookups answered", crowd.results().completed, AtLeast(99.9));
  run->Rest();
  return run->Finish();
}

absl::StatusOr<Report> RunMassDeath(const RunOptions& options) {
  CrowdOptions defaults;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("mass-death", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle);
  crowd.KillShare(0.3);
  crowd.SetLookups(options.lookups_per_second.value_or(defaults.lookups_per_second));
  crowd.Reset();
  crowd.RunFor(absl::Seconds(30));
  run->report.AddShare("lookups completed, first 30 s", crowd.results().completed);
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(5)));
  AddLookups(*run);
  run->report.AddShare("lookups answered from 30 s on", crowd.results().completed, AtLeast(99));
  run->Require(crowd.WrongNeighbours(4) == 0, "every node knows its neighbours again");
  return run->Finish();
}

absl::StatusOr<Report> RunPartition(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 200;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("partition", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle);
  crowd.Split(true);
  crowd.RunFor(options.duration.value_or(absl::Minutes(10)));
  crowd.Split(false);
  int seconds = 0;
  while (seconds < 600 && crowd.WrongNeighbours(8) != 0) {
    crowd.RunFor(absl::Seconds(1));
    ++seconds;
  }
  run->Add("one ring after the heal", seconds, "s", AtMost(120));
  return run->Finish();
}

// Loss, duplicates, reordering, slow lines, broken pairs, deaths and a split in a small ring; once
// it is left alone, all of it has to be right. No translators: in a ring of eight there may be
// nobody left who could show that a node is beyond reach; `nat` and `vouchers` have them.
absl::StatusOr<Report> RunFaults(const RunOptions& options) {
  SeededRng dice(options.seed * 31 + 5);
  CrowdOptions defaults;
  defaults.nodes = 8 + static_cast<int>(dice.Below(25));
  defaults.join_gap = absl::Milliseconds(50 + static_cast<int64_t>(dice.Below(500)));
  defaults.link.loss = 0.05 * dice.Unit();
  defaults.link.duplication = 0.05 * dice.Unit();
  defaults.link.jitter = absl::Milliseconds(40) * dice.Unit();
  defaults.link.drift = 0.001 * dice.Unit();
  defaults.link.reordering = dice.Below(2) == 0 ? 0 : 0.05 * dice.Unit();
  defaults.link.bandwidth = dice.Below(4) == 0 ? 20'000 + 80'000 * dice.Unit() : 0;
  defaults.link.mtu = dice.Below(4) == 0 ? 1252 : defaults.link.mtu;
  defaults.known_door = true;
  defaults.broken_pairs = dice.Below(2) == 0 ? 0 : 0.02;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("faults", options, defaults));
  run->splits = true;
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.SetChurn(absl::Minutes(1) + absl::Minutes(4) * dice.Unit());
  crowd.SetLookups(defaults.lookups_per_second);
  crowd.RunFor(absl::Minutes(2));
  if (dice.Below(2) == 0) {
    crowd.Split(true);
    crowd.RunFor(absl::Minutes(2) * dice.Unit());
    crowd.Split(false);
    crowd.RunFor(absl::Minutes(1));
  }
  // Quiet: nobody dies, nothing is lost.
  crowd.SetChurn(absl::InfiniteDuration());
  crowd.world().options().loss = 0;
  crowd.world().options().duplication = 0;
  crowd.RunFor(absl::Minutes(5));
  crowd.SetLookups(5 * defaults.lookups_per_second);
  crowd.Reset();
  crowd.RunFor(absl::Minutes(1));
  run->Require(crowd.WrongNeighbours(8) == 0, "every leaf set is the true one");
  run->Require(crowd.KeysWithoutOneRoot() == 0, "every key has one root");
  run->Require(crowd.results().right.Rate() == 1, "every answer is the root's");
  run->Require(crowd.results().consistent.Rate() == 1, "all answers agree");
  run->Require(static_cast<int>(crowd.joined()) == run->report.nodes, "every node has joined");
  run->Require(crowd.results().completed.Rate() == 1, "every lookup is answered");
  AddLookups(*run);
  return run->Finish();
}

// Hops and bytes as the ring grows from 100 to --nodes, about three times at each step.
absl::StatusOr<Report> RunGrowth(const RunOptions& options) {
  constexpr std::array<int, 5> kSteps = {100, 316, 1000, 3162, 10'000};
  Report out;
  out.scenario = "growth";
  out.protocol = NameOf(options.protocol);
  out.baseline = options.protocol != Protocol::kP2pd;
  out.seed = options.seed;
  out.nodes = options.nodes.value_or(kSteps.back());
  if (out.nodes < kSteps[1]) {
    return absl::InvalidArgumentError(
        absl::StrCat("growth goes from ", kSteps[0], " nodes to ", kSteps[1], " at least"));
  }
  Curve hops{"hops, mean", {}};
  Curve bytes{"maintenance, B/s a node", {}};
  for (const int nodes : kSteps) {
    if (nodes > out.nodes) break;
    CrowdOptions defaults;
    defaults.join_gap = absl::Seconds(100) / std::max(nodes, 1000);
    RunOptions step = options;
    step.nodes = nodes;
    P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                          BeginCrowdRun("growth", step, defaults));
    run->crowd.Grow();
    run->crowd.RunFor(kSettle + kWarmUp);
    run->crowd.Reset();
    run->crowd.RunFor(absl::Minutes(5));
    const CrowdResults idle = run->crowd.results();
    // As many lookups whatever the size.
    run->crowd.SetLookups(defaults.lookups_per_second * kSteps[0] / nodes);
    run->crowd.Reset();
    run->crowd.RunFor(options.duration.value_or(absl::Minutes(5)));
    hops.points.emplace_back(nodes, run->crowd.results().hops.Mean());
    bytes.points.emplace_back(nodes, static_cast<double>(idle.bytes) / idle.node_seconds);
    out.Add(absl::StrCat("hops, mean, ", nodes, " nodes"), hops.points.back().second, "");
    out.Add(absl::StrCat("maintenance, ", nodes, " nodes"), bytes.points.back().second,
            "B/s a node");
    const Report end = run->Finish();
    for (const std::string& text : end.violations) {
      out.Require(false, absl::StrCat(nodes, " nodes: ", text));
    }
    out.trace_hash ^= end.trace_hash;
  }
  // From the smallest ring to the largest, by the growth of the logarithm.
  const auto growth = [](const Curve& curve) {
    const auto& [first, at_first] = curve.points.front();
    const auto& [last, at_last] = curve.points.back();
    return (at_last / at_first) / (std::log(last) / std::log(first));
  };
  out.Add("hops, growth by that of log N", growth(hops), "", AtMost(1));
  out.Add("maintenance, growth by that of log N", growth(bytes), "", AtMost(1));
  out.nodes = static_cast<int>(hops.points.back().first);
  out.curves = {std::move(hops), std::move(bytes)};
  return out;
}

}  // namespace p2pd::sim
