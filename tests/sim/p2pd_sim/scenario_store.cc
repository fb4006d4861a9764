#include "tests/sim/p2pd_sim/scenario_store.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/depot.h"

namespace p2pd::sim {
namespace {

// A ring has come to rest this long after its last node started.
constexpr absl::Duration kSettle = absl::Minutes(2);
// Objects are put within this time, and churn goes on so long before anything is counted.
constexpr absl::Duration kFill = absl::Minutes(2);
constexpr absl::Duration kWarmUp = absl::Minutes(5);
// Faults end so long before a check at rest: every neighbour was compared with meanwhile.
constexpr absl::Duration kQuiet = absl::Minutes(4);

// One run: its options, its depot and its report.
struct StoreRun {
  StoreRun(Report begun, const DepotOptions& options, std::unique_ptr<LatencyModel> latency)
      : report(std::move(begun)), depot(options, std::move(latency)) {}
  void Add(absl::string_view name, double value, absl::string_view unit) {
    report.figures.push_back(Figure{std::string(name.data(), name.size()), value,
                                    std::string(unit.data(), unit.size())});
  }
  void Require(bool holds, absl::string_view what) {
    if (!holds) report.violations.emplace_back(what.data(), what.size());
  }
  Report Finish() {
    for (std::string& text : depot.Violations()) report.violations.push_back(std::move(text));
    report.trace_hash = depot.world().trace_hash();
    return std::move(report);
  }
  Report report;
  Depot depot;
};

absl::StatusOr<std::unique_ptr<StoreRun>> Begin(absl::string_view name, const RunOptions& options,
                                                DepotOptions depot) {
  depot.seed = options.seed;
  depot.nodes = options.nodes.value_or(depot.nodes);
  depot.sessions = options.sessions.value_or(depot.sessions);
  depot.link.loss = options.loss.value_or(depot.link.loss);
  depot.broken_pairs = options.broken_pairs.value_or(depot.broken_pairs);
  P2PD_ASSIGN_OR_RETURN(Report report, BeginReport(name, options, depot.nodes));
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<LatencyModel> latency,
                        MakeLatency(options.latency, options.seed));
  return std::make_unique<StoreRun>(std::move(report), depot, std::move(latency));
}

void AddLatency(StoreRun& run, absl::string_view what, const Sample& sample) {
  run.Add(absl::StrCat(what, ", mean"), sample.Mean(), "ms");
  run.Add(absl::StrCat(what, ", median"), sample.Quantile(0.5), "ms");
  run.Add(absl::StrCat(what, ", p99"), sample.Quantile(0.99), "ms");
}

void AddProportion(StoreRun& run, absl::string_view what, const Proportion& proportion) {
  run.Add(what, 100 * proportion.Rate(), "%");
  run.Add(absl::StrCat(what, ", at least (95 %)"), 100 * proportion.AtLeast(), "%");
}

void AddTraffic(StoreRun& run, absl::string_view what) {
  const DepotResults& results = run.depot.results();
  const auto add = [&](absl::string_view part, double bytes) {
    run.Add(absl::StrCat(what, part), bytes / results.node_seconds, "B/s a node");
  };
  add("", static_cast<double>(results.bytes));
  const auto of = [&](overlay::Purpose purpose) {
    return static_cast<double>(results.traffic.messages[static_cast<size_t>(purpose)].bytes);
  };
  add(", requests of the store", of(overlay::Purpose::kRequest));
  add(", answers to them", of(overlay::Purpose::kAnswer));
  const overlay::Traffic::Sum& letters = results.traffic.letters;
  add(", letters", static_cast<double>(letters.bytes + letters.count * kDatagramHeaders));
}

void AddStore(StoreRun& run) {
  const DepotResults& results = run.depot.results();
  run.Add("gets", static_cast<double>(results.immutable.total + results.changing.total), "");
  AddProportion(run, "gets that found, immutable", results.immutable);
  AddProportion(run, "gets that found, changing", results.changing);
  AddProportion(run, "gets of the newest version", results.newest);
  AddLatency(run, "get of an immutable object", results.immutable_latency);
  AddLatency(run, "get of one that changes", results.changing_latency);
  run.Add("puts", static_cast<double>(results.puts.total), "");
  AddProportion(run, "puts acknowledged", results.puts);
  AddLatency(run, "put", results.put_latency);
  run.Add("nodes that died", static_cast<double>(results.deaths), "");
  run.Add("nodes that know their neighbours", 100 * results.neighbours.Rate(), "%");
  run.Add("stored", run.depot.StoredBytes(), "B a node");
  run.report.latency = results.immutable_latency;
}

void AddObjects(StoreRun& run) {
  run.Add("objects", static_cast<double>(run.depot.Due()), "");
  run.Add("objects lost", static_cast<double>(run.depot.Lost()), "");
  run.Add("copies that stand where they should", 100 * run.depot.ReplicasHeld(), "%");
}

}  // namespace

absl::StatusOr<Report> BeginReport(absl::string_view name, const RunOptions& options, int nodes) {
  if (options.protocol != Protocol::kP2pd) {
    return absl::UnimplementedError(
        absl::StrCat("--protocol ", NameOf(options.protocol), ": only p2pd stores objects"));
  }
  Report report;
  report.scenario = std::string(name.data(), name.size());
  report.protocol = NameOf(options.protocol);
  report.seed = options.seed;
  report.nodes = nodes;
  return report;
}

