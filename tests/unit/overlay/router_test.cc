#include "libcore/overlay/router.h"

#include <gtest/gtest.h>

#include "libcore/overlay/wire.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

// A node whose router gets messages by hand from a linked neighbour.
class RouterTest : public testing::Test {
 protected:
  RouterTest()
      : ring_(self_.record.id(), RingOptions{}, self_.links),
        router_(self_.keys, self_.links, ring_, self_.records, self_.counters) {
    ring_.SetSelf(self_.record);
    ring_.SetActive(true);
    router_.SetSelf(self_.record);
    self_.links.Connect(now_, neighbour_.record);
    Exchange2(now_, self_, neighbour_);
  }
  // As the origin would send it.
  wire::v1::RouteMessage Request(const Party& origin, uint64_t message_id, const Key& key,
                                 uint32_t attempt = 0) {
    wire::v1::RouteBody body;
    body.set_key(key.ToString());
    body.set_message_id(message_id);
    body.set_origin(ToText(origin.record.bytes()));
    body.set_service(4);
    body.set_payload("hello");
    body.set_attempt(attempt);
    return SignRoute(origin.keys, body);
  }
  int Deliveries() {
    int out = 0;
    while (router_.PollDelivered()) ++out;
    return out;
  }
  Party self_{1};
  Party neighbour_{2};
  Party origin_{3};
  Party other_{4};
  Ring ring_;
  Router router_;
  Instant now_ = At(absl::Seconds(1));
};

TEST_F(RouterTest, DeliversWhatEndsHere) {
  router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, 1, self_.record.id()));
  const auto delivered = router_.PollDelivered();
  ASSERT_TRUE(delivered.has_value());
  EXPECT_EQ(delivered->origin, origin_.record);
  EXPECT_EQ(delivered->body.payload(), "hello");
  EXPECT_EQ(delivered->hops, 1);
}

TEST_F(RouterTest, AnAnswerGoesStraightToTheOriginToo) {
  const wire::v1::RouteMessage request = Request(origin_, 1, self_.record.id());
  router_.OnRoute(now_, neighbour_.record.id(), request);
  const auto delivered = router_.PollDelivered();
  ASSERT_TRUE(delivered.has_value());
  router_.Reply(now_, *delivered, wire::v1::RouteReplyBody());
  const auto straight = router_.PollLetterReply();
  ASSERT_TRUE(straight && straight->straight);
  EXPECT_EQ(straight->path.to, origin_.at);
  EXPECT_EQ(straight->path.seal.name(), AnswerSealOf(request).name());
  EXPECT_GE(straight->path.paid, request.ByteSizeLong());
  EXPECT_FALSE(straight->path.proved);
  EXPECT_FALSE(straight->reply.signature().empty());
  Exchange2(now_, self_, neighbour_);
  EXPECT_EQ(Of<MessageReceived>(neighbour_.Events()).size(), 1u) << "and by the hops";
}

TEST_F(RouterTest, NothingGoesStraightWhereALinkLeadsOrATraceIsWanted) {
  wire::v1::RouteBody traced;
  ASSERT_TRUE(ParseProto(AsBytes(Request(origin_, 2, self_.record.id()).body()), traced));
  traced.set_trace(true);
  wire::v1::RouteBody own = traced;
  own.set_trace(false);
  own.set_service(0);
  own.set_message_id(3);
  for (const wire::v1::RouteMessage& request :
       {Request(neighbour_, 1, self_.record.id()), SignRoute(origin_.keys, traced),
        SignRoute(origin_.keys, own)}) {
    router_.OnRoute(now_, neighbour_.record.id(), request);
    const auto delivered = router_.PollDelivered();
    ASSERT_TRUE(delivered.has_value());
    EXPECT_FALSE(delivered->straight.has_value());
  }
}

