// Puts and gets on the simulated network: rings of 1, 2, 8 and 50 nodes, small and large objects,
// removal, rollback, notifications.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/sim/store_host.h"

namespace p2pd::sim {
namespace {

using store::GetOptions;
using store::Object;
using testing::AllOf;
using testing::Ge;
using testing::Le;
using testing::SizeIs;

GetOptions RawOnly() {
  GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_RAW;
  return options;
}

Object Environment(StoreRing& ring, const pki::Ed25519Key& key, uint64_t sequence,
                   size_t size = 200) {
  const absl::Time now = ring.world.wall_now();
  return *store::MakeUserEnvironment(key, Bytes(size, 7), store::Sequence(sequence),
                                     now + absl::Hours(24), now);
}

class RingOf : public testing::TestWithParam<int> {};

TEST_P(RingOf, EveryNodeReadsWhatAnyNodePut) {
  StoreRing ring(7);
  ring.Grow(GetParam());
  ring.world.RunFor(absl::Seconds(10));
  const int expected = std::min(GetParam(), 8);
  for (int i = 0; i < 5; ++i) {
    const Object object = ring.Raw();
    const store::PutDone put = ring.RandomActive()->Put(object);
    ASSERT_TRUE(put.status.ok()) << put.status;
    EXPECT_THAT(put.acks, AllOf(Ge(std::min(5, expected)), Le(8)));
    EXPECT_EQ(put.replicas, expected);
    for (const auto& host : ring.hosts) {
      const store::GetDone got = host->Get(object.key(), RawOnly());
      ASSERT_TRUE(got.status.ok()) << got.status;
      ASSERT_THAT(got.objects, SizeIs(1));
      EXPECT_EQ(got.objects[0].digest(), object.digest());
      EXPECT_TRUE(got.from.has_value());
    }
    ring.world.RunFor(absl::Seconds(3));
    EXPECT_EQ(ring.Copies(object.key(), wire::v1::OBJECT_KIND_RAW), expected);
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, RingOf, testing::Values(1, 2, 5, 8, 20, 25, 50));

TEST(StorePutGet, ReplicasThatCannotTalkKeepTheSameObjects) {
  StoreRing ring(11);
  ring.Grow(20);
  // Each cannot talk with the next two on the ring.
  std::vector<StoreHost*> order;
  for (const auto& host : ring.hosts) order.push_back(host.get());
  std::sort(order.begin(), order.end(),
            [](const StoreHost* a, const StoreHost* b) { return a->id() < b->id(); });
  for (size_t i = 0; i < order.size(); i += 3) {
    for (size_t j = i + 1; j < std::min(i + 3, order.size()); ++j) {
      ring.world.BreakPair(order[i]->at(), order[j]->at());
    }
  }
  ring.world.RunFor(absl::Minutes(2));
  for (int i = 0; i < 10; ++i) {
    const Object object = ring.Raw();
    const store::PutDone put = ring.RandomActive()->Put(object);
    ASSERT_TRUE(put.status.ok()) << put.status;
    EXPECT_EQ(put.replicas, 8);
    ring.world.RunFor(absl::Seconds(3));
    EXPECT_EQ(ring.Copies(object.key(), wire::v1::OBJECT_KIND_RAW), 8);
    for (const auto& host : ring.hosts) {
      const store::GetDone got = host->Get(object.key(), RawOnly());
      ASSERT_TRUE(got.status.ok()) << got.status;
      ASSERT_THAT(got.objects, SizeIs(1));
    }
  }
}

TEST(StorePutGet, LargestObjectTravels) {
  StoreRing ring(8);
  ring.Grow(20);
  const Object object = ring.Raw(store::kMaxObject - 100);
  const store::PutDone put = ring.hosts[3]->Put(object);
  ASSERT_TRUE(put.status.ok()) << put.status;
  const store::GetDone got = ring.hosts[17]->Get(object.key(), RawOnly());
  ASSERT_TRUE(got.status.ok()) << got.status;
  ASSERT_THAT(got.objects, SizeIs(1));
  EXPECT_EQ(got.objects[0].bytes(), object.bytes());
}

TEST(StorePutGet, ManyLargeValuesUnderOneKeyAllArrive) {
  StoreRing ring(9);
  ring.Grow(12);
  const store::Key key = ring.rng.Make<store::Key>();
  const absl::Time now = ring.world.wall_now();
  for (int i = 0; i < 4; ++i) {
    const Object object =
        *store::MakeRaw(key, Bytes(40000, static_cast<uint8_t>(i)), {}, now + absl::Hours(1), now);
    ASSERT_TRUE(ring.RandomActive()->Put(object).status.ok());
  }
  GetOptions options;  // all kinds: all replicas are asked, and what does not fit is fetched
  options.timeout = absl::Seconds(10);
  const store::GetDone got = ring.RandomActive()->Get(key, options);
  ASSERT_TRUE(got.status.ok()) << got.status;
  EXPECT_THAT(got.objects, SizeIs(4));
}

TEST(StorePutGet, NothingThereIsSaidByAllReplicas) {
  StoreRing ring(10);
  ring.Grow(30);
  const store::GetDone got = ring.RandomActive()->Get(ring.rng.Make<store::Key>(), RawOnly());
  EXPECT_EQ(got.status.code(), absl::StatusCode::kNotFound) << got.status;
  EXPECT_GE(got.answers, 4);
}

// Whoever stands far from its neighbours by chance is no liar: where everybody is honest, 'nothing'
// is believed, whatever the size of the ring and of the object's kinds.
TEST_P(RingOf, HonestDenialsAreBelieved) {
  StoreRing ring(30);
  ring.Grow(GetParam());
  ring.world.RunFor(absl::Seconds(10));
  for (int i = 0; i < 40; ++i) {
    const auto key = ring.rng.Make<store::Key>();
    GetOptions options;
    if (i % 2 == 0) options.kind = wire::v1::OBJECT_KIND_USER_ENVIRONMENT;
    const store::GetDone got = ring.RandomActive()->Get(key, options);
    EXPECT_EQ(got.status.code(), absl::StatusCode::kNotFound) << i << ": " << got.status;
  }
}

TEST(StorePutGet, NewestVersionIsReadAndOlderOnesAreRefused) {
  StoreRing ring(11);
  ring.Grow(30);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const Object first = Environment(ring, key, 1);
  const Object second = Environment(ring, key, 2);
  ASSERT_TRUE(ring.RandomActive()->Put(first).status.ok());
  ASSERT_TRUE(ring.RandomActive()->Put(second).status.ok());
  // The old one replayed.
  EXPECT_EQ(ring.RandomActive()->Put(first).status.code(), absl::StatusCode::kFailedPrecondition);
  // Another of the same sequence.
  EXPECT_EQ(ring.RandomActive()->Put(Environment(ring, key, 2, 300)).status.code(),
            absl::StatusCode::kAborted);
  // The same again is welcome.
  EXPECT_TRUE(ring.RandomActive()->Put(second).status.ok());
  const store::GetDone got = ring.RandomActive()->Get(first.key(), {});
  ASSERT_TRUE(got.status.ok()) << got.status;
  ASSERT_THAT(got.objects, SizeIs(1));
  EXPECT_EQ(got.objects[0].sequence(), store::Sequence(2));
  EXPECT_GE(got.answers, 4);
}

TEST(StorePutGet, ReaderNeverGoesBack) {
  StoreRing ring(12);
  ring.Grow(20);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const Object first = Environment(ring, key, 1);
  ASSERT_TRUE(ring.RandomActive()->Put(first).status.ok());
  GetOptions options;
  options.at_least[first.slot()] = store::Sequence(2);
  EXPECT_FALSE(ring.RandomActive()->Get(first.key(), options).status.ok());
  options.at_least[first.slot()] = store::Sequence(1);
  EXPECT_TRUE(ring.RandomActive()->Get(first.key(), options).status.ok());
}

TEST(StorePutGet, ReadRepairsReplicasThatAreBehind) {
  StoreRing ring(13);
  ring.Grow(20);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const Object first = Environment(ring, key, 1);
  ASSERT_TRUE(ring.hosts[0]->Put(first).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  // Only the root got the second version.
  const Object second = Environment(ring, key, 2);
  StoreHost* root = ring.Nearest(first.key(), 1)[0];
  ASSERT_TRUE(root->table().Insert({second, "N", ring.world.wall_now(), second.key()}).ok());
  GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_USER_ENVIRONMENT;
  options.at_least[first.slot()] = store::Sequence(2);
  const store::GetDone got = ring.hosts[1]->Get(first.key(), options);
  ASSERT_TRUE(got.status.ok()) << got.status;
  ring.world.RunFor(absl::Seconds(2));
  int newer = 0;
  for (const auto& host : ring.hosts) {
    for (const auto& row : host->table().Find(first.key(), std::nullopt)) {
      newer += row.object.sequence() == store::Sequence(2) ? 1 : 0;
    }
  }
  EXPECT_GE(newer, 4);
}

TEST(StorePutGet, RemovedValueStaysRemoved) {
  StoreRing ring(14);
  ring.Grow(20);
  const Bytes secret = ToBytes(AsBytes("a secret of its own"));
  const Object object = ring.Raw(100, secret);
  const pki::Sha256Digest digest = pki::Sha256(AsBytes(object.raw().data()));
  ASSERT_TRUE(ring.hosts[0]->Put(object).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  EXPECT_EQ(ring.hosts[1]->Remove(object.key(), digest, AsBytes("guessed")).status.code(),
            absl::StatusCode::kNotFound);
  // One replica sleeps through the removal.
  StoreHost* sleeper = ring.Nearest(object.key(), 3)[2];
  sleeper->Crash();
  ring.world.RunFor(absl::Seconds(10));
  const store::RemoveDone removed = ring.hosts[1]->up()
                                        ? ring.hosts[1]->Remove(object.key(), digest, secret)
                                        : ring.hosts[2]->Remove(object.key(), digest, secret);
  ASSERT_TRUE(removed.status.ok()) << removed.status;
  sleeper->Start(ring.Bootstrap());
  ASSERT_TRUE(ring.Settle());
  ring.world.RunFor(absl::Minutes(5));
  EXPECT_EQ(ring.Copies(object.key(), wire::v1::OBJECT_KIND_RAW), 0);
  EXPECT_EQ(ring.RandomActive()->Get(object.key(), RawOnly()).status.code(),
            absl::StatusCode::kNotFound);
  // Nor can it be put again by who kept a copy.
  EXPECT_EQ(ring.RandomActive()->Put(object).status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(StorePutGet, ExpiredObjectsAreGone) {
  StoreRing ring(15);
  ring.Grow(10);
  const Object object = ring.Raw(100, {}, absl::Minutes(2));
  ASSERT_TRUE(ring.hosts[0]->Put(object).status.ok());
  ring.world.RunFor(absl::Minutes(3));
  EXPECT_EQ(ring.Copies(object.key(), wire::v1::OBJECT_KIND_RAW), 0);
  EXPECT_EQ(ring.hosts[5]->Get(object.key(), RawOnly()).status.code(), absl::StatusCode::kNotFound);
}

TEST(StorePutGet, WatchersAreToldOnce) {
  StoreRing ring(16);
  ring.Grow(30);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const Object first = Environment(ring, key, 1);
  StoreHost& watcher = *ring.hosts[4];
  watcher.Subscribe(first.key(), wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  ring.world.RunFor(absl::Seconds(5));
  ASSERT_TRUE(ring.hosts[9]->Put(first).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  EXPECT_THAT(watcher.TakeNotifications(), SizeIs(1));
  ASSERT_TRUE(ring.hosts[9]->Put(Environment(ring, key, 2)).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  const auto second = watcher.TakeNotifications();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].sequence(), store::Sequence(2));
  // Hours later the subscription still stands, also when the root is gone.
  ring.world.RunFor(absl::Minutes(30));
  StoreHost* root = ring.Nearest(first.key(), 1)[0];
  if (root == &watcher || root == ring.hosts[9].get()) root = ring.Nearest(first.key(), 2)[1];
  root->Crash();
  ring.world.RunFor(absl::Seconds(20));
  ASSERT_TRUE(ring.hosts[9]->Put(Environment(ring, key, 3)).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  EXPECT_THAT(watcher.TakeNotifications(), SizeIs(1));
  watcher.store().Unsubscribe(first.key(), wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  watcher.Kick();
  ring.world.RunFor(absl::Seconds(2));
  ASSERT_TRUE(ring.hosts[9]->Put(Environment(ring, key, 4)).status.ok());
  ring.world.RunFor(absl::Seconds(2));
  EXPECT_THAT(watcher.TakeNotifications(), SizeIs(0));
}

TEST(StorePutGet, SubscriberLearnsWhatStandsAlready) {
  StoreRing ring(17);
  ring.Grow(20);
  const pki::Ed25519Key key = pki::Ed25519Key::Generate(ring.rng);
  const Object object = Environment(ring, key, 1);
  ASSERT_TRUE(ring.hosts[9]->Put(object).status.ok());
  ring.hosts[4]->Subscribe(object.key(), wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  ring.world.RunFor(absl::Seconds(10));
  EXPECT_THAT(ring.hosts[4]->TakeNotifications(), SizeIs(1));
}

TEST(StorePutGet, LossyNetworkLosesNothing) {
  LinkOptions links;
  links.loss = 0.05;
  links.duplication = 0.02;
  StoreRing ring(18, links);
  ring.Grow(20);
  for (int i = 0; i < 10; ++i) {
    const Object object = ring.Raw(1 + 3000 * static_cast<size_t>(i));
    const store::PutDone put = ring.RandomActive()->Put(object);
    EXPECT_TRUE(put.status.ok()) << put.status;
    const store::GetDone got = ring.RandomActive()->Get(object.key(), RawOnly());
    EXPECT_TRUE(got.status.ok()) << got.status << " of " << object.bytes().size() << " bytes, "
                                 << got.answers << " answers, " << put.acks << " of "
                                 << put.replicas << " copies, now "
                                 << ring.Copies(object.key(), wire::v1::OBJECT_KIND_RAW);
  }
}

}  // namespace
}  // namespace p2pd::sim
