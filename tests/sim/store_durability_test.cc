// What was acknowledged stays readable: nodes killed six at a time, one after the other, all at
// once with their tables, partitions, newcomers, second places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcore/store/carrier.h"
#include "tests/sim/store_host.h"

namespace p2pd::sim {
namespace {

using store::Object;

store::GetOptions RawOnly() {
  store::GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_RAW;
  return options;
}

class Durability : public testing::Test {
 protected:
  void Fill(StoreRing& ring, int count) {
    for (int i = 0; i < count; ++i) {
      objects.push_back(ring.Raw(200, {}, absl::Hours(24 * 6)));
      const store::PutDone put = ring.RandomActive()->Put(objects.back());
      ASSERT_TRUE(put.status.ok()) << put.status;
    }
  }
  bool EightCopies(const StoreRing& ring) const {
    for (const Object& object : objects) {
      if (ring.Copies(object.key(), object.kind()) < 8) return false;
    }
    return true;
  }
  // True when every replica of each object holds it, as the object's root sees them.
  bool AllReplicasHold(const StoreRing& ring) const {
    for (const Object& object : objects) {
      const auto set = ring.Nearest(object.key(), 1)[0]->node().ReplicaSet(object.key());
      for (const auto& host : ring.hosts) {
        if (!set || (host->up() && store::Contains(*set, host->id()) &&
                     host->table().Find(object.key(), object.kind()).empty())) {
          return false;
        }
      }
    }
    return true;
  }
  void ExpectAllReadable(StoreRing& ring) {
    for (const Object& object : objects) {
      const store::GetDone got = ring.RandomActive()->Get(object.key(), RawOnly());
      EXPECT_TRUE(got.status.ok())
          << got.status << ", copies " << ring.Copies(object.key(), object.kind());
    }
  }
  void KillRandom(StoreRing& ring, int count) {
    for (int i = 0; i < count; ++i) ring.RandomActive()->Crash();
  }
  std::vector<Object> objects;
};

// The issue's: 20 nodes, kill -9 of any 6 once 8 copies stand, everything readable, at once.
TEST_F(Durability, TwentyNodesSurviveTheLossOfAnySix) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    objects.clear();
    StoreRing ring(seed);
    ring.Grow(20);
    Fill(ring, 20);
    ASSERT_TRUE(ring.world.RunUntil(absl::Minutes(1), [&] { return EightCopies(ring); }));
    KillRandom(ring, 6);
    ExpectAllReadable(ring);
  }
}

// The worst six for one object: its six nearest nodes.
TEST_F(Durability, TheSixNearestNodesOfAnObjectDie) {
  StoreRing ring(21);
  ring.Grow(20);
  Fill(ring, 1);
  ASSERT_TRUE(ring.world.RunUntil(absl::Minutes(1), [&] { return EightCopies(ring); }));
  int killed = 0;
  for (const auto& host : ring.hosts) {
    if (killed < 6 && host->table().total_objects() != 0) {
      host->Crash();
      ++killed;
    }
  }
  ASSERT_EQ(killed, 6);
  ExpectAllReadable(ring);
}

// Six of fifty again and again, with time to repair in between: only repair keeps these alive.
TEST_F(Durability, RepairOutrunsLossOfMostNodes) {
  StoreRing ring(22);
  ring.Grow(50);
  Fill(ring, 25);
  for (int round = 0; round < 6; ++round) {
    ring.world.RunFor(absl::Minutes(1));
    KillRandom(ring, 6);
    ExpectAllReadable(ring);
  }
  ring.world.RunFor(absl::Minutes(2));
  EXPECT_TRUE(AllReplicasHold(ring));
}

// Newcomers take over what is theirs, and who is no replica any longer lets go after a while.
TEST_F(Durability, NewcomersTakeOverAndOldKeepersLetGo) {
  StoreRing ring(23);
  ring.Grow(10);
  Fill(ring, 10);
  ring.Grow(30);
  ring.world.RunFor(absl::Minutes(20));
  for (const Object& object : objects) {
    const int copies = ring.Copies(object.key(), object.kind());
    EXPECT_GE(copies, 8);
    EXPECT_LE(copies, 10);
    for (const StoreHost* host : ring.Nearest(object.key(), 2)) {
      EXPECT_FALSE(const_cast<StoreHost*>(host)->table().Find(object.key(), object.kind()).empty());
    }
  }
  ExpectAllReadable(ring);
}