TEST_F(RouterTest, WhoGetsItNextIsToldWhoWasSilent) {
  for (Party* party : {&neighbour_, &other_}) {
    self_.links.Connect(now_, party->record);
    Exchange2(now_, self_, *party);
    party->Events();
    ring_.Consider(now_, party->record.id());
  }
  self_.Events();
  // The neighbour is its root, and the other stands nearer than we do.
  Key key = neighbour_.record.id();
  while (!Nearer(key, neighbour_.record.id(), other_.record.id()) ||
         !Nearer(key, other_.record.id(), self_.record.id())) {
    key = self_.rng.Make<Key>();
  }
  EXPECT_EQ(router_.Submit(now_, Request(self_, 1, key), {}, now_), neighbour_.record.id());
  EXPECT_FALSE(self_.Send(now_).empty()) << "and it is lost";
  now_ = now_ + absl::Seconds(2);
  self_.links.OnTimeout(now_);
  for (const MessageSlow& slow : Of<MessageSlow>(self_.Events())) {
    if (slow.message) router_.OnSlow(now_, *slow.message);
  }
  Exchange2(now_, self_, other_);
  const auto received = Of<MessageReceived>(other_.Events());
  ASSERT_EQ(received.size(), 1u);
  wire::v1::OverlayMessage message;
  ASSERT_TRUE(ParseProto(received[0].bytes, message));
  ASSERT_EQ(message.route().silent_size(), 1);
  EXPECT_EQ(message.route().silent(0), Head(neighbour_.record.id()));
}

TEST_F(RouterTest, ARequestNamesAFewAsSilentOnly) {
  wire::v1::RouteMessage request = Request(origin_, 1, self_.record.id());
  for (int i = 0; i <= Router::kMaxSilent; ++i) request.add_silent(1);
  router_.OnRoute(now_, neighbour_.record.id(), request);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_bad_route"), 1u);
}

TEST_F(RouterTest, ACopyOfAnAttemptIsDroppedARetryIsNot) {
  wire::v1::RouteMessage request = Request(origin_, 1, self_.record.id());
  router_.OnRoute(now_, neighbour_.record.id(), request);
  router_.OnRoute(now_, neighbour_.record.id(), request);
  EXPECT_TRUE(router_.PollDelivered().has_value());
  EXPECT_FALSE(router_.PollDelivered().has_value());
  EXPECT_EQ(self_.counters.Get("overlay.dropped_duplicate_routes"), 1u);
  router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, 1, self_.record.id(), 1));
  EXPECT_TRUE(router_.PollDelivered().has_value());
}

TEST_F(RouterTest, AForgedAttemptKeepsNoTrueOneOut) {
  // A liar who was the first hop: all attempts, in the origin's name.
  for (uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    wire::v1::RouteMessage forged = Request(origin_, 1, self_.record.id(), attempt);
    forged.set_signature(std::string(64, 'x'));
    router_.OnRoute(now_, neighbour_.record.id(), forged);
  }
  EXPECT_EQ(Deliveries(), 0);
  for (uint32_t attempt = 0; attempt < 4; ++attempt) {
    router_.OnRoute(now_, other_.record.id(), Request(origin_, 1, self_.record.id(), attempt));
  }
  EXPECT_EQ(Deliveries(), 4);
}

TEST_F(RouterTest, AHopCannotMakeUpAttempts) {
  const wire::v1::RouteMessage kept = Request(origin_, 1, self_.record.id());
  wire::v1::RouteBody body;
  ASSERT_TRUE(ParseProto(AsBytes(kept.body()), body));
  for (uint32_t i = 0; i < 1000; ++i) {
    wire::v1::RouteMessage again = kept;
    body.set_attempt(i % kAttempts);
    again.set_body(body.SerializeAsString());
    router_.OnRoute(now_, neighbour_.record.id(), again);
  }
  EXPECT_EQ(Deliveries(), 1) << "the answer goes back once for each attempt of the origin";
  router_.OnRoute(now_, other_.record.id(), Request(origin_, 1, self_.record.id(), 1));
  EXPECT_EQ(Deliveries(), 1) << "the retry by another way";
  router_.OnRoute(now_, other_.record.id(), Request(origin_, 1, self_.record.id(), kAttempts));
  EXPECT_EQ(self_.counters.Get("overlay.dropped_bad_route"), 1u);
}

TEST_F(RouterTest, ABrokenSignatureDoesNotLeadTheAnswerAstray) {
  const auto link = [this](Party& peer) {
    self_.links.Connect(now_, peer.record);
    Exchange2(now_, self_, peer);
    peer.Events();
  };
  link(neighbour_);
  link(other_);
  router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, 1, self_.record.id()));
  const auto delivered = router_.PollDelivered();
  ASSERT_TRUE(delivered.has_value());
  wire::v1::RouteMessage forged = Request(origin_, 1, self_.record.id(), 1);
  forged.set_signature(std::string(64, 'x'));
  router_.OnRoute(now_, other_.record.id(), forged);
  router_.Reply(now_, *delivered, wire::v1::RouteReplyBody());
  Exchange2(now_, self_, neighbour_);
  EXPECT_EQ(Of<MessageReceived>(neighbour_.Events()).size(), 1u);
}

