// Storage of the baseline on small rings: what is put is found, survives deaths, and one seed is
// one run; and its depot works as ours does.
#include "tests/sim/p2pd_sim/bamboo_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "tests/sim/p2pd_sim/bamboo_depot.h"
#include "tests/sim/p2pd_sim/depot.h"
#include "tests/sim/p2pd_sim/scenario_store.h"

namespace p2pd::sim {
namespace {

using bamboo::Client;
using bamboo::Tuple;

class Ring final : public BambooStoreListener, public Participant::Listener {
 public:
  explicit Ring(uint64_t seed, bool give_up = false)
      : world_(seed, WholeDatagrams()), rng_(seed + 500) {
    constexpr size_t kCount = 24;
    options_.store_listener = this;
    options_.give_up_at_first_rto = give_up;
    while (nodes_.size() < kCount) {
      Add();
      world_.RunFor(absl::Seconds(1));
    }
    world_.RunFor(absl::Minutes(1));
  }

  size_t Add() {
    std::vector<net::Endpoint> doors;
    if (!nodes_.empty()) doors.push_back(nodes_[Living()]->at());
    const ParticipantSpec spec{&world_, this, nodes_.size(), rng_.Next(), world_.NextEndpoint()};
    nodes_.push_back(std::make_unique<Bamboo2004>(spec, options_));
    nodes_.back()->Start(doors);
    return nodes_.size() - 1;
  }
  size_t Living() {
    while (true) {
      const size_t place = rng_.Below(nodes_.size());
      if (nodes_[place] && nodes_[place]->active()) return place;
    }
  }

  Tuple Make(uint64_t version = 1, uint32_t size = 700) {
    return Tuple{rng_.Make<overlay::Key>(), version, world_.now() + absl::Hours(5), size};
  }
  // Waits until it is done.
  Client::Done Put(const Tuple& tuple) { return Wait(Living(), &tuple, {}, false); }
  Client::Done Get(const overlay::Key& key, bool changes) {
    return Wait(Living(), nullptr, key, changes);
  }
  Client::Done GetAt(size_t place, const overlay::Key& key, bool changes) {
    return Wait(place, nullptr, key, changes);
  }

  // Nearest first, on either side of the key.
  std::vector<size_t> Replicas(const overlay::Key& key) const {
    std::vector<size_t> out;
    for (const bool up : {true, false}) {
      std::map<overlay::RingId, size_t> side;
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]) continue;
        const overlay::NodeId& id = nodes_[i]->id();
        side.emplace(up ? overlay::Clockwise(key, id) : overlay::Clockwise(id, key), i);
      }
      auto it = side.begin();
      for (int i = 0; i < 4; ++i, ++it) out.push_back(it->second);
    }
    std::sort(out.begin(), out.end(), [&](size_t a, size_t b) {
      return overlay::Nearer(key, nodes_[a]->id(), nodes_[b]->id());
    });
    return out;
  }
  std::set<size_t> Holders(const overlay::Key& key, uint64_t version = 1) const {
    std::set<size_t> out;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i]) continue;
      if (nodes_[i]->store().Find(world_.now(), key).version >= version) out.insert(i);
    }
    return out;
  }
  void Kill(size_t place) { nodes_[place].reset(); }
  World& world() { return world_; }
  Bamboo2004& node(size_t place) { return *nodes_[place]; }

  void OnDone(size_t place, const Client::Done& done) override {
    EXPECT_TRUE(done_.emplace(std::pair(place, done.operation), done).second);
  }
  void OnActive(size_t, bool) override {}
  void OnAnswer(size_t, uint64_t, const overlay::NodeId&, const net::Endpoint&, int) override {}
  void OnFailed(size_t, uint64_t) override {}

 private:
  static LinkOptions WholeDatagrams() {
    LinkOptions link;
    link.mtu = 65'507;
    return link;
  }
  Client::Done Wait(size_t place, const Tuple* tuple, const overlay::Key& key, bool changes) {
    Bamboo2004& node = *nodes_[place];
    const uint64_t operation = tuple != nullptr ? node.Put(*tuple) : node.Get(key, changes);
    node.Kick();
    const std::pair name(place, operation);
    EXPECT_TRUE(world_.RunUntil(absl::Seconds(61), [&] { return done_.count(name) != 0; }));
    return done_[name];
  }

  World world_;
  SeededRng rng_;
  BambooOptions options_;
  std::vector<std::unique_ptr<Bamboo2004>> nodes_;
  std::map<std::pair<size_t, uint64_t>, Client::Done> done_;
};

