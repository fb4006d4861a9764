#include "libcore/presence/subscriptions.h"

#include <gtest/gtest.h>

#include "tests/sim/store_host.h"

namespace p2pd::presence {
namespace {

TEST(Subscriptions, TheLastToLoseInterestEndsIt) {
  sim::StoreRing ring(51);
  ring.Grow(2);
  sim::StoreHost& host = *ring.hosts[0];
  Counters counters;
  Subscriptions subscriptions(host.store(), counters);
  const store::Object first = ring.Raw();
  const Instant now = ring.world.now();
  subscriptions.Add(now, first.key(), wire::v1::OBJECT_KIND_RAW);
  subscriptions.Add(now, first.key(), wire::v1::OBJECT_KIND_RAW);
  EXPECT_EQ(subscriptions.size(), 1u);
  host.Kick();
  ring.world.RunFor(absl::Seconds(3));
  subscriptions.Remove(first.key(), wire::v1::OBJECT_KIND_RAW);
  EXPECT_EQ(subscriptions.size(), 1u);
  ASSERT_TRUE(ring.hosts[1]->Put(first).status.ok());
  ring.world.RunFor(absl::Seconds(3));
  EXPECT_EQ(host.TakeNotifications().size(), 1u);
  subscriptions.Remove(first.key(), wire::v1::OBJECT_KIND_RAW);
  subscriptions.Remove(first.key(), wire::v1::OBJECT_KIND_RAW);  // once too often: no harm
  EXPECT_EQ(subscriptions.size(), 0u);
}

TEST(Subscriptions, OneThatTheStoreRefusesIsCounted) {
  sim::StoreRing ring(52);
  ring.Grow(1);
  Counters counters;
  Subscriptions subscriptions(ring.hosts[0]->store(), counters);
  for (size_t i = 0; i <= store::Store::kMaxSubscriptions; ++i) {
    subscriptions.Add(ring.world.now(), ring.rng.Make<store::Key>(), wire::v1::OBJECT_KIND_RAW);
  }
  EXPECT_EQ(counters.Get("presence.subscription_refused"), 1u);
}

}  // namespace
}  // namespace p2pd::presence
