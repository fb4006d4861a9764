#include "libcore/store/watcher_handover.h"

#include <gtest/gtest.h>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class WatcherHandoverTest : public testing::Test {
 protected:
  void Give() {
    handover.Give(now, carrier,
                  {Key(), wire::v1::OBJECT_KIND_USER_STATE, f.record, now + absl::Minutes(10)},
                  carrier.nodes()[1]);
  }
  void Answer(StoreStatus status) {
    StoreReply reply;
    reply.mutable_watcher()->set_status(status);
    const FakeCarrier::Sent sent = carrier.Take();
    EXPECT_TRUE(handover.OnReply(now, {sent.id, *sent.to, 1, reply}));
  }
  ObjectFixture f;
  FakeCarrier carrier{3};
  Counters counters;
  WatcherHandover handover{counters};
  Instant now;
};

TEST_F(WatcherHandoverTest, OnceIsEnoughForWhoeverListens) {
  Give();
  ASSERT_EQ(carrier.sent.size(), 1u);
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[1].id());
  EXPECT_EQ(carrier.sent[0].request.watcher().lease(), 600u);
  Answer(wire::v1::STORE_STATUS_OK);
  EXPECT_FALSE(handover.PollTimeout().has_value());
}

TEST_F(WatcherHandoverTest, WhoeverDoesNotKnowUsYetIsToldAgainAndNotForEver) {
  Give();
  for (int attempt = 1; attempt < WatcherHandover::kAttempts; ++attempt) {
    ASSERT_EQ(carrier.sent.size(), 1u);
    if (attempt % 2 == 0) {
      EXPECT_TRUE(handover.OnFailed(now, carrier.Take().id));
    } else {
      Answer(wire::v1::STORE_STATUS_NOT_HERE);
    }
    ASSERT_TRUE(handover.PollTimeout().has_value());
    EXPECT_GT(*handover.PollTimeout(), now);
    handover.OnTimeout(now, carrier);
    EXPECT_TRUE(carrier.sent.empty());
    now = *handover.PollTimeout();
    handover.OnTimeout(now, carrier);
  }
  EXPECT_LT(carrier.sent.at(0).request.watcher().lease(), 600u);  // what is left of it
  Answer(wire::v1::STORE_STATUS_NOT_HERE);
  EXPECT_FALSE(handover.PollTimeout().has_value());
  EXPECT_EQ(counters.Get("store.handovers_given_up"), 1u);
}

TEST_F(WatcherHandoverTest, OthersAnswersAreLeftAlone) {
  EXPECT_FALSE(handover.OnReply(now, {overlay::RequestId(7), carrier.nodes()[1], 1, {}}));
  EXPECT_FALSE(handover.OnFailed(now, overlay::RequestId(7)));
}

TEST_F(WatcherHandoverTest, HasALimit) {
  for (size_t i = 0; i < WatcherHandover::kMaxPending; ++i) Give();
  EXPECT_EQ(counters.Get("store.refused_handovers_full"), 0u);
  Give();
  EXPECT_EQ(counters.Get("store.refused_handovers_full"), 1u);
  EXPECT_EQ(carrier.sent.size(), WatcherHandover::kMaxPending);
}

}  // namespace
}  // namespace p2pd::store
