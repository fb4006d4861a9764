#include "tests/sim/p2pd_sim/crowd_run.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/machines.h"

namespace p2pd::sim {

absl::StatusOr<std::unique_ptr<CrowdRun>> BeginCrowdRun(absl::string_view name,
                                                        const RunOptions& options,
                                                        CrowdOptions crowd) {
  crowd.seed = options.seed;
  crowd.protocol = options.protocol;
  crowd.nodes = options.nodes.value_or(crowd.nodes);
  if (!options.churn.empty()) {
    P2PD_ASSIGN_OR_RETURN(crowd.trace, ReadChurnTrace(options.churn));
    crowd.nodes = static_cast<int>(crowd.trace->machines);
  }
  crowd.sessions = options.sessions.value_or(crowd.sessions);
  SetLink(options, crowd.link);
  crowd.broken_pairs = options.broken_pairs.value_or(crowd.broken_pairs);
  crowd.translated = options.translated.value_or(crowd.translated);
  crowd.lookups_per_second = options.lookups_per_second.value_or(crowd.lookups_per_second);
  std::unique_ptr<LatencyModel> latency;
  if (options.latency == "synthetic") {
    latency = MakeSyntheticLatency(options.seed);
  } else {
    P2PD_ASSIGN_OR_RETURN(latency, ReadLatencyMatrix(options.latency));
  }
  return std::make_unique<CrowdRun>(name, options, crowd, std::move(latency));
}

void CrowdRun::Rest() {
  measured = crowd.world().trace_hash();
  const Instant from = crowd.world().now();
  crowd.Rest(kRest);
  Add("at rest: until all is right, at most 180", absl::ToDoubleSeconds(crowd.world().now() - from),
      "s");
  Add("at rest: wrong leaf sets", static_cast<double>(crowd.WrongNeighbours(8)), "", AtMost(0));
  Add("at rest: keys without one root", static_cast<double>(crowd.KeysWithoutOneRoot()), "",
      AtMost(0));
}

Report CrowdRun::Finish() {
  const RingWatch& watch = crowd.watch();
  Add("watch: leaf sets", static_cast<double>(watch.leaf_sets()), "");
  Add("watch: leaf sets that break a rule", static_cast<double>(watch.broken_leaf_sets()), "",
      AtMost(0));
  Add("watch: prefix tables", static_cast<double>(watch.tables()), "");
  Add("watch: prefix tables that break a rule", static_cast<double>(watch.broken_tables()), "",
      AtMost(0));
  if (!watch.first_broken().empty()) Require(false, watch.first_broken());
  const auto add = [&](const RingWatch::Fault& fault, absl::string_view how_many,
                       std::optional<Limit> long_ones) {
    report.AddShare(absl::StrCat("watch: keys with ", how_many), fault.seen());
    Add(absl::StrCat("watch: the same key with ", how_many, " for 30 s"),
        static_cast<double>(fault.long_ones()), "", long_ones);
    Add(absl::StrCat("watch: the longest time with ", how_many),
        absl::ToDoubleSeconds(fault.longest()), "s");
  };
  const std::optional<Limit> none_long = splits ? std::nullopt : std::optional(AtMost(0));
  add(watch.two_roots(), "two roots", none_long);
  add(watch.no_root(), "no root", none_long);
  report.trace_hash = measured.value_or(crowd.world().trace_hash());
  return std::move(report);
}

void AddLookups(CrowdRun& run) {
  CrowdResults& results = run.crowd.results();
  run.Add("lookups", static_cast<double>(results.completed.total), "");
  run.Require(results.completed.total > 0, "some lookup ended: without any nothing is known");
  run.report.AddProportion("lookups completed", results.completed);
  run.report.AddProportion("lookups completed, raw", results.raw);
  run.report.AddShare("lookups completed by the first datagram's way", results.first);
  run.report.AddProportion("answers consistent", results.consistent);
  run.report.AddShare("answers by the root", results.right);
  run.Add("lookup latency, mean", results.latency.Mean(), "ms");
  run.Add("lookup latency, median", results.latency.Quantile(0.5), "ms");
  run.Add("lookup latency, p99", results.latency.Quantile(0.99), "ms");
  run.Add("direct round trip, mean", results.direct.Mean(), "ms");
  run.Add("stretch of the means", results.latency.Mean() / results.direct.Mean(), "");
  run.Add("stretch, mean of ratios", results.stretch.Mean(), "");
  run.Add("stretch, median", results.stretch.Quantile(0.5), "");
  run.Add("hops, mean", results.hops.Mean(), "");
  run.Add("hops, most", results.hops.Quantile(1), "");
  run.report.latency = results.latency;
}

void AddTraffic(CrowdRun& run, absl::string_view what) {
  const CrowdResults& results = run.crowd.results();
  run.Add(absl::StrCat(what, ", bytes"), static_cast<double>(results.bytes) / results.node_seconds,
          "B/s a node");
  run.Add(absl::StrCat(what, ", datagrams"),
          static_cast<double>(results.datagrams) / results.node_seconds, "/s a node");
  const std::array<absl::string_view, overlay::kPurposes> purposes = {
      "membership", "prefix table", "probes", "requests", "answers", "events"};
  double named = 0;
  const auto add = [&](absl::string_view purpose, double bytes, uint64_t count) {
    named += bytes;
    run.Add(absl::StrCat(what, ", ", purpose), bytes / results.node_seconds, "B/s a node");
    if (count == 0) return;
    run.Add(absl::StrCat(what, ", ", purpose, ", number"),
            static_cast<double>(count) / results.node_seconds, "/s a node");
  };
  for (size_t i = 0; i < purposes.size(); ++i) {
    const overlay::Traffic::Sum& sum = results.traffic.messages[i];
    add(purposes[i], static_cast<double>(sum.bytes), sum.count);
  }
  const overlay::Traffic::Sum& handshakes = results.traffic.handshakes;
  const overlay::Traffic::Sum& letters = results.traffic.letters;
  add("letters", static_cast<double>(letters.bytes + letters.count * kDatagramHeaders),
      letters.count);
  add("handshakes", static_cast<double>(handshakes.bytes + handshakes.count * kDatagramHeaders),
      handshakes.count);
  add("packets round messages, acknowledgements, pings", static_cast<double>(results.bytes) - named,
      results.traffic.packets.count);
}

}  // namespace p2pd::sim
