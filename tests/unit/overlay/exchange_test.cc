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
  std::optional<AnswerToken> token_;
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

// Of this request, not of what the link was like before.
TEST_F(ExchangeTest, TracedTimesAreOfThisRequest) {
  RouteOptions options;
  options.trace = true;
  for (const absl::Duration latency : {absl::Milliseconds(1), absl::Milliseconds(100)}) {
    world_.SetLatency([latency](const net::Endpoint&, const net::Endpoint&) { return latency; });
    const auto id = a_.Route(b_.id(), Service::kApplication, {1}, options);
    world_.RunFor(absl::Seconds(2));
    ASSERT_NE(a_.ResponseTo(id), nullptr);
    const absl::Duration took = a_.ResponseTo(id)->round_trip;
    EXPECT_GE(took, 2 * latency);
    const std::vector<TraceHop> hops = a_.node().TraceOf(id);
    ASSERT_EQ(hops.size(), 2u);
    EXPECT_EQ(hops[0].since_start, absl::ZeroDuration());
    EXPECT_LE(hops[1].since_start, took);
    EXPECT_GE(hops[1].since_start, latency * 0.99);
    EXPECT_LE(hops[1].since_start, took - latency * 0.99);
  }
}

TEST_F(ExchangeTest, ATraceShowsHowLongTheRootTook) {
  b_.SetHandler([this](Instant, Event& event) {
    const auto* request = std::get_if<IncomingRequest>(&event);
    if (request == nullptr) return false;
    token_ = request->token;
    return true;
  });
  RouteOptions options;
  options.trace = true;
  const auto id = a_.Route(b_.id(), Service::kStore, {1}, options);
  world_.RunFor(absl::Milliseconds(250));
  ASSERT_TRUE(token_.has_value());
  b_.node().Answer(world_.now(), *token_, {1});
  b_.Kick();
  world_.RunFor(absl::Seconds(1));
  const std::vector<TraceHop> hops = a_.node().TraceOf(id);
  ASSERT_EQ(hops.size(), 2u);
  EXPECT_GT(hops[1].waited, absl::Milliseconds(100));
  EXPECT_LT(hops[1].since_start, absl::Milliseconds(150)) << "it was there long before the answer";
  EXPECT_LT(hops[1].since_start + hops[1].waited, a_.ResponseTo(id)->round_trip);
}

// Found by a reviewer: what an origin says of its own address was taken for where it is.
TEST_F(ExchangeTest, OfARoutedRequestWhoHandedItOverIsSeen) {
  std::optional<IncomingRequest> seen;
  b_.SetHandler([&](Instant, Event& event) {
    if (const auto* request = std::get_if<IncomingRequest>(&event)) seen = *request;
    return false;
  });
  NodeOptions options;
  options.addresses = {*net::Endpoint::Parse("20.7.0.1:1")};
  sim::OverlayHost liar(world_, 9, options);
  liar.Start({a_.at()});
  world_.RunFor(absl::Seconds(10));
  liar.Route(b_.id(), Service::kApplication, {1});
  world_.RunFor(absl::Seconds(3));
  ASSERT_TRUE(seen.has_value());
  EXPECT_NE(seen->bearer, options.addresses.front());
  EXPECT_FALSE(seen->proved);
}

// Two nodes, each its own ring.
class UnlinkedTest : public testing::Test {
 protected:
  void SetUp() override {
    a_.Start({});
    b_.Start({});
  }
  LetterTarget Target(const sim::OverlayHost& host) {
    const NodeRecord& record = host.node().self();
    return {Head(record.id()), host.at(), record.sealing_key()};
  }
  RequestId Ask(Service service, Bytes payload, const LetterOptions& options = {}) {
    const RequestId id =
        a_.node().AskUnlinked(world_.now(), Target(b_), service, std::move(payload), options);
    a_.Kick();
    return id;
  }
  // b answers requests to the store with `bytes`, and counts them.
  void ServeStore(size_t bytes) {
    b_.SetHandler([this, bytes](Instant now, Event& event) {
      const auto* request = std::get_if<IncomingRequest>(&event);
      if (request == nullptr || request->service != Service::kStore) return false;
      ++served_;
      b_.node().Answer(now, request->token, Bytes(bytes, 5));
      return true;
    });
  }
  const Response& ResponseTo(RequestId id) {
    EXPECT_NE(a_.ResponseTo(id), nullptr);
    return *a_.ResponseTo(id);
  }
  bool Linked() { return !a_.node().Peers(world_.now()).empty(); }
  sim::World world_{1};
  sim::OverlayHost a_{world_, 1};
  sim::OverlayHost b_{world_, 2};
  int served_ = 0;
};

TEST_F(UnlinkedTest, OneDatagramEachWay) {
  const RequestId id = Ask(Service::kApplication, {1, 2, 3});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(id).payload, (Bytes{1, 2, 3}));
  EXPECT_EQ(ResponseTo(id).from, b_.node().self());
  EXPECT_EQ(ResponseTo(id).hops, 1);
  EXPECT_EQ(world_.traffic().datagrams, 2u);
  EXPECT_FALSE(Linked());
  EXPECT_EQ(a_.node().traffic().letters.count, 1u);
  EXPECT_EQ(b_.node().traffic().letters.count, 1u);
  const auto* request = std::get_if<IncomingRequest>(&b_.events.back());
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->from, a_.node().self());
  EXPECT_EQ(request->bearer, a_.at());
  EXPECT_FALSE(request->key.has_value());
}