TEST_F(RouterTest, ChecksOfSignaturesAreBounded) {
  wire::v1::RouteMessage forged = Request(origin_, 1, self_.record.id());
  forged.set_signature(std::string(64, 'x'));
  for (int i = 0; i < 1000; ++i) router_.OnRoute(now_, neighbour_.record.id(), forged);
  EXPECT_LE(self_.counters.Get("overlay.dropped_bad_route_signature"), 20u);
  EXPECT_GE(self_.counters.Get("overlay.refused_route_rate"), 980u);
  // Nobody else suffers.
  router_.OnRoute(now_, other_.record.id(), Request(origin_, 1, self_.record.id()));
  EXPECT_EQ(Deliveries(), 1);
  router_.OnLinkDown(neighbour_.record.id());
}

TEST_F(RouterTest, AHopCannotSpeakForTheOrigin) {
  // The neighbour signs a request in the origin's name, and changes one that the origin signed.
  wire::v1::RouteMessage forged = Request(origin_, 1, self_.record.id());
  forged.set_signature(Request(neighbour_, 1, self_.record.id()).signature());
  router_.OnRoute(now_, neighbour_.record.id(), forged);
  wire::v1::RouteMessage changed = Request(origin_, 2, self_.record.id());
  wire::v1::RouteBody body;
  ASSERT_TRUE(ParseProto(AsBytes(changed.body()), body));
  body.set_payload("jello");
  changed.set_body(body.SerializeAsString());
  router_.OnRoute(now_, neighbour_.record.id(), changed);
  EXPECT_FALSE(router_.PollDelivered().has_value());
  EXPECT_EQ(self_.counters.Get("overlay.dropped_bad_route_signature"), 2u);
}

TEST_F(RouterTest, AnAnswerUnderAFalseNameIsRefused) {
  wire::v1::RouteReplyBody body;
  body.set_message_id(5);
  body.set_origin_id(self_.record.id().ToString());
  body.set_responder(ToText(origin_.record.bytes()));
  wire::v1::RouteReply reply;
  reply.set_body(body.SerializeAsString());
  router_.OnReply(now_, neighbour_.record.id(), reply);
  reply.set_signature(std::string(64, 'x'));
  router_.OnReply(now_, neighbour_.record.id(), reply);
  EXPECT_FALSE(router_.PollReply().has_value());
  EXPECT_EQ(self_.counters.Get("overlay.dropped_bad_reply_signature"), 2u);
  // Signed by the responder it may come through anybody.
  reply.set_signature(
      origin_.keys.signing_key.Sign(Signed(absl::string_view("p2pd reply\0", 11), reply.body()))
          .ToString());
  router_.OnReply(now_, neighbour_.record.id(), reply);
  ASSERT_TRUE(router_.PollReply().has_value());
}

TEST_F(RouterTest, AnAnswerThatNobodyAskedForIsNotPassedOn) {
  wire::v1::RouteReplyBody body;
  body.set_message_id(5);
  body.set_origin_id(origin_.record.id().ToString());
  wire::v1::RouteReply reply;
  reply.set_body(body.SerializeAsString());
  reply.set_signature(std::string(64, 'x'));
  router_.OnReply(now_, neighbour_.record.id(), reply);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_unasked_reply"), 1u);
}

TEST_F(RouterTest, AnEndlessRequestDies) {
  ring_.Consider(now_, neighbour_.record.id());
  wire::v1::RouteMessage request = Request(origin_, 1, neighbour_.record.id());
  request.set_hops(Router::kMaxHops);
  router_.OnRoute(now_, neighbour_.record.id(), request);
  EXPECT_EQ(router_.flights(), 0u);
}

TEST_F(RouterTest, WaitsUntilWeAreActive) {
  ring_.SetActive(false);
  router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, 1, self_.record.id()));
  EXPECT_FALSE(router_.PollDelivered().has_value());
  ring_.SetActive(true);
  router_.Reconsider(now_);
  EXPECT_TRUE(router_.PollDelivered().has_value());
}