// Power fails everywhere: the tables come back, and with them everything.
TEST_F(Durability, AllNodesRestartWithTheirTables) {
  StoreRing ring(24);
  ring.Grow(12);
  Fill(ring, 15);
  for (const auto& host : ring.hosts) host->Crash();
  ring.world.RunFor(absl::Minutes(5));
  for (const auto& host : ring.hosts) {
    host->Start(ring.Bootstrap());
    ring.world.RunFor(absl::Seconds(1));
  }
  ASSERT_TRUE(ring.Settle());
  ring.world.RunFor(absl::Seconds(20));
  ExpectAllReadable(ring);
}

// A put is acknowledged and every node dies at that moment: the acknowledged copies are on disk.
TEST_F(Durability, AcknowledgedMeansStored) {
  StoreRing ring(25);
  ring.Grow(16);
  const Object object = ring.Raw();
  const store::PutDone put = ring.hosts[3]->Put(object);
  ASSERT_TRUE(put.status.ok());
  ASSERT_GE(put.acks, 5);
  for (const auto& host : ring.hosts) host->Crash();
  int copies = 0;
  for (const auto& host : ring.hosts) copies += host->table().total_objects() != 0 ? 1 : 0;
  EXPECT_GE(copies, put.acks);
}

// A node that slept through newer versions does not bring the old one back.
TEST_F(Durability, AnOldTableDoesNotRollBack) {
  StoreRing ring(26);
  ring.Grow(12);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const auto version = [&](uint64_t sequence) {
    const absl::Time now = ring.world.wall_now();
    return *store::MakeUserEnvironment(key, Bytes(200, 7), store::Sequence(sequence),
                                       now + absl::Hours(24), now);
  };
  const Object first = version(1);
  ASSERT_TRUE(ring.hosts[0]->Put(first).status.ok());
  ring.world.RunFor(absl::Seconds(5));
  StoreHost* sleeper = ring.Nearest(first.key(), 1)[0];
  sleeper->Crash();
  ring.world.RunFor(absl::Seconds(30));
  ASSERT_TRUE(ring.RandomActive()->Put(version(2)).status.ok());
  sleeper->Start(ring.Bootstrap());
  ASSERT_TRUE(ring.Settle());
  for (int i = 0; i < 10; ++i) {
    const store::GetDone got = ring.RandomActive()->Get(first.key());
    ASSERT_TRUE(got.status.ok()) << got.status;
    EXPECT_EQ(got.objects.at(0).sequence(), store::Sequence(2));
  }
  ring.world.RunFor(absl::Minutes(3));
  ASSERT_FALSE(sleeper->table().Find(first.key(), std::nullopt).empty());
  EXPECT_EQ(sleeper->table().Find(first.key(), std::nullopt)[0].object.sequence(),
            store::Sequence(2));
}

// Two halves that could not talk agree again on the newest.
TEST_F(Durability, PartitionHealsToTheNewest) {
  StoreRing ring(27);
  ring.Grow(16);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const auto version = [&](uint64_t sequence) {
    const absl::Time now = ring.world.wall_now();
    return *store::MakeUserEnvironment(key, Bytes(200, 7), store::Sequence(sequence),
                                       now + absl::Hours(24), now);
  };
  ASSERT_TRUE(ring.hosts[0]->Put(version(1)).status.ok());
  std::set<net::Endpoint> island;
  for (size_t i = 0; i < 8; ++i) island.insert(ring.hosts[i]->at());
  ring.world.SetPartition(island);
  ring.world.RunFor(absl::Minutes(2));
  ASSERT_TRUE(ring.hosts[0]->Put(version(2)).status.ok());
  ring.world.SetPartition({});
  ring.world.RunFor(absl::Minutes(10));
  for (const auto& host : ring.hosts) {
    const store::GetDone got = host->Get(version(1).key());
    ASSERT_TRUE(got.status.ok()) << got.status;
    EXPECT_EQ(got.objects.at(0).sequence(), store::Sequence(2));
  }
}

// While all agree, comparing costs next to nothing.
TEST_F(Durability, AgreementIsCheap) {
  StoreRing ring(28);
  ring.Grow(20);
  Fill(ring, 20);
  ring.world.RunFor(absl::Minutes(15));
  uint64_t before = 0;
  for (const auto& host : ring.hosts) before += host->counters().Get("store.comparisons");
  ring.world.RunFor(absl::Minutes(10));
  uint64_t after = 0;
  for (const auto& host : ring.hosts) after += host->counters().Get("store.comparisons");
  // One in 32 s at most per node, on average one in 64.
  EXPECT_LE(after - before, 20u * 10u * 60u / 32u);
  EXPECT_GE(after - before, 20u * 3u);
}

}  // namespace
}  // namespace p2pd::sim
