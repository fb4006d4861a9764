#include "libcore/store/subscriptions.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

constexpr ObjectKind kKind = wire::v1::OBJECT_KIND_USER_ENVIRONMENT;

class SubscriptionsTest : public testing::Test {
 protected:
  StoreReply Reply(StoreStatus status, std::optional<Object> stands = std::nullopt) {
    StoreReply reply;
    reply.mutable_subscribe()->set_status(status);
    if (stands) {
      wire::v1::RowName& row = *reply.mutable_subscribe()->add_rows();
      row.set_kind(stands->kind());
      row.set_slot(ToText(stands->slot()));
      row.set_sequence(stands->sequence().value());
    }
    return reply;
  }
  std::optional<Subscriptions::Stale> Answer(const StoreReply& reply) {
    return subscriptions.OnReply(now, {carrier.Take().id, carrier.nodes()[1], 1, reply});
  }
  ObjectFixture f;
  FakeCarrier carrier{3};
  SeededRng rng{1};
  Subscriptions subscriptions{rng};
  Instant now;
  Key key = f.Environment().key();
};

TEST_F(SubscriptionsTest, LeaseIsRenewedBeforeItEnds) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  subscriptions.OnTimeout(now, carrier);
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_EQ(carrier.sent[0].request.subscribe().lease(), 600u);
  EXPECT_FALSE(Answer(Reply(wire::v1::STORE_STATUS_OK)).has_value());
  ASSERT_TRUE(subscriptions.PollTimeout().has_value());
  EXPECT_LT(*subscriptions.PollTimeout(), now + Subscriptions::kLease);
  now = *subscriptions.PollTimeout();
  subscriptions.OnTimeout(now, carrier);
  EXPECT_EQ(carrier.sent.size(), 1u);
}

TEST_F(SubscriptionsTest, EachNewerObjectIsToldOnce) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  bool fresh = false;
  EXPECT_TRUE(subscriptions.OnNotify(f.Environment(3), fresh).notify().wanted());
  EXPECT_TRUE(fresh);
  subscriptions.OnNotify(f.Environment(3), fresh);
  EXPECT_FALSE(fresh);
  subscriptions.OnNotify(f.Environment(2), fresh);
  EXPECT_FALSE(fresh);
  EXPECT_TRUE(subscriptions.Learn(f.Environment(4)));
  EXPECT_FALSE(subscriptions.Learn(f.Environment(4)));
}

TEST_F(SubscriptionsTest, UnaskedNotificationIsUnwanted) {
  bool fresh = true;
  EXPECT_FALSE(subscriptions.OnNotify(f.Environment(3), fresh).notify().wanted());
  EXPECT_FALSE(fresh);
}

TEST_F(SubscriptionsTest, ALostNotificationIsFoundOut) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  subscriptions.OnTimeout(now, carrier);
  const auto stale = Answer(Reply(wire::v1::STORE_STATUS_OK, f.Environment(3)));
  ASSERT_TRUE(stale.has_value());
  EXPECT_EQ(stale->key, key);
  subscriptions.Learn(f.Environment(3));
  now = *subscriptions.PollTimeout();
  subscriptions.OnTimeout(now, carrier);
  EXPECT_FALSE(Answer(Reply(wire::v1::STORE_STATUS_OK, f.Environment(3))).has_value());
}

TEST_F(SubscriptionsTest, FailuresAreTriedAgainSoonAndThenSlower) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  absl::Duration last;
  for (int i = 0; i < 8; ++i) {
    subscriptions.OnTimeout(now, carrier);
    subscriptions.OnFailed(now, carrier.Take().id);
    last = *subscriptions.PollTimeout() - now;
    EXPECT_LE(last, Subscriptions::kLease);
    now = *subscriptions.PollTimeout();
  }
  EXPECT_GT(last, absl::Minutes(1));
  subscriptions.OnTimeout(now, carrier);
  Answer(Reply(wire::v1::STORE_STATUS_OK));
  now = *subscriptions.PollTimeout();
  subscriptions.OnTimeout(now, carrier);
  // One refusal after a success: a ring in motion, so soon again.
  Answer(Reply(wire::v1::STORE_STATUS_NOT_HERE));
  EXPECT_LE(*subscriptions.PollTimeout() - now, absl::Seconds(8));
}

TEST_F(SubscriptionsTest, HoweverManyThereAreOneIsRenewedPerPace) {
  constexpr size_t kMany = 300;
  for (size_t i = 0; i < kMany; ++i) {
    Key other = key;
    other.mutable_view()[0] = static_cast<uint8_t>(i);
    other.mutable_view()[1] = static_cast<uint8_t>(i >> 8);
    ASSERT_TRUE(subscriptions.Add(now, other, kKind, kMany));
  }
  size_t renewals = 0;
  std::map<Key, Instant> lease_ends;
  const Instant end = now + absl::Hours(6);
  while (now < end) {
    subscriptions.OnTimeout(now, carrier);
    while (!carrier.sent.empty()) {
      const FakeCarrier::Sent sent = carrier.Take();
      const auto lease = absl::Seconds(sent.request.subscribe().lease());
      const auto [it, first] = lease_ends.try_emplace(sent.place, now + lease);
      if (!first) {
        ++renewals;
        EXPECT_GT(it->second, now) << "the lease ran out";
        it->second = now + lease;
      }
      StoreReply reply;
      reply.mutable_subscribe()->set_status(wire::v1::STORE_STATUS_OK);
      subscriptions.OnReply(now, {sent.id, carrier.nodes()[1], 1, reply});
    }
    now = *subscriptions.PollTimeout();
  }
  EXPECT_EQ(lease_ends.size(), kMany);
  EXPECT_GT(renewals, 700u);
  EXPECT_LT(renewals, 6u * 3600 / 20 * 5 / 4);  // renewed a tenth early
}

TEST_F(SubscriptionsTest, AMoveRenewsAll) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  ASSERT_TRUE(subscriptions.Add(now, Key(), kKind, 10));
  subscriptions.OnTimeout(now, carrier);
  for (int i = 0; i < 2; ++i) Answer(Reply(wire::v1::STORE_STATUS_OK));
  carrier.Move();
  now = *subscriptions.PollTimeout();
  subscriptions.OnTimeout(now, carrier);
  EXPECT_EQ(carrier.sent.size(), 2u);
}

TEST_F(SubscriptionsTest, RemoveEndsTheLease) {
  ASSERT_TRUE(subscriptions.Add(now, key, kKind, 10));
  subscriptions.Remove(now, carrier, key, kKind);
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_EQ(carrier.sent[0].request.subscribe().lease(), 0u);
  EXPECT_FALSE(subscriptions.PollTimeout().has_value());
  subscriptions.Remove(now, carrier, key, kKind);
  EXPECT_EQ(carrier.sent.size(), 1u);
}

TEST_F(SubscriptionsTest, HasALimit) {
  EXPECT_TRUE(subscriptions.Add(now, key, kKind, 1));
  EXPECT_TRUE(subscriptions.Add(now, key, kKind, 1));
  EXPECT_FALSE(subscriptions.Add(now, Key(), kKind, 1));
}

}  // namespace
}  // namespace p2pd::store