TEST_F(RouterTest, AStopSaysHowLongItKeptTheRequestAndWhoWasSilent) {
  self_.links.Connect(now_, neighbour_.record);
  Exchange2(now_, self_, neighbour_);
  neighbour_.Events();
  ring_.Consider(now_, neighbour_.record.id());
  wire::v1::RouteBody body;
  ASSERT_TRUE(ParseProto(AsBytes(Request(self_, 1, neighbour_.record.id()).body()), body));
  body.set_trace(true);
  // The second attempt: the first went through another, in vain.
  const Instant since = now_ - absl::Milliseconds(700);
  EXPECT_EQ(router_.Submit(now_, SignRoute(self_.keys, body), {other_.record.id()}, since),
            neighbour_.record.id());
  Exchange2(now_, self_, neighbour_);
  const auto received = Of<MessageReceived>(neighbour_.Events());
  ASSERT_EQ(received.size(), 1u);
  wire::v1::OverlayMessage message;
  ASSERT_TRUE(ParseProto(received[0].bytes, message));
  ASSERT_EQ(message.route().trace_size(), 1);
  EXPECT_EQ(message.route().trace(0).waited_us(), 700'000u);
  ASSERT_EQ(message.route().trace(0).silent_size(), 1);
  EXPECT_EQ(message.route().trace(0).silent(0), other_.record.id().ToString());
}

TEST_F(RouterTest, FlightsAreBoundedAndExpire) {
  ring_.SetActive(false);
  for (uint64_t i = 1; i < Router::kMaxFlights; ++i) {
    const wire::v1::RouteMessage request = Request(self_, i, self_.record.id());
    router_.Submit(now_, request, {}, now_);
  }
  EXPECT_EQ(router_.flights(), Router::kMaxFlights - 1);
  router_.Submit(now_, Request(self_, 2000, self_.record.id()), {}, now_);
  router_.Submit(now_, Request(self_, 2001, self_.record.id()), {}, now_);
  EXPECT_EQ(router_.flights(), Router::kMaxFlights);
  EXPECT_EQ(self_.counters.Get("overlay.refused_flights_full"), 1u);
  router_.OnTimeout(now_ + Router::kFlightLifetime);
  EXPECT_EQ(router_.flights(), 0u);
}

TEST_F(RouterTest, ANeighbourHasHisShareOfTheFlights) {
  ring_.SetActive(false);
  for (uint64_t i = 1; i <= Router::kMaxFlights; ++i) {
    router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, i, self_.record.id()));
  }
  EXPECT_EQ(router_.flights(), Router::kMaxFlights / 8);
  EXPECT_EQ(self_.counters.Get("overlay.refused_flights_full"), Router::kMaxFlights * 7 / 8);
  router_.OnRoute(now_, other_.record.id(), Request(origin_, 3000, self_.record.id()));
  EXPECT_EQ(router_.flights(), Router::kMaxFlights / 8 + 1) << "the other's is taken";
  router_.OnTimeout(now_ + Router::kFlightLifetime);
  router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, 4000, self_.record.id()));
  EXPECT_EQ(router_.flights(), 1u) << "what ends is given back";
}

TEST_F(RouterTest, WhoFillsTheMemoryForgetsHisOwn) {
  router_.OnRoute(now_, other_.record.id(), Request(origin_, 1, self_.record.id()));
  ASSERT_EQ(Deliveries(), 1);
  for (uint64_t i = 2; i < Router::kMaxSeen + 100; ++i) {
    // At a rate that he may have.
    now_ = now_ + absl::Milliseconds(2);
    router_.OnRoute(now_, neighbour_.record.id(), Request(origin_, i, self_.record.id()));
    Deliveries();
  }
  EXPECT_EQ(router_.seen(), Router::kMaxSeen);
  const auto knows = [this](const Party& from, uint64_t id) {
    router_.OnRoute(now_, from.record.id(), Request(origin_, id, self_.record.id()));
    return Deliveries() == 0;
  };
  EXPECT_FALSE(knows(neighbour_, 2));
  EXPECT_TRUE(knows(other_, 1));
}

}  // namespace
}  // namespace p2pd::overlay
