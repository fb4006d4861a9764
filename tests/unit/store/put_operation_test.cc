#include "libcore/store/put_operation.h"

#include <gtest/gtest.h>

#include "tests/unit/store/fake_carrier.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

class PutOperationTest : public testing::Test {
 protected:
  StoreReply Reply(StoreStatus status, int holders, uint32_t replicas) {
    StoreReply reply;
    reply.mutable_put()->set_status(status);
    for (int i = 0; i < holders; ++i) {
      reply.mutable_put()->add_holders(carrier.nodes()[static_cast<size_t>(i)].id().ToString());
    }
    reply.mutable_put()->set_replicas(replicas);
    return reply;
  }
  void Answer(PutOperation& put, const StoreReply& reply) {
    put.OnReply(now, carrier, {carrier.Take().id, carrier.nodes()[1], 2, reply});
  }
  // Answers the root's part until the end; copies of our own are not answered for.
  void Conclude(PutOperation& put, const StoreReply& reply) {
    while (!put.result()) {
      while (!carrier.sent.empty() && !put.result()) {
        if (carrier.sent[0].request.has_put()) {
          Answer(put, reply);
        } else {
          put.OnFailed(now, carrier, carrier.Take().id, absl::UnavailableError("silent"));
        }
      }
      if (put.result()) return;
      now = *put.PollTimeout();
      put.OnTimeout(now, carrier);
    }
  }
  PutOperation Small() { return PutOperation({Key(), f.Raw("x"), 5}); }
  ObjectFixture f;
  FakeCarrier carrier{9};
  Instant now;
};

TEST_F(PutOperationTest, FiveOfEightIsDone) {
  PutOperation put = Small();
  put.Start(now, carrier);
  ASSERT_TRUE(carrier.sent[0].request.has_put());
  EXPECT_FALSE(carrier.sent[0].to.has_value());
  Answer(put, Reply(wire::v1::STORE_STATUS_OK, 5, 8));
  ASSERT_TRUE(put.result().has_value());
  EXPECT_TRUE(put.result()->status.ok());
  EXPECT_EQ(put.result()->acks, 5);
  EXPECT_EQ(put.result()->replicas, 8);
  EXPECT_FALSE(put.PollTimeout().has_value());
}

TEST_F(PutOperationTest, ARefreshOfWhatStandsSendsNoObject) {
  PutPlan plan{Key(), f.Raw("x"), 5, true};
  const std::string digest = ToText(plan.object.digest().view());
  PutOperation put(std::move(plan));
  put.Start(now, carrier);
  ASSERT_TRUE(carrier.sent[0].request.has_locate());
  EXPECT_EQ(carrier.sent[0].request.locate().digest(), digest);
  StoreReply reply;
  reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
  reply.mutable_locate()->set_holds(true);
  Answer(put, reply);
  ASSERT_TRUE(put.result().has_value());
  EXPECT_TRUE(put.result()->status.ok());
  EXPECT_TRUE(carrier.sent.empty());
}

TEST_F(PutOperationTest, ARefreshOfWhatIsLostSendsIt) {
  PutOperation put({Key(), f.Raw("x"), 5, true});
  put.Start(now, carrier);
  StoreReply reply;
  reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
  Answer(put, reply);
  ASSERT_EQ(carrier.sent.size(), 1u);
  ASSERT_TRUE(carrier.sent[0].request.has_put());
  Answer(put, Reply(wire::v1::STORE_STATUS_OK, 5, 8));
  EXPECT_TRUE(put.result()->status.ok());
}

TEST_F(PutOperationTest, OnlyAnAnswerToARefreshCanSayThatItStands) {
  PutOperation put({Key(), f.Raw(std::string(5000, 'x')), 5});
  put.Start(now, carrier);
  StoreReply reply;
  reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
  reply.mutable_locate()->set_holds(true);
  Answer(put, reply);
  EXPECT_FALSE(put.result().has_value());
  EXPECT_TRUE(carrier.sent[0].request.has_put());
}

