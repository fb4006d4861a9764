// Attackers among the nodes: many everywhere, many in one network, a few round one key.
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/machines.h"
#include "tests/sim/p2pd_sim/scenario_store.h"
#include "tests/sim/p2pd_sim/store_run.h"

namespace p2pd::sim {
namespace {

// They lie so long before anything is counted: tables and leaf sets have taken up what they say.
constexpr absl::Duration kLying = absl::Minutes(5);
constexpr double kGets = 0.02;  // a node and second

void AddDeeds(DepotRun& run) {
  const Conspiracy::Deeds& deeds = run.depot.conspiracy().deeds();
  const auto add = [&](absl::string_view what, uint64_t count) {
    run.Add(absl::StrCat("attackers: ", what), static_cast<double>(count), "");
  };
  add("requests dropped", deeds.dropped);
  add("requests answered as the root", deeds.false_roots);
  add("lists of neighbours forged", deeds.false_lists);
  add("deaths invented", deeds.false_deaths);
  add("joins invented", deeds.false_joins);
  add("honest nodes left out of hints", deeds.left_out);
  add("'not found' said", deeds.not_found);
  add("old versions served", deeds.stale);
  add("forgeries served", deeds.forged);
  add("puts acknowledged and not kept", deeds.false_acks);
}

Proportion Found(const StoreResults& results) {
  return {results.immutable.good + results.changing.good,
          results.immutable.total + results.changing.total};
}

}  // namespace

absl::StatusOr<Report> RunAttackers(const RunOptions& options) {
  DepotOptions defaults;
  defaults.attackers = options.attackers.value_or(0.2);
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<DepotRun> run,
                        BeginDepotRun("attackers", options, defaults));
  Depot& depot = run->depot;
  run->Prepare();
  depot.WakeAttackers();
  if (options.median_session) depot.SetChurn(*options.median_session);
  depot.RunFor(kLying);
  depot.SetGets(options.lookups_per_second.value_or(kGets));
  depot.Reset();
  depot.RunFor(options.duration.value_or(absl::Minutes(10)));
  AddStore(*run);
  const Proportion found = Found(depot.results());
  run->Add("attackers", 100 * defaults.attackers, "%");
  // Up to a fifth, and up to a quarter of all.
  run->report.AddShare("target: gets that found", found,
                       AtLeast(defaults.attackers <= 0.2 ? 99 : 97));
  run->report.AddProportion("gets that found", found);
  run->Add("gets of an older version, no honest answer",
           static_cast<double>(depot.results().rolled_back), "");
  for (const auto& [why, count] : depot.results().unread) {
    run->Add(absl::StrCat("unread: ", why), static_cast<double>(count), "");
  }
  AddDeeds(*run);
  return run->Finish();
}

absl::StatusOr<Report> RunSybil(const RunOptions& options) {
  constexpr int kKeys = 1000;
  constexpr size_t kMostOfEight = 2;
  DepotOptions defaults;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<DepotRun> run,
                        BeginDepotRun("sybil", options, defaults));
  Depot& depot = run->depot;
  run->Prepare();
  // One half as many as there are honest nodes.
  const auto sybils = static_cast<uint32_t>(run->report.nodes / 2);
  for (uint32_t i = 0; i < sybils; ++i) {
    depot.AddAttacker(EndpointInOneNetwork(i, 0), std::nullopt);
    depot.RunFor(absl::Milliseconds(100));
  }
  depot.RunFor(kRingSettle + kStoreWarmUp);
  const net::IpAddress network = net::WideNetworkOf(EndpointInOneNetwork(0, 0).address);
  const auto sets = depot.ReplicasFrom(
      [&](const net::Endpoint& at) { return net::WideNetworkOf(at.address) == network; }, kKeys);
  double all = 0;
  double held = 0;
  size_t most = 0;
  for (const auto& [count, times] : sets) {
    all += static_cast<double>(times);
    held += static_cast<double>(count * times);
    most = std::max(most, count);
  }
  run->Add("ids in one /16", sybils, "");
  run->Add("replica sets looked at", all, "");
  run->Add("replicas in the /16, mean of a set", held / std::max(1.0, all), "");
  run->Add("replicas in the /16, most of a set", static_cast<double>(most), "",
           AtMost(kMostOfEight));
  depot.SetGets(options.lookups_per_second.value_or(kGets));
  depot.WakeAttackers();
  depot.RunFor(absl::Minutes(1));
  depot.Reset();
  depot.RunFor(options.duration.value_or(absl::Minutes(5)));
  run->report.AddShare("gets that found while they lie", Found(depot.results()));
  AddStore(*run);
  AddDeeds(*run);
  return run->Finish();
}

