#include "libcore/overlay/exchange.h"

#include <gtest/gtest.h>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::overlay {
namespace {

class ExchangeTest : public testing::Test {
 protected:
  void SetUp() override {
    a_.Start({});
    b_.Start({a_.at()});
    c_.Start({a_.at()});
    world_.RunFor(absl::Seconds(5));
    ASSERT_EQ(a_.node().LeafSet().size(), 2u);
  }
  sim::World world_{1};
  sim::OverlayHost a_{world_, 1};
  sim::OverlayHost b_{world_, 2};
  sim::OverlayHost c_{world_, 3};
};

TEST_F(ExchangeTest, ARequestThatIsNeverAnsweredFailsOnce) {
  const auto id = a_.Route(b_.id(), Service::kStore, {1});
  world_.RunFor(absl::Seconds(10));
  ASSERT_NE(a_.FailureOf(id), nullptr);
  EXPECT_TRUE(absl::IsDeadlineExceeded(a_.FailureOf(id)->status));
  int shown = 0;
  for (const Event& event : b_.events) {
    shown += std::holds_alternative<IncomingRequest>(event) ? 1 : 0;
  }
  EXPECT_EQ(shown, 1) << "four attempts, one request";
  EXPECT_EQ(a_.counters().Get("overlay.origin_retries"), 3u);
}

TEST_F(ExchangeTest, LateAndDoubleAnswersAreDropped) {
  std::optional<AnswerToken> token;
  b_.SetHandler([&](Instant, Event& event) {
    if (const auto* request = std::get_if<IncomingRequest>(&event)) token = request->token;
    return true;
  });
  const auto id = a_.Ask(b_.node().self(), Service::kStore, {1});
  world_.RunFor(absl::Seconds(1));
  ASSERT_TRUE(token.has_value());
  b_.node().Answer(world_.now(), *token, {1});
  b_.node().Answer(world_.now(), *token, {2});
  b_.Kick();
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(a_.ResponseTo(id)->payload, Bytes{1});
  EXPECT_EQ(b_.counters().Get("overlay.dropped_late_answers"), 1u);
}

TEST_F(ExchangeTest, TooLargeAndOurselvesAreRefused) {
  const auto large = a_.Route(b_.id(), Service::kApplication, Bytes(kMaxPayload + 1));
  const auto own = a_.Ask(a_.node().self(), Service::kApplication, {1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(absl::IsInvalidArgument(a_.FailureOf(large)->status));
  EXPECT_TRUE(absl::IsInvalidArgument(a_.FailureOf(own)->status));
}

TEST_F(ExchangeTest, AnUnknownServiceIsUnimplemented) {
  const auto id = a_.Ask(b_.node().self(), static_cast<Service>(77), {1});
  world_.RunFor(absl::Seconds(1));
  ASSERT_NE(a_.FailureOf(id), nullptr);
  EXPECT_TRUE(absl::IsUnimplemented(a_.FailureOf(id)->status));
}

TEST_F(ExchangeTest, ADeadNodeIsUnavailable) {
  const NodeRecord record = b_.node().self();
  b_.Crash();
  const auto id = a_.Ask(record, Service::kApplication, {1}, absl::Seconds(20));
  world_.RunFor(absl::Seconds(20));
  ASSERT_NE(a_.FailureOf(id), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(a_.FailureOf(id)->status));
}

TEST_F(ExchangeTest, LargestPayloadBothWays) {
  Bytes payload(kMaxPayload);
  world_.rng().Fill(MutableByteView(payload.data(), payload.size()));
  const auto routed = a_.Route(b_.id(), Service::kApplication, payload);
  const auto asked = a_.Ask(c_.node().self(), Service::kApplication, payload);
  world_.RunFor(absl::Seconds(4));
  ASSERT_NE(a_.ResponseTo(routed), nullptr);
  EXPECT_EQ(a_.ResponseTo(routed)->payload, payload);
  ASSERT_NE(a_.ResponseTo(asked), nullptr);
  EXPECT_EQ(a_.ResponseTo(asked)->payload, payload);
}

TEST_F(ExchangeTest, TraceNamesEveryStop) {
  RouteOptions options;
  options.trace = true;
  const auto id = a_.Route(b_.id(), Service::kApplication, {1}, options);
  world_.RunFor(absl::Seconds(1));
  const std::vector<TraceHop> hops = a_.node().TraceOf(id);
  ASSERT_EQ(hops.size(), 2u);
  EXPECT_EQ(hops[0].id, a_.id());
  EXPECT_EQ(hops[1].id, b_.id());
  EXPECT_EQ(hops[1].endpoint, b_.at());
  EXPECT_GT(hops[1].since_start, hops[0].since_start);
}

}  // namespace
}  // namespace p2pd::overlay
