#include "libcore/store/direct_put.h"

#include <gtest/gtest.h>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class DirectPutTest : public testing::Test {
 protected:
  DirectPutTest() { carrier.responsible = false; }
  DirectPut Started() {
    DirectPut put(Key(), f.Raw("x"), 5, 1);
    put.Start(now, carrier);
    return put;
  }
  void Answer(DirectPut& put, StoreStatus status) {
    const auto sent = carrier.Take();
    ASSERT_TRUE(sent.request.has_replicate());
    StoreReply reply;
    reply.mutable_replicate()->add_statuses(status);
    EXPECT_TRUE(put.OnReply(now, carrier, {sent.id, *sent.to, 1, reply}));
  }
  // The survey's ways are answered by this node, which names those.
  void AnswerSurvey(DirectPut& put, size_t node, size_t first, size_t last) {
    StoreReply reply;
    for (size_t i = first; i < last; ++i) {
      reply.mutable_get()->add_replicas(ToText(carrier.nodes()[i].bytes()));
    }
    for (size_t i = 0; i < Survey::kWays; ++i) {
      EXPECT_TRUE(put.OnReply(now, carrier, {carrier.Take().id, carrier.nodes()[node], 2, reply}));
    }
  }
  ObjectFixture f;
  FakeCarrier carrier{20};
  Instant now;
};

TEST_F(DirectPutTest, WhomHintsNameGetsItAtOnce) {
  carrier.near = {1, 2, 3, 4, 5, 6, 7, 8};
  DirectPut put = Started();
  EXPECT_EQ(carrier.sent.size(), 8 + Survey::kWays);
  for (int i = 0; i < 6; ++i) Answer(put, wire::v1::STORE_STATUS_OK);
  EXPECT_TRUE(put.done());
  EXPECT_EQ(put.Holders().size(), 6u);
  EXPECT_EQ(put.Refusal(), std::nullopt);
}

TEST_F(DirectPutTest, TheSurveyFindsTheOthersAndTheNearestEightCount) {
  DirectPut put = Started();
  ASSERT_EQ(carrier.sent.size(), Survey::kWays);
  AnswerSurvey(put, 1, 2, 16);
  const size_t asked = carrier.sent.size();
  EXPECT_GT(asked, DirectPut::kReplicas);
  for (size_t i = 0; i < asked && !put.done(); ++i) Answer(put, wire::v1::STORE_STATUS_OK);
  EXPECT_LE(put.Holders().size(), DirectPut::kReplicas);
}

TEST_F(DirectPutTest, WhoIsNoReplicaInHisOwnEyesDoesNotCount) {
  carrier.near = {1, 2, 3};
  DirectPut put = Started();
  for (int i = 0; i < 3; ++i) Answer(put, wire::v1::STORE_STATUS_NOT_HERE);
  EXPECT_EQ(put.Replicas(), 0u);
  EXPECT_FALSE(put.done()) << "the survey is under way";
}

TEST_F(DirectPutTest, OneRefusalIsNoneThreeAreOne) {
  carrier.near = {1, 2, 3, 4, 5, 6, 7, 8};
  DirectPut put = Started();
  for (int i = 0; i < 2; ++i) Answer(put, wire::v1::STORE_STATUS_STALE);
  EXPECT_EQ(put.Refusal(), std::nullopt);
  Answer(put, wire::v1::STORE_STATUS_STALE);
  EXPECT_EQ(put.Refusal(), std::optional(wire::v1::STORE_STATUS_STALE));
}

TEST_F(DirectPutTest, EndsWhenTimeIsUpAndKnowsItsOwn) {
  carrier.near = {1};
  DirectPut put = Started();
  EXPECT_FALSE(put.OnFailed(now, carrier, overlay::RequestId(999)));
  EXPECT_TRUE(put.OnFailed(now, carrier, carrier.Take().id));
  ASSERT_TRUE(put.PollTimeout().has_value());
  now = now + DirectPut::kTimeout;
  put.OnTimeout(now, carrier);
  EXPECT_TRUE(put.done());
  EXPECT_FALSE(put.PollTimeout().has_value());
}

}  // namespace
}  // namespace p2pd::store