TEST(BambooStoreTest, WhatIsPutStandsOnTheFourOnEitherSideAndIsFound) {
  Ring ring(1);
  for (int i = 0; i < 30; ++i) {
    const Tuple tuple = ring.Make(1, i == 0 ? 20'000 : 700);
    EXPECT_TRUE(ring.Put(tuple).ok);
    EXPECT_GE(ring.Holders(tuple.key).size(), 1 + bamboo::Store::kRequiredAcks);
    ring.world().RunFor(absl::Seconds(1));
    const std::vector<size_t> replicas = ring.Replicas(tuple.key);
    EXPECT_EQ(ring.Holders(tuple.key), std::set<size_t>(replicas.begin(), replicas.end()));
    for (const bool changes : {false, true}) {
      const Client::Done got = ring.Get(tuple.key, changes);
      EXPECT_TRUE(got.ok);
      EXPECT_EQ(got.tuple.version, 1u);
      EXPECT_EQ(got.tuple.size, tuple.size);
    }
  }
}

TEST(BambooStoreTest, WhatWasNeverPutIsNotFound) {
  Ring ring(2);
  const overlay::Key key = ring.Make().key;
  EXPECT_FALSE(ring.Get(key, false).ok);
  EXPECT_FALSE(ring.Get(key, true).ok);
}

TEST(BambooStoreTest, TheNewestVersionIsReadAndAnOlderOneDoesNotComeBack) {
  Ring ring(3);
  Tuple tuple = ring.Make(1);
  const Tuple old = tuple;
  ring.Put(tuple);
  tuple.version = 2;
  ring.Put(tuple);
  EXPECT_EQ(ring.Get(tuple.key, true).tuple.version, 2u);
  ring.Put(old);
  EXPECT_EQ(ring.Get(tuple.key, true).tuple.version, 2u);
}

TEST(BambooStoreTest, AGetSurvivesTheDeathOfTheRoot) {
  Ring ring(4);
  const Tuple tuple = ring.Make();
  ASSERT_TRUE(ring.Put(tuple).ok);
  ring.world().RunFor(absl::Seconds(1));
  const std::vector<size_t> replicas = ring.Replicas(tuple.key);
  ring.Kill(replicas[0]);
  ring.Kill(replicas[1]);
  for (const bool changes : {false, true}) {
    const Client::Done got = ring.Get(tuple.key, changes);
    EXPECT_TRUE(got.ok);
    EXPECT_EQ(got.tuple.version, 1u);
  }
}

TEST(BambooStoreTest, FourThatHaveItAreEnoughWhereFourAreGone) {
  Ring ring(5);
  const Tuple tuple = ring.Make();
  ASSERT_TRUE(ring.Put(tuple).ok);
  ring.world().RunFor(absl::Seconds(1));
  // Others that have nothing stand in for four that died.
  const std::vector<size_t> replicas = ring.Replicas(tuple.key);
  for (size_t i = 0; i < 4; ++i) ring.Kill(replicas[i]);
  const Client::Done got = ring.Get(tuple.key, true);
  EXPECT_TRUE(got.ok);
  EXPECT_EQ(got.tuple.version, 1u);
}

TEST(BambooStoreTest, OfFiveThatAnswerTheNewestVersionCounts) {
  Ring ring(8, true);
  const Tuple tuple = ring.Make();
  ASSERT_TRUE(ring.Put(tuple).ok);
  ring.world().RunFor(absl::Seconds(1));
  const std::vector<size_t> replicas = ring.Replicas(tuple.key);
  // A later version that never reached the root and two more, whom nobody has missed yet.
  std::set<net::Endpoint> island;
  for (size_t i = 0; i < 3; ++i) island.insert(ring.node(replicas[i]).at());
  ring.world().SetPartition(island);
  Tuple later = tuple;
  later.version = 2;
  ring.node(replicas[3]).Put(later);
  ring.node(replicas[3]).Kick();
  ring.world().RunFor(absl::Seconds(3));
  EXPECT_EQ(ring.Holders(tuple.key, 2).count(replicas[0]), 0u);
  EXPECT_GE(ring.Holders(tuple.key, 2).size(), 4u);
  ring.world().SetPartition({});
  EXPECT_EQ(ring.GetAt(replicas[0], tuple.key, true).tuple.version, 2u);
}

TEST(BambooStoreTest, AntiEntropyBringsCopiesToWhoComesAndWhatIsElsewhereGoes) {
  Ring ring(6);
  std::vector<Tuple> tuples;
  // So many that the tree has branches.
  for (int i = 0; i < 600; ++i) {
    tuples.push_back(ring.Make(1, 100));
    ring.node(ring.Living()).Put(tuples.back());
    if (i % 50 == 49) ring.world().RunFor(absl::Seconds(1));
  }
  for (int i = 0; i < 4; ++i) ring.Kill(ring.Living());
  for (int i = 0; i < 4; ++i) ring.Add();
  ring.world().RunFor(absl::Minutes(10));
  size_t right = 0;
  for (const Tuple& tuple : tuples) {
    const std::vector<size_t> replicas = ring.Replicas(tuple.key);
    if (ring.Holders(tuple.key) == std::set<size_t>(replicas.begin(), replicas.end())) ++right;
  }
  EXPECT_EQ(right, tuples.size());
}

TEST(BambooStoreTest, WhatExpiredIsGone) {
  Ring ring(7);
  Tuple tuple = ring.Make();
  tuple.expires = ring.world().now() + absl::Seconds(20);
  ASSERT_TRUE(ring.Put(tuple).ok);
  EXPECT_TRUE(ring.Get(tuple.key, false).ok);
  ring.world().RunFor(absl::Minutes(1));
  EXPECT_FALSE(ring.Get(tuple.key, false).ok);
  for (size_t i = 0; i < 24; ++i) EXPECT_TRUE(ring.node(i).store().tuples().empty());
}

StoreCrowdOptions Small(uint64_t seed) {
  StoreCrowdOptions options;
  options.seed = seed;
  options.nodes = 30;
  options.raws = 40;
  options.people = 4;
  options.change_every = absl::Seconds(60);
  return options;
}

TEST(BambooDepotTest, AQuietRingAcknowledgesAndFindsEverything) {
  BambooDepot depot(Small(1), {}, MakeSyntheticLatency(1));
  depot.Grow();
  depot.RunFor(absl::Minutes(2));
  depot.Fill(absl::Seconds(30));
  depot.RunFor(absl::Minutes(1));
  depot.SetGets(0.2);
  depot.Reset();
  depot.RunFor(absl::Minutes(5));
  const StoreResults& results = depot.results();
  EXPECT_GT(results.immutable.total + results.changing.total, 1500u);
  EXPECT_EQ(results.immutable.Rate(), 1);
  EXPECT_EQ(results.changing.Rate(), 1);
  EXPECT_EQ(results.newest.Rate(), 1);
  EXPECT_EQ(results.puts.Rate(), 1);
  EXPECT_EQ(results.neighbours.Rate(), 1);
  EXPECT_EQ(depot.Due(), 52u);
  EXPECT_EQ(depot.Lost(), 0u);
  EXPECT_EQ(depot.ReplicasHeld(), 1);
}

TEST(BambooDepotTest, WhatAllKeepersTookWithThemIsLost) {
  BambooDepot depot(Small(2), {}, MakeSyntheticLatency(2));
  depot.Grow();
  depot.RunFor(absl::Minutes(2));
  depot.Fill(absl::Seconds(30));
  depot.RunFor(absl::Minutes(1));
  depot.KillShare(0.9, false);
  depot.RunFor(absl::Minutes(2));
  EXPECT_GT(depot.Lost(), 0u);
  EXPECT_LT(depot.Lost(), depot.Due());
}

// The same bytes are put, whatever protocol it is.
TEST(BambooDepotTest, TheObjectsOfPeopleAreAsLargeAsOurs) {
  DepotOptions options;
  options.nodes = 12;
  options.raws = 0;
  options.people = 3;
  Depot depot(options, MakeSyntheticLatency(3));
  depot.Grow();
  depot.RunFor(absl::Seconds(30));
  depot.Fill(absl::Seconds(10));
  depot.RunFor(absl::Seconds(30));
  std::map<store::ObjectKind, double> sizes;
  for (size_t i = 0; i < depot.nodes(); ++i) {
    store::MemoryTable& table = depot.host(i).table();
    for (const store::Key& key : table.KeysBetween(store::Key(), LastKey(), SIZE_MAX)) {
      for (const store::StoredRow& row : table.Find(key, std::nullopt)) {
        sizes[row.object.kind()] = static_cast<double>(row.object.bytes().size());
      }
    }
  }
  EXPECT_NEAR(sizes[wire::v1::OBJECT_KIND_AUTHENTICATION], BambooDepot::kCertificateBytes, 20);
  EXPECT_NEAR(sizes[wire::v1::OBJECT_KIND_USER_ENVIRONMENT], BambooDepot::kEnvironmentObjectBytes,
              20);
  EXPECT_NEAR(sizes[wire::v1::OBJECT_KIND_USER_STATE], BambooDepot::kStateBytes, 20);
}

TEST(BambooDepotTest, OneSeedIsOneRunAndTheReportHasOurRows) {
  RunOptions options;
  options.nodes = 30;
  options.duration = absl::Minutes(4);
  options.median_session = absl::Minutes(6);
  options.loss = 0.01;
  std::map<Protocol, Report> reports;
  for (const Protocol protocol :
       {Protocol::kP2pd, Protocol::kBamboo2004, Protocol::kBamboo2004FirstRto}) {
    options.protocol = protocol;
    reports[protocol] = *RunGets(options);
  }
  options.protocol = Protocol::kBamboo2004;
  EXPECT_EQ(RunGets(options)->trace_hash, reports[Protocol::kBamboo2004].trace_hash);
  options.seed = 2;
  EXPECT_NE(RunGets(options)->trace_hash, reports[Protocol::kBamboo2004].trace_hash);
  for (const auto& [protocol, report] : reports) {
    ASSERT_EQ(report.figures.size(), reports[Protocol::kP2pd].figures.size());
    for (size_t i = 0; i < report.figures.size(); ++i) {
      EXPECT_EQ(report.figures[i].name, reports[Protocol::kP2pd].figures[i].name);
    }
  }
}

}  // namespace
}  // namespace p2pd::sim