TEST_F(PutOperationTest, FewerWhereTheRingHasFewer) {
  carrier.responsible = false;
  PutOperation put = Small();
  put.Start(now, carrier);
  Answer(put, Reply(wire::v1::STORE_STATUS_OK, 2, 2));
  EXPECT_TRUE(put.result()->status.ok());
  EXPECT_EQ(put.result()->replicas, 2);
}

TEST_F(PutOperationTest, TheSameHolderTwiceCountsOnce) {
  PutOperation put = Small();
  put.Start(now, carrier);
  StoreReply reply = Reply(wire::v1::STORE_STATUS_OK, 0, 8);
  for (int i = 0; i < 5; ++i) reply.mutable_put()->add_holders(std::string(20, 'a'));
  Answer(put, reply);
  EXPECT_FALSE(put.result().has_value());
}

TEST_F(PutOperationTest, TooFewCopiesAreTriedAgainAndThenSaid) {
  PutOperation put = Small();
  put.Start(now, carrier);
  Conclude(put, Reply(wire::v1::STORE_STATUS_OK, 3, 8));
  ASSERT_TRUE(put.result().has_value());
  EXPECT_EQ(put.result()->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(put.result()->acks, 3);
}

TEST_F(PutOperationTest, RefusalsAreFinal) {
  const std::pair<StoreStatus, absl::StatusCode> cases[] = {
      {wire::v1::STORE_STATUS_STALE, absl::StatusCode::kFailedPrecondition},
      {wire::v1::STORE_STATUS_CONFLICT, absl::StatusCode::kAborted},
      {wire::v1::STORE_STATUS_REVOKED, absl::StatusCode::kPermissionDenied},
      {wire::v1::STORE_STATUS_REMOVED, absl::StatusCode::kFailedPrecondition},
      {wire::v1::STORE_STATUS_INVALID, absl::StatusCode::kInvalidArgument},
      {wire::v1::STORE_STATUS_NOT_FOUND, absl::StatusCode::kNotFound},
  };
  for (const auto& [status, code] : cases) {
    PutOperation put = Small();
    put.Start(now, carrier);
    Answer(put, Reply(status, 0, 8));
    ASSERT_TRUE(put.result().has_value());
    EXPECT_EQ(put.result()->status.code(), code);
    EXPECT_EQ(put.result()->refusal, status);
  }
}

// What came to the root by others was charged to them.
TEST_F(PutOperationTest, WhereTheShareOfWhoBroughtItIsFullWeBringItOurselves) {
  PutOperation put = Small();
  put.Start(now, carrier);
  Answer(put, Reply(wire::v1::STORE_STATUS_QUOTA, 0, 8));
  EXPECT_FALSE(put.result().has_value());
  EXPECT_FALSE(carrier.sent.empty());
}

TEST_F(PutOperationTest, AFullQuotaIsSaidAtTheEnd) {
  PutOperation put = Small();
  put.Start(now, carrier);
  Conclude(put, Reply(wire::v1::STORE_STATUS_QUOTA, 0, 8));
  ASSERT_TRUE(put.result().has_value());
  EXPECT_EQ(put.result()->status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(put.result()->refusal, wire::v1::STORE_STATUS_QUOTA);
}

TEST_F(PutOperationTest, LargeObjectGoesToTheRootDirectly) {
  PutOperation put({Key(), f.Raw(std::string(30000, 'x')), 5});
  put.Start(now, carrier);
  ASSERT_TRUE(carrier.sent[0].request.has_locate());
  StoreReply located;
  located.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
  Answer(put, located);
  ASSERT_EQ(carrier.sent.size(), 1u);
  ASSERT_TRUE(carrier.sent[0].to.has_value());
  EXPECT_EQ(carrier.sent[0].to->id(), carrier.nodes()[1].id());
  EXPECT_TRUE(carrier.sent[0].request.has_put());
  Answer(put, Reply(wire::v1::STORE_STATUS_OK, 5, 8));
  EXPECT_TRUE(put.result()->status.ok());
}

TEST_F(PutOperationTest, FailureAndForeignAnswersAreTriedAgain) {
  PutOperation put = Small();
  put.Start(now, carrier);
  put.OnFailed(now, carrier, carrier.Take().id, absl::DeadlineExceededError("late"));
  EXPECT_FALSE(put.result().has_value());
  now = *put.PollTimeout();
  put.OnTimeout(now, carrier);
  StoreReply foreign;
  foreign.mutable_notify();
  Answer(put, foreign);
  EXPECT_FALSE(put.result().has_value());
  // An answer to a request that is no longer waited for changes nothing.
  put.OnReply(
      now, carrier,
      {overlay::RequestId(1), carrier.nodes()[1], 1, Reply(wire::v1::STORE_STATUS_OK, 5, 8)});
  EXPECT_FALSE(put.result().has_value());
}

TEST_F(PutOperationTest, WhomTheRootCannotMeanIsNotBelieved) {
  carrier.responsible = false;
  carrier.near = {1, 2, 3, 4, 5, 6, 7, 8};
  PutOperation put = Small();
  put.Start(now, carrier);
  StoreReply lie = Reply(wire::v1::STORE_STATUS_OK, 0, 8);
  for (int i = 0; i < 6; ++i) {
    lie.mutable_put()->add_holders(std::string(20, static_cast<char>('a' + i)));
  }
  Answer(put, lie);
  EXPECT_FALSE(put.result().has_value());
  // Each of those whom hints name gets a copy, and the survey goes by its ways.
  ASSERT_EQ(carrier.sent.size(), 8 + Survey::kWays);
  for (int i = 0; i < 6; ++i) {
    const auto sent = carrier.Take();
    ASSERT_TRUE(sent.request.has_replicate());
    EXPECT_EQ(sent.request.replicate().replicas(0).object(), ToText(f.Raw("x").bytes()));
    StoreReply kept;
    kept.mutable_replicate()->add_statuses(wire::v1::STORE_STATUS_OK);
    put.OnReply(now, carrier, {sent.id, *sent.to, 1, kept});
  }
  ASSERT_TRUE(put.result().has_value());
  EXPECT_TRUE(put.result()->status.ok());
  EXPECT_EQ(put.result()->acks, 6);
}

TEST_F(PutOperationTest, ASilentRootIsNotWaitedForAlone) {
  carrier.responsible = false;
  PutOperation put = Small();
  put.Start(now, carrier);
  ASSERT_EQ(put.PollTimeout(), now + PutOperation::kPatience);
  now = now + PutOperation::kPatience;
  put.OnTimeout(now, carrier);
  EXPECT_EQ(carrier.sent.size(), 1 + Survey::kWays);
  // It was slow, and counts all the same.
  Answer(put, Reply(wire::v1::STORE_STATUS_OK, 5, 8));
  ASSERT_TRUE(put.result().has_value());
  EXPECT_TRUE(put.result()->status.ok());
}

TEST_F(PutOperationTest, ARefusalOfAStrangerIsNone) {
  carrier.responsible = false;
  carrier.near = {2, 3, 4, 5};
  PutOperation put = Small();
  put.Start(now, carrier);
  Answer(put, Reply(wire::v1::STORE_STATUS_STALE, 0, 8));
  EXPECT_FALSE(put.result().has_value());
  EXPECT_TRUE(carrier.sent[0].request.has_replicate());
}

TEST_F(PutOperationTest, EndsInTime) {
  PutOperation put = Small();
  put.Start(now, carrier);
  now = now + PutOperation::kPutTimeout;
  put.OnTimeout(now, carrier);
  ASSERT_TRUE(put.result().has_value());
  EXPECT_EQ(put.result()->status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PutOperationTest, AFullDiskIsSaidInWords) {
  PutOperation put = Small();
  put.Start(now, carrier);
  Conclude(put, Reply(wire::v1::STORE_STATUS_FAILED, 2, 8));
  ASSERT_TRUE(put.result().has_value());
  EXPECT_EQ(put.result()->status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(put.result()->status.message().find("disk"), absl::string_view::npos);
  EXPECT_EQ(put.result()->status.message().find("STORE_STATUS"), absl::string_view::npos);
  EXPECT_EQ(put.result()->acks, 2);
  EXPECT_TRUE(put.result()->disk_failed);
}

}  // namespace
}  // namespace p2pd::store
