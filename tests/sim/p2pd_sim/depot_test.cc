// The depot's ledger and checks see what is wrong, and see nothing where all is well.
#include "tests/sim/p2pd_sim/depot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcore/store/object_judge.h"
#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr absl::Duration kLife = absl::Hours(24);

struct LedgerTest : testing::Test {
  store::Object Version(uint64_t sequence) {
    return *store::MakeUserEnvironment(key, Bytes(100, 7), store::Sequence(sequence), now + kLife,
                                       now);
  }
  store::GetDone Got(const store::Object& object) {
    store::GetDone done;
    done.objects.push_back(object);
    return done;
  }
  absl::Time now = absl::FromUnixSeconds(1767225600);
  SeededRng rng{5};
  pki::Ed25519Key key = pki::Ed25519Key::Generate(rng);
  Ledger ledger;
};

TEST_F(LedgerTest, TellsTrueNewAndOldApart) {
  const store::Object first = Version(1);
  const store::Object second = Version(2);
  const size_t entry = ledger.Issue(first);
  EXPECT_EQ(ledger.Issue(second), entry);
  EXPECT_FALSE(ledger.Due(entry, now));
  ledger.Acknowledge(entry, store::Sequence(1));
  ledger.Acknowledge(entry, store::Sequence(2));
  ledger.Acknowledge(entry, store::Sequence(1));
  EXPECT_EQ(ledger.at(entry).acknowledged, store::Sequence(2));
  EXPECT_TRUE(ledger.Due(entry, now));
  EXPECT_FALSE(ledger.Due(entry, now + kLife));
  EXPECT_EQ(ledger.Judge(entry, {}, Got(second)).sequence, store::Sequence(2));
  EXPECT_EQ(ledger.Judge(entry, {}, Got(first)).wrong, "");
  EXPECT_THAT(ledger.Judge(entry, store::Sequence(2), Got(first)).wrong, HasSubstr("had seen 2"));
  EXPECT_FALSE(ledger.Judge(entry, {}, store::GetDone()).sequence.has_value());
}

TEST_F(LedgerTest, WhatWasNeverIssuedIsAForgery) {
  const size_t entry = ledger.Issue(Version(1));
  EXPECT_THAT(ledger.Judge(entry, {}, Got(Version(9))).wrong, HasSubstr("forgery"));
  // The same sequence with other contents.
  const auto other =
      *store::MakeUserEnvironment(key, Bytes(100, 8), store::Sequence(1), now + kLife, now);
  EXPECT_THAT(ledger.Judge(entry, {}, Got(other)).wrong, HasSubstr("forgery"));
}

TEST_F(LedgerTest, KnowsBothPlacesAndForgetsWhatExpired) {
  const store::Object object = Version(1);
  const size_t entry = ledger.Issue(object);
  const auto found = ledger.Find(object.key(), object.kind(), object.slot());
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->first, entry);
  EXPECT_FALSE(found->second);
  EXPECT_FALSE(ledger.Find(store::SecondPlace(object.key()), object.kind(), object.slot()));
  ledger.Expire(now + kLife + absl::Hours(1));
  EXPECT_THAT(ledger.at(entry).issued, IsEmpty());
}

DepotOptions Small(uint64_t seed) {
  DepotOptions options;
  options.seed = seed;
  options.nodes = 20;
  options.raws = 10;
  options.people = 3;
  options.change_every = absl::Seconds(30);
  return options;
}

struct DepotTest : testing::Test {
  void Begin(uint64_t seed) {
    depot = std::make_unique<Depot>(Small(seed), MakeSyntheticLatency(seed));
    depot->Grow();
    depot->RunFor(absl::Seconds(30));
    depot->Fill(absl::Seconds(20));
    depot->RunFor(absl::Minutes(1));
  }
  // The entry of this kind, and what every node keeps of it at its key.
  size_t EntryOf(store::ObjectKind kind) {
    size_t entry = 0;
    while (depot->ledger().at(entry).kind != kind) ++entry;
    return entry;
  }
  template <class F>
  void ForEachRow(const Ledger::Entry& e, F f) {
    for (size_t i = 0; i < depot->nodes(); ++i) {
      store::MemoryTable& table = depot->host(i).table();
      for (const store::StoredRow& row : table.Find(e.key, e.kind)) f(table, row);
    }
  }
  std::unique_ptr<Depot> depot;
};

TEST_F(DepotTest, AQuietRingAcknowledgesAndFindsEverything) {
  Begin(1);
  depot->SetGets(0.5);
  depot->Reset();
  depot->RunFor(absl::Minutes(3));
  EXPECT_GT(depot->results().immutable.total, 500u);
  EXPECT_EQ(depot->results().immutable.Rate(), 1);
  EXPECT_EQ(depot->results().changing.Rate(), 1);
  EXPECT_EQ(depot->results().newest.Rate(), 1);
  EXPECT_EQ(depot->results().puts.Rate(), 1);
  EXPECT_GT(depot->results().puts.total, 10u);
  EXPECT_EQ(depot->Due(), 19u);
  depot->CheckAtRest(2);
  EXPECT_THAT(depot->Violations(), IsEmpty());
  EXPECT_EQ(depot->Lost(), 0u);
}

