#include "tests/sim/p2pd_sim/store_run.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/bamboo_depot.h"
#include "tests/sim/p2pd_sim/scenario_store.h"

namespace p2pd::sim {
namespace {

void AddLatency(StoreRun& run, absl::string_view what, const Sample& sample) {
  run.Add(absl::StrCat(what, ", mean"), sample.Mean(), "ms");
  run.Add(absl::StrCat(what, ", median"), sample.Quantile(0.5), "ms");
  run.Add(absl::StrCat(what, ", p99"), sample.Quantile(0.99), "ms");
}

}  // namespace

void StoreRun::Prepare() {
  crowd->Grow();
  crowd->RunFor(kRingSettle);
  crowd->Fill(kFill);
  crowd->RunFor(kFill + kStoreWarmUp);
}

Report StoreRun::Finish() {
  for (const std::string& text : crowd->Violations()) report.Require(false, text);
  report.trace_hash = crowd->world().trace_hash();
  return std::move(report);
}

namespace {

DepotOptions WithCommandLine(const RunOptions& options, DepotOptions depot) {
  depot.seed = options.seed;
  depot.nodes = options.nodes.value_or(depot.nodes);
  depot.sessions = options.sessions.value_or(depot.sessions);
  SetLink(options, depot.link);
  depot.broken_pairs = options.broken_pairs.value_or(depot.broken_pairs);
  return depot;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreRun>> BeginStoreRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        DepotOptions depot) {
  depot = WithCommandLine(options, depot);
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<LatencyModel> latency,
                        MakeLatency(options.latency, options.seed));
  std::unique_ptr<StoreCrowd> crowd;
  if (options.protocol == Protocol::kP2pd) {
    crowd = std::make_unique<Depot>(depot, std::move(latency));
  } else {
    BambooOptions node;
    node.give_up_at_first_rto = options.protocol == Protocol::kBamboo2004FirstRto;
    crowd = std::make_unique<BambooDepot>(depot, node, std::move(latency));
  }
  return std::make_unique<StoreRun>(ReportOf(name, options, depot.nodes), std::move(crowd));
}

absl::StatusOr<std::unique_ptr<DepotRun>> BeginDepotRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        DepotOptions depot) {
  depot = WithCommandLine(options, depot);
  P2PD_ASSIGN_OR_RETURN(Report report, BeginReport(name, options, depot.nodes));
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<LatencyModel> latency,
                        MakeLatency(options.latency, options.seed));
  return std::make_unique<DepotRun>(std::move(report),
                                    std::make_unique<Depot>(depot, std::move(latency)));
}

void AddStoreTraffic(StoreRun& run, absl::string_view what) {
  const StoreResults& results = run.crowd->results();
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
  const StoreResults& results = run.crowd->results();
  run.Add("gets", static_cast<double>(results.immutable.total + results.changing.total), "");
  Report& report = run.report;
  report.AddProportion("gets that found, immutable", results.immutable);
  report.AddProportion("gets that found, changing", results.changing);
  report.AddProportion("gets of the newest version", results.newest);
  AddLatency(run, "get of an immutable object", results.immutable_latency);
  AddLatency(run, "get of one that changes", results.changing_latency);
  run.Add("puts", static_cast<double>(results.puts.total), "");
  report.AddProportion("puts acknowledged", results.puts);
  AddLatency(run, "put", results.put_latency);
  run.Add("nodes that died", static_cast<double>(results.deaths), "");
  report.AddShare("nodes that know their neighbours", results.neighbours);
  run.Add("stored", run.crowd->StoredBytes(), "B a node");
  report.latency = results.immutable_latency;
  report.latency_of = "get of an immutable object";
}

void AddObjects(StoreRun& run) {
  run.Add("objects", static_cast<double>(run.crowd->Due()), "");
  run.Add("objects lost", static_cast<double>(run.crowd->Lost()), "");
  run.Add("copies that stand where they should", 100 * run.crowd->ReplicasHeld(), "%");
}

}  // namespace p2pd::sim
