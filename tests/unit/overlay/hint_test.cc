#include "libcore/overlay/hint.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

HintEvent Came(uint64_t head) {
  HintEvent out;
  out.hint.head = head;
  out.hint.stamp = 77;
  out.hint.endpoint = EndpointAt(9, 1234);
  SeededRng rng(head);
  out.hint.sealing_key = rng.Make<pki::X25519Public>();
  out.hint.place = Coordinate().Pack();
  out.hint.born = At(absl::Seconds(1000));
  return out;
}
HintEvent Went(uint64_t head) {
  HintEvent out;
  out.there = false;
  out.hint.head = head;
  out.hint.stamp = 78;
  return out;
}
Bytes Write(Instant now, const std::vector<HintEvent>& events) {
  ByteWriter writer;
  for (const HintEvent& event : events) WriteHintEvent(now, event, writer);
  return std::move(writer).Take();
}

TEST(Hint, EventsTravel) {
  const Instant now = At(absl::Seconds(1600));
  HintEvent six = Came(3);
  six.hint.endpoint = *net::Endpoint::Parse("[2001:db8::1]:99");
  const Bytes bytes = Write(now, {Came(1), Went(2), six});
  EXPECT_EQ(bytes.size(), HintEventSize(Came(1)) + HintEventSize(Went(2)) + HintEventSize(six));
  EXPECT_EQ(HintEventSize(six), kMaxHintEvent);
  const auto back = ParseHintEvents(now, bytes, 3);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 3u);
  EXPECT_TRUE((*back)[0].there);
  EXPECT_EQ((*back)[0].hint.head, 1u);
  EXPECT_EQ((*back)[0].hint.stamp, 77u);
  EXPECT_EQ((*back)[0].hint.endpoint, EndpointAt(9, 1234));
  EXPECT_EQ((*back)[0].hint.sealing_key, Came(1).hint.sealing_key);
  EXPECT_EQ((*back)[0].hint.learnt, now);
  // 600 s of age, to a power of two.
  EXPECT_EQ((*back)[0].hint.born, now - absl::Seconds(512));
  EXPECT_FALSE((*back)[1].there);
  EXPECT_EQ((*back)[2].hint.endpoint, six.hint.endpoint);
}

TEST(Hint, WhatDoesNotParseIsRefused) {
  const Instant now = At(absl::Seconds(1600));
  const Bytes good = Write(now, {Came(1), Went(2)});
  EXPECT_TRUE(ParseHintEvents(now, {}, 1));
  EXPECT_FALSE(ParseHintEvents(now, good, 1)) << "too many";
  for (size_t cut = 1; cut < good.size(); ++cut) {
    if (cut == HintEventSize(Came(1))) continue;
    EXPECT_FALSE(ParseHintEvents(now, ByteView(good).subspan(0, cut), 8)) << cut;
  }
  Bytes bad = good;
  bad[0] = 3;
  EXPECT_FALSE(ParseHintEvents(now, bad, 8)) << "kind";
  HintEvent nowhere = Came(1);
  nowhere.hint.endpoint.port = 0;
  EXPECT_FALSE(ParseHintEvents(now, Write(now, {nowhere}), 8)) << "port 0";
  nowhere.hint.endpoint = *net::Endpoint::Parse("224.0.0.1:5");
  EXPECT_FALSE(ParseHintEvents(now, Write(now, {nowhere}), 8)) << "multicast";
  nowhere.hint.endpoint = *net::Endpoint::Parse("0.0.0.0:5");
  EXPECT_FALSE(ParseHintEvents(now, Write(now, {nowhere}), 8)) << "nowhere";
}

TEST(Hint, StampsAreSerialNumbers) {
  EXPECT_TRUE(LaterStamp(2, 1));
  EXPECT_FALSE(LaterStamp(1, 1));
  EXPECT_FALSE(LaterStamp(1, 2));
  EXPECT_TRUE(LaterStamp(3, 0xfffffff0));
}

TEST(Hint, DistancesGoTheShorterWay) {
  EXPECT_EQ(HeadDistance(1, 4), 3u);
  EXPECT_EQ(HeadDistance(4, 1), 3u);
  EXPECT_EQ(HeadDistance(~uint64_t{0}, 1), 2u);
  EXPECT_EQ(ClockwiseHeads(~uint64_t{0}, 1), 2u);
}

TEST(Hint, MixedHeadsAreSpread) {
  int low = 0;
  for (uint64_t i = 0; i < 1000; ++i) low += MixHead(i, 3) >> 63 == 0 ? 1 : 0;
  EXPECT_NEAR(low, 500, 60);
  EXPECT_NE(MixHead(5, 1), MixHead(5, 2));
}

}  // namespace
}  // namespace p2pd::overlay