TEST_F(UnlinkedTest, WhoDemandsProofGetsTheRequestAgainWithIt) {
  std::vector<bool> proved;
  b_.SetHandler([&](Instant now, Event& event) {
    const auto* request = std::get_if<IncomingRequest>(&event);
    if (request == nullptr) return false;
    proved.push_back(request->proved);
    if (b_.node().DemandProof(now, request->token)) return true;
    b_.node().Answer(now, request->token, request->payload);
    return true;
  });
  const RequestId id = Ask(Service::kStore, {1, 2});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(id).payload, (Bytes{1, 2}));
  EXPECT_EQ(proved, (std::vector<bool>{false, true}));
  EXPECT_EQ(world_.traffic().datagrams, 4u);
  EXPECT_FALSE(Linked());
}

TEST_F(UnlinkedTest, LossIsRetriedAndTheServiceRunsOnce) {
  ServeStore(10);
  int datagram = 0;
  world_.SetTap([&](const net::Endpoint&, net::Transmit&) { return ++datagram != 1; });
  const RequestId first = Ask(Service::kStore, {1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(first).payload.size(), 10u);
  EXPECT_EQ(served_, 1) << "the letter was lost";
  datagram = 0;
  world_.SetTap([&](const net::Endpoint&, net::Transmit&) { return ++datagram != 2; });
  const RequestId second = Ask(Service::kStore, {1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(second).payload.size(), 10u);
  EXPECT_EQ(served_, 2) << "the answer was lost";
  EXPECT_EQ(b_.counters().Get("overlay.answers_repeated"), 1u);
}

TEST_F(UnlinkedTest, AReplayIsAnsweredFromTheTable) {
  ServeStore(10);
  std::optional<net::Transmit> letter;
  world_.SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    if (from == a_.at()) letter = transmit;
    return true;
  });
  Ask(Service::kStore, {1});
  world_.RunFor(absl::Seconds(1));
  ASSERT_TRUE(letter.has_value());
  const uint64_t before = b_.node().traffic().letters.bytes;
  const net::Endpoint thief = *net::Endpoint::Parse("192.0.2.66:1");
  for (int i = 0; i < 5; ++i) world_.Inject(thief, *letter);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(served_, 1);
  EXPECT_EQ(b_.counters().Get("overlay.answers_repeated"), 5u);
  EXPECT_LE(b_.node().traffic().letters.bytes - before, 5 * letter->datagram.size());
}

TEST_F(UnlinkedTest, ALargeAnswerComesForACookieAndALargerOneOverALink) {
  ServeStore(1000);
  const RequestId cookie = Ask(Service::kStore, {1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(cookie).payload.size(), 1000u);
  EXPECT_EQ(served_, 1) << "the second letter was answered from the table";
  EXPECT_FALSE(Linked());
  LetterOptions options;
  options.answer_bytes = 960;
  ServeStore(960);
  const uint64_t before = world_.traffic().datagrams;
  const RequestId padded = Ask(Service::kStore, {1}, options);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(padded).payload.size(), 960u);
  EXPECT_EQ(world_.traffic().datagrams - before, 2u);
  options.answer_bytes = 1920;
  ServeStore(1920);
  const RequestId copies = Ask(Service::kStore, {1}, options);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(copies).payload.size(), 1920u);
  EXPECT_EQ(world_.traffic().datagrams - before, 2u + 4u);
  ServeStore(kMaxPayload);
  const RequestId linked = Ask(Service::kStore, {1});
  world_.RunFor(absl::Seconds(3));
  EXPECT_EQ(ResponseTo(linked).payload.size(), kMaxPayload);
  EXPECT_EQ(served_, 4) << "the request over the link was answered from the table";
  EXPECT_TRUE(Linked());
}

TEST_F(UnlinkedTest, ALargeRequestMakesALinkAndALinkIsUsed) {
  const RequestId large = Ask(Service::kApplication, Bytes(kMaxPayload, 7));
  world_.RunFor(absl::Seconds(3));
  EXPECT_EQ(ResponseTo(large).payload.size(), kMaxPayload);
  ASSERT_TRUE(Linked());
  const uint64_t letters = a_.node().traffic().letters.count;
  const RequestId small = Ask(Service::kApplication, {1});
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(ResponseTo(small).payload, Bytes{1});
  EXPECT_EQ(a_.node().traffic().letters.count, letters);
}

TEST_F(UnlinkedTest, FailuresAreTold) {
  const RequestId unknown = Ask(static_cast<Service>(77), {1});
  const RequestId own = a_.node().AskUnlinked(world_.now(), Target(a_), Service::kApplication, {1});
  const RequestId large = Ask(Service::kApplication, Bytes(kMaxPayload + 1));
  b_.SetHandler([](Instant, Event&) { return true; });
  LetterOptions options;
  options.timeout = absl::Milliseconds(700);
  const RequestId late = Ask(Service::kApplication, {1}, options);
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnimplemented(a_.FailureOf(unknown)->status));
  EXPECT_TRUE(absl::IsInvalidArgument(a_.FailureOf(own)->status));
  EXPECT_TRUE(absl::IsInvalidArgument(a_.FailureOf(large)->status));
  EXPECT_TRUE(absl::IsDeadlineExceeded(a_.FailureOf(late)->status));
  b_.Crash();
  const RequestId gone = Ask(Service::kApplication, {1});
  world_.RunFor(absl::Milliseconds(1199));
  EXPECT_FALSE(a_.Finished(gone));
  world_.RunFor(absl::Milliseconds(2));
  ASSERT_TRUE(a_.Finished(gone));
  EXPECT_TRUE(absl::IsUnavailable(a_.FailureOf(gone)->status));
}

}  // namespace
}  // namespace p2pd::overlay