// Gets and puts while nodes come and go: first without readers, for the cost of maintenance.
absl::StatusOr<Report> RunGets(const RunOptions& options) {
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        Begin("gets", options, DepotOptions()));
  Depot& depot = run->depot;
  const absl::Duration duration = options.duration.value_or(absl::Hours(1));
  depot.Grow();
  depot.RunFor(kSettle);
  depot.Fill(kFill);
  depot.RunFor(kFill + kWarmUp);
  depot.SetChurn(options.median_session.value_or(absl::Minutes(47)));
  depot.RunFor(kWarmUp);
  depot.Reset();
  depot.RunFor(duration / 4);
  AddTraffic(*run, "maintenance");
  depot.SetGets(options.lookups_per_second.value_or(0.02));
  depot.SetRaws(0.1);
  depot.Reset();
  depot.RunFor(duration * 3 / 4);
  AddStore(*run);
  AddTraffic(*run, "all");
  AddObjects(*run);
  return run->Finish();
}

// Long churn with the tail of real sessions: nothing that was acknowledged may be lost.
absl::StatusOr<Report> RunDurability(const RunOptions& options) {
  DepotOptions defaults;
  defaults.nodes = 500;
  defaults.sessions = SessionKind::kWeibull;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        Begin("durability", options, defaults));
  Depot& depot = run->depot;
  depot.Grow();
  depot.RunFor(kSettle);
  depot.Fill(kFill);
  depot.RunFor(kFill + kWarmUp);
  depot.SetChurn(options.median_session.value_or(absl::Hours(1)));
  depot.SetGets(options.lookups_per_second.value_or(0.002));
  depot.SetRaws(0.01);
  depot.Reset();
  depot.RunFor(options.duration.value_or(absl::Hours(6)));
  AddStore(*run);
  AddTraffic(*run, "all");
  AddObjects(*run);
  const size_t lost = depot.Lost();
  const double newest = depot.results().newest.Rate();
  depot.SetChurn(absl::InfiniteDuration());
  depot.SetGets(0);
  depot.SetRaws(0);
  depot.RunFor(kQuiet);
  depot.CheckAtRest(1);
  run->Add("objects lost, at rest", static_cast<double>(depot.Lost()), "");
  run->Require(lost == 0 && depot.Lost() == 0, "no acknowledged object is lost");
  run->Require(newest >= 0.9999, "99.99 % of gets bring the newest version");
  return run->Finish();
}

namespace {

// Faults of every kind, one after the other and at once, for some minutes.
void Torment(Depot& depot, Rng& dice) {
  const int steps = 8 + static_cast<int>(dice.Below(8));
  const int backup = static_cast<int>(dice.Below(4));
  for (int step = 0; step < steps; ++step) {
    if (step == backup) depot.Backup();
    switch (dice.Below(8)) {
      case 0:
      case 1:
        depot.CrashOne(absl::Seconds(2) + absl::Seconds(90) * dice.Unit(), Depot::Disk::kWhole);
        break;
      case 2:
        depot.CrashOne(absl::Seconds(2) + absl::Seconds(90) * dice.Unit(), Depot::Disk::kTorn);
        break;
      case 3:
        depot.CrashOne(absl::Seconds(2) + absl::Seconds(90) * dice.Unit(), Depot::Disk::kOld);
        break;
      case 4:
        depot.Split(true);
        depot.RunFor(absl::Seconds(10) + absl::Seconds(80) * dice.Unit());
        depot.Split(false);
        break;
      case 5:
        depot.KillShare(0.3 * dice.Unit(), true);
        break;
      default:
        break;  // only time passes, and people go on
    }
    depot.RunFor(absl::Seconds(30) * dice.Unit());
  }
}

}  // namespace

absl::StatusOr<Report> RunStoreFaults(const RunOptions& options) {
  SeededRng dice(options.seed * 9176 + 11);
  DepotOptions defaults;
  defaults.nodes = 12 + static_cast<int>(dice.Below(14));
  defaults.join_gap = absl::Milliseconds(300);
  defaults.link.loss = 0.05 * dice.Unit();
  defaults.link.duplication = 0.05 * dice.Unit();
  defaults.link.jitter = absl::Milliseconds(40) * dice.Unit();
  defaults.raws = 20;
  defaults.people = 5;
  defaults.change_every = absl::Seconds(20);
  defaults.clock_skew = absl::Seconds(20);
  defaults.census_every = absl::Seconds(10);
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        Begin("store-faults", options, defaults));
  Depot& depot = run->depot;
  depot.Grow();
  depot.RunFor(absl::Seconds(20));
  depot.Fill(absl::Seconds(20));
  depot.SetGets(options.lookups_per_second.value_or(0.05));
  depot.SetRaws(0.1);
  depot.SetRemovals(0.05);
  depot.RunFor(absl::Seconds(30));
  if (dice.Below(2) == 0) {
    depot.SetChurn(
        options.median_session.value_or(absl::Minutes(3) + absl::Minutes(12) * dice.Unit()));
  }
  if (dice.Below(4) == 0) depot.Lie();
  Torment(depot, dice);
  // Quiet: nobody dies, nothing is lost; people go on.
  depot.SetChurn(absl::InfiniteDuration());
  depot.SetRaws(0);
  depot.SetRemovals(0);
  depot.world().options().loss = 0;
  depot.world().options().duplication = 0;
  depot.RunFor(options.duration.value_or(kQuiet));
  depot.CheckAtRest(3);
  AddStore(*run);
  AddObjects(*run);
  return run->Finish();
}

}  // namespace p2pd::sim
