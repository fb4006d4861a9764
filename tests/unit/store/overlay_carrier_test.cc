#include "libcore/store/overlay_carrier.h"

#include <gtest/gtest.h>

namespace p2pd::store {
namespace {

class OverlayCarrierTest : public testing::Test {
 protected:
  static overlay::NodeOptions Options() {
    overlay::NodeOptions options;
    options.addresses = {*net::Endpoint::Parse("192.0.2.1:7464")};
    options.epoch = 1;
    return options;
  }
  OverlayCarrierTest() { node.Start(now, {}, {}); }
  StoreRequest Locate() {
    StoreRequest request;
    request.mutable_locate()->set_place(Key().ToString());
    return request;
  }
  Instant now;
  SeededRng rng{1};
  Counters counters;
  overlay::NodeKeys keys = overlay::NodeKeys::Generate(rng);
  overlay::Node node{Options(), keys, rng, counters};
  OverlayCarrier carrier{node};
};

TEST_F(OverlayCarrierTest, RequestsToOurselvesComeBack) {
  carrier.Speak({Part::kGet, 7});
  const auto id = carrier.Ask(now, node.self(), Locate(), absl::Seconds(1));
  EXPECT_TRUE(carrier.Owns(id));
  const auto request = carrier.PollLocalRequest();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->id, id);
  EXPECT_FALSE(carrier.PollLocalRequest().has_value());
  StoreReply reply;
  reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
  carrier.Answer(now, ReplyTo{std::nullopt, request->id}, reply);
  const auto answer = carrier.PollLocalReply();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id, id);
  EXPECT_EQ(answer->from.id(), node.self().id());
}

TEST_F(OverlayCarrierTest, KnowsWhoseARequestWas) {
  carrier.Speak({Part::kPut, 3});
  const auto put = carrier.Route(now, Key(), Locate(), {});
  carrier.Speak({Part::kServer, 0});
  const auto other = carrier.Ask(now, node.self(), Locate(), absl::Seconds(1));
  EXPECT_NE(put, other);
  const auto sender = carrier.Take(put);
  ASSERT_TRUE(sender.has_value());
  EXPECT_EQ(sender->part, Part::kPut);
  EXPECT_EQ(sender->number, 3u);
  EXPECT_FALSE(carrier.Take(put).has_value());
  EXPECT_FALSE(carrier.Owns(put));
  EXPECT_EQ(carrier.Take(other)->part, Part::kServer);
}

TEST_F(OverlayCarrierTest, AloneWeAreTheRootOfEverything) {
  EXPECT_TRUE(carrier.IsRoot(Key()));
  const auto set = carrier.ReplicaSet(Key());
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->size(), 1u);
  EXPECT_TRUE(carrier.LeafSet().empty());
}

}  // namespace
}  // namespace p2pd::store