TEST_F(DepotTest, SeesWhatIsLost) {
  Begin(2);
  const Ledger::Entry& e = depot->ledger().at(EntryOf(wire::v1::OBJECT_KIND_RAW));
  ForEachRow(e, [](store::MemoryTable& table, const store::StoredRow& row) {
    ASSERT_TRUE(table.Erase(row.place, row.object.kind(), row.object.slot()).ok());
  });
  depot->RunFor(absl::Minutes(2));
  EXPECT_EQ(depot->Lost(), 1u);
}

TEST_F(DepotTest, SeesAVersionThatIsHeldByWhoIsNotAsked) {
  // The replicas lose it; a node far away has it, and brings it to them when it next looks through
  // what it has: not with every seed before somebody reads.
  std::vector<std::string> seen;
  for (uint64_t seed = 3; seed < 8 && seen.empty(); ++seed) {
    Begin(seed);
    const Ledger::Entry& e = depot->ledger().at(EntryOf(wire::v1::OBJECT_KIND_RAW));
    std::optional<store::StoredRow> copy;
    ForEachRow(e, [&](store::MemoryTable& table, const store::StoredRow& row) {
      copy = row;
      ASSERT_TRUE(table.Erase(row.place, row.object.kind(), row.object.slot()).ok());
    });
    ASSERT_TRUE(copy.has_value());
    size_t farthest = 0;
    for (size_t i = 1; i < depot->nodes(); ++i) {
      if (overlay::Nearer(e.key, depot->host(farthest).id(), depot->host(i).id())) farthest = i;
    }
    ASSERT_TRUE(depot->host(farthest).table().Insert(*copy).ok());
    depot->CheckAtRest(2);
    seen = depot->Violations();
  }
  EXPECT_THAT(seen, Contains(HasSubstr("lives and is not found")));
}

TEST_F(DepotTest, SeesAForgeryOnAnHonestDisk) {
  Begin(4);
  const Ledger::Entry& e = depot->ledger().at(EntryOf(wire::v1::OBJECT_KIND_USER_ENVIRONMENT));
  bool forged = false;
  ForEachRow(e, [&](store::MemoryTable& table, store::StoredRow row) {
    wire::v1::StoredObject stored;
    wire::v1::UserEnvironmentBody body;
    ASSERT_TRUE(stored.ParseFromString(ToText(row.object.bytes())));
    ASSERT_TRUE(body.ParseFromString(stored.body()));
    body.set_sequence(body.sequence() + 1000);
    stored.set_body(body.SerializeAsString());
    row.object = *store::ParseStored(ToBytes(stored.SerializeAsString()));
    if (!forged) {
      ASSERT_TRUE(table.Insert(row).ok());
    }
    forged = true;
  });
  depot->RunFor(absl::Minutes(2));
  EXPECT_THAT(depot->Violations(), Contains(HasSubstr("keeps a forgery")));
}

TEST_F(DepotTest, DeathsAreReplacedAndWhatCrashedComesBackWithItsDisk) {
  Begin(5);
  depot->SetChurn(absl::Minutes(10));
  depot->CrashOne(absl::Seconds(30), Depot::Disk::kWhole);
  depot->CrashOne(absl::Seconds(30), Depot::Disk::kTorn);
  depot->Reset();
  depot->RunFor(absl::Minutes(10));
  EXPECT_GT(depot->results().deaths, 4u);
  EXPECT_NEAR(depot->results().node_seconds, 20 * 600, 200);
  depot->SetChurn(absl::InfiniteDuration());
  depot->RunFor(absl::Minutes(5));
  EXPECT_EQ(depot->active(), 20u);
  depot->CheckAtRest(2);
  EXPECT_THAT(depot->Violations(), IsEmpty());
}

TEST(StoreScenarioTest, OneSeedIsOneRun) {
  RunOptions options;
  options.seed = 3;
  options.duration = absl::Seconds(20);
  const Scenario* faults = FindScenario("store-faults");
  ASSERT_NE(faults, nullptr);
  const auto first = faults->run(options);
  const auto again = faults->run(options);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->trace_hash, again->trace_hash);
  EXPECT_EQ(AsTable(*first), AsTable(*again));
}

TEST(StoreScenarioTest, OnlyOursIsAttacked) {
  RunOptions options;
  options.protocol = Protocol::kBamboo2004;
  EXPECT_TRUE(absl::IsUnimplemented(FindScenario("attackers")->run(options).status()));
  EXPECT_TRUE(absl::IsUnimplemented(FindScenario("watchers")->run(options).status()));
}

}  // namespace
}  // namespace p2pd::sim
