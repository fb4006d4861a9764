#include "libcore/store/subscriptions.h"

#include <gtest/gtest.h>

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
