#include "tests/sim/p2pd_sim/scenario_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/store_run.h"

namespace p2pd::sim {
namespace {

// Faults end so long before a check at rest: every neighbour was compared with meanwhile.
constexpr absl::Duration kQuiet = absl::Minutes(4);

}  // namespace

absl::StatusOr<Report> BeginReport(absl::string_view name, const RunOptions& options, int nodes) {
  if (options.protocol != Protocol::kP2pd) {
    return absl::UnimplementedError(absl::StrCat("--protocol ", NameOf(options.protocol),
                                                 ": only p2pd can play this scenario"));
  }
  return ReportOf(name, options, nodes);
}

Report ReportOf(absl::string_view name, const RunOptions& options, int nodes) {
  Report report;
  report.scenario = std::string(name.data(), name.size());
  report.protocol = NameOf(options.protocol);
  report.seed = options.seed;
  report.nodes = nodes;
  report.baseline = options.protocol != Protocol::kP2pd;
  return report;
}

namespace {

// What the table of targets asks of gets by the median session, of rings of its size.
void AddGetTargets(StoreRun& run, absl::Duration median, double maintenance) {
  constexpr int kNodes = 1000;
  if (run.report.nodes < kNodes) return;
  const Sample& immutable = run.crowd->results().immutable_latency;
  const Sample& changing = run.crowd->results().changing_latency;
  const bool hours = median >= absl::Minutes(47);
  const bool minutes = !hours && median >= absl::Minutes(6.2);
  const double mean = hours ? 75 : minutes ? 150 : 400;
  run.Add("target: maintenance, with the store", maintenance, "B/s a node",
          AtMost(hours     ? 250
                 : minutes ? 450
                           : 900));
  run.Add("target: get of an immutable object, mean", immutable.Mean(), "ms", AtMost(mean));
  run.Add("target: get of one that changes, mean", changing.Mean(), "ms", AtMost(2 * mean));
  if (hours) {
    run.Add("target: get of an immutable object, median", immutable.Quantile(0.5), "ms",
            AtMost(45));
  }
  if (!hours && !minutes) {
    run.Add("target: get of an immutable object, p99", immutable.Quantile(0.99), "ms",
            AtMost(2000));
  }
}

}  // namespace

// Gets and puts while nodes come and go: first without readers, for the cost of maintenance.
absl::StatusOr<Report> RunGets(const RunOptions& options) {
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        BeginStoreRun("gets", options, DepotOptions()));
  StoreCrowd& crowd = *run->crowd;
  const absl::Duration duration = options.duration.value_or(absl::Hours(1));
  run->Prepare();
  crowd.SetChurn(options.median_session.value_or(absl::Minutes(47)));
  crowd.RunFor(kStoreWarmUp);
  crowd.Reset();
  crowd.RunFor(duration / 4);
  AddStoreTraffic(*run, "maintenance");
  const double maintenance =
      static_cast<double>(crowd.results().bytes) / crowd.results().node_seconds;
  crowd.SetGets(options.lookups_per_second.value_or(0.02));
  crowd.SetRaws(0.1);
  crowd.Reset();
  crowd.RunFor(duration * 3 / 4);
  AddStore(*run);
  AddStoreTraffic(*run, "all");
  AddObjects(*run);
  AddGetTargets(*run, options.median_session.value_or(absl::Minutes(47)), maintenance);
  return run->Finish();
}

// 30 % of all machines are gone at once, and nobody takes their places.
absl::StatusOr<Report> RunMassDeathObjects(const RunOptions& options) {
  constexpr double kShare = 0.3;
  DepotOptions defaults;
  defaults.raws = 10'000;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        BeginStoreRun("mass-death-objects", options, defaults));
  StoreCrowd& crowd = *run->crowd;
  run->Prepare();
  const uint64_t before = crowd.Due();
  crowd.Reset();
  crowd.KillShare(kShare, false);
  crowd.RunFor(absl::Seconds(30));
  const uint64_t deaths = crowd.results().deaths;
  crowd.SetGets(options.lookups_per_second.value_or(0.05));
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Minutes(10)));
  AddStore(*run);
  AddObjects(*run);
  run->Add("nodes that died at once", static_cast<double>(deaths), "");
  run->Add("objects before", static_cast<double>(before), "");
  run->report.AddShare("objects lost, of those before", Proportion{crowd.Lost(), before},
                       AtMost(0.01));
  return run->Finish();
}

// Long churn with the tail of real sessions: nothing that was acknowledged may be lost.
absl::StatusOr<Report> RunDurability(const RunOptions& options) {
  DepotOptions defaults;
  defaults.nodes = 500;
  defaults.sessions = SessionKind::kWeibull;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<StoreRun> run,
                        BeginStoreRun("durability", options, defaults));
  StoreCrowd& crowd = *run->crowd;
  run->Prepare();
  crowd.SetChurn(options.median_session.value_or(absl::Hours(1)));
  crowd.SetGets(options.lookups_per_second.value_or(0.002));
  crowd.SetRaws(0.01);
  crowd.Reset();
  crowd.RunFor(options.duration.value_or(absl::Hours(6)));
  AddStore(*run);
  AddStoreTraffic(*run, "all");
  AddObjects(*run);
  const size_t lost = crowd.Lost();
  const Proportion newest = crowd.results().newest;
  crowd.SetChurn(absl::InfiniteDuration());
  crowd.SetGets(0);
  crowd.SetRaws(0);
  crowd.RunFor(kQuiet);
  crowd.CheckAtRest(1);
  run->Add("objects lost, at rest", static_cast<double>(crowd.Lost()), "");
  run->Add("objects lost, in all", static_cast<double>(lost + crowd.Lost()), "", AtMost(0));
  run->report.AddShare("gets of the newest version, in all", newest, AtLeast(99.99));
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
      case 6:
        depot.StepClocks(0.3 * dice.Unit());
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
  defaults.link.drift = 0.001 * dice.Unit();
  defaults.raws = 20;
  defaults.people = 5;
  defaults.change_every = absl::Seconds(20);
  defaults.clock_skew = absl::Seconds(20);
  defaults.census_every = absl::Seconds(10);
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<DepotRun> run,
                        BeginDepotRun("store-faults", options, defaults));
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