namespace {

// Identities between the honest neighbours of the key, as many above it as below.
std::vector<overlay::NodeKeys> Grind(Rng& rng, const store::Key& key, const overlay::NodeId& below,
                                     const overlay::NodeId& above, int count) {
  std::vector<overlay::NodeKeys> out;
  for (int up = 0; up < 2; ++up) {
    const overlay::RingId room =
        up == 1 ? overlay::Clockwise(key, above) : overlay::Clockwise(below, key);
    for (int found = 0; found < count / 2;) {
      overlay::NodeKeys keys{pki::Ed25519Key::Generate(rng), pki::X25519Key::Generate(rng)};
      const overlay::NodeId id = overlay::NodeIdOf(keys.signing_key.public_key());
      const overlay::RingId away =
          up == 1 ? overlay::Clockwise(key, id) : overlay::Clockwise(id, key);
      if (!(away < room)) continue;
      out.push_back(std::move(keys));
      ++found;
    }
  }
  return out;
}

}  // namespace

// Twenty ids beside each of some keys, one of each kind: some from one network, some from twenty.
absl::StatusOr<Report> RunEclipse(const RunOptions& options) {
  constexpr int kIds = 20;
  DepotOptions defaults;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<DepotRun> run,
                        BeginDepotRun("eclipse", options, defaults));
  Depot& depot = run->depot;
  run->Prepare();
  SeededRng rng(options.seed * 57 + 3);
  struct Target {
    size_t entry = 0;
    bool one_network = false;
  };
  std::vector<Target> targets;
  std::vector<size_t> entries;
  for (const store::ObjectKind kind :
       {wire::v1::OBJECT_KIND_RAW, wire::v1::OBJECT_KIND_USER_ENVIRONMENT,
        wire::v1::OBJECT_KIND_AUTHENTICATION, wire::v1::OBJECT_KIND_USER_STATE}) {
    bool one_network = true;
    for (size_t i = 0; i < depot.ledger().size(); ++i) {
      if (depot.ledger().at(i).kind != kind || !depot.IsDue(i)) continue;
      targets.push_back({i, one_network});
      entries.push_back(i);
      if (!one_network) break;
      one_network = false;
    }
  }
  uint32_t number = 0;
  for (const Target& target : targets) {
    const store::Key key = depot.ledger().at(target.entry).key;
    const auto [below, above] = depot.NeighboursOf(key);
    for (overlay::NodeKeys& keys : Grind(rng, key, below, above, kIds)) {
      const auto at =
          target.one_network ? std::optional(EndpointInOneNetwork(number++, 0)) : std::nullopt;
      depot.AddAttacker(at, std::move(keys));
      depot.RunFor(absl::Milliseconds(200));
    }
  }
  // They serve the ring as they should for a while, so that it hands over to them.
  depot.RunFor(kRingSettle + kStoreWarmUp);
  depot.WakeAttackers();
  depot.RunFor(kLying);
  depot.SetTargets(entries);
  depot.SetGets(options.lookups_per_second.value_or(kGets));
  depot.Reset();
  depot.RunFor(options.duration.value_or(absl::Minutes(10)));
  Proportion diverse;
  Proportion second;
  for (const Target& target : targets) {
    const Ledger::Entry& e = depot.ledger().at(target.entry);
    const auto found = depot.found().find(target.entry);
    const Proportion rate = found == depot.found().end() ? Proportion() : found->second;
    run->report.AddShare(absl::StrCat("read, ", e.Name().substr(0, e.Name().find(' ')), ", ids in ",
                                      target.one_network ? "one /16" : "20 networks"),
                         rate);
    const bool two_places = store::HasSecondPlace(e.kind);
    if (!target.one_network && !two_places) continue;
    Proportion& sum = target.one_network ? diverse : second;
    sum += rate;
  }
  run->report.AddShare("the key is read, ids in one /16", diverse, AtLeast(99));
  run->report.AddShare("the key is read, ids in 20 networks, two places", second, AtLeast(99));
  AddStore(*run);
  AddDeeds(*run);
  return run->Finish();
}

}  // namespace p2pd::sim
