#include "libcore/presence/messages.h"

#include <gtest/gtest.h>

#include "p2pd/wire/v1/presence.pb.h"

namespace p2pd::presence {
namespace {

Lease Some() {
  Lease lease;
  lease.availability = Availability::kBusy;
  lease.epoch = 7;
  lease.sequence = 8;
  lease.state_sequence = store::Sequence(9);
  lease.life = absl::Seconds(20);
  return lease;
}

TEST(PresenceMessages, OfferAnswerAndLeaseComeBackAsTheyWent) {
  const auto offer = ParseOffer(EncodeOffer({true, Some()}));
  ASSERT_TRUE(offer && offer->lease);
  EXPECT_TRUE(offer->watch);
  EXPECT_EQ(offer->lease->availability, Availability::kBusy);
  EXPECT_EQ(offer->lease->epoch, 7u);
  EXPECT_EQ(offer->lease->sequence, 8u);
  EXPECT_EQ(offer->lease->state_sequence.value(), 9u);
  EXPECT_EQ(offer->lease->life, absl::Seconds(20));
  const auto answer = ParseAnswer(EncodeAnswer({Some(), true}));
  ASSERT_TRUE(answer && answer->lease);
  EXPECT_TRUE(answer->leases_follow);
  EXPECT_TRUE(ParseLease(EncodeLease(Some())));
  EXPECT_TRUE(ParseOffer(EncodeOffer({false, std::nullopt})));
  EXPECT_LE(EncodeOffer({true, Some()}).size(), 64u);
}

TEST(PresenceMessages, ALifeIsHeldWithinItsBounds) {
  wire::v1::PresenceMessage message;
  message.mutable_lease()->set_availability(wire::v1::PresenceLease::AVAILABILITY_ONLINE);
  message.mutable_lease()->set_life_ms(4'000'000'000);
  EXPECT_EQ(ParseLease(AsBytes(message.SerializeAsString()))->life, kLongestLease);
  message.mutable_lease()->set_life_ms(0);
  EXPECT_EQ(ParseLease(AsBytes(message.SerializeAsString()))->life, kShortestLease);
}

TEST(PresenceMessages, NonsenseIsNothing) {
  EXPECT_FALSE(ParseOffer(AsBytes("\xff\xff\xff")));
  EXPECT_FALSE(ParseAnswer(AsBytes("\xff\xff\xff")));
  EXPECT_FALSE(ParseLease(AsBytes("\xff\xff\xff")));
  EXPECT_FALSE(ParseLease(ByteView()));  // no lease in it
  EXPECT_FALSE(ParseLease(Bytes(session::kMaxMessage + 1)));
  wire::v1::PresenceOffer offer;
  offer.mutable_lease()->set_epoch(1);  // a lease that says nothing
  EXPECT_FALSE(ParseOffer(AsBytes(offer.SerializeAsString())));
  wire::v1::PresenceAnswer answer;
  answer.mutable_lease()->set_availability(static_cast<wire::v1::PresenceLease::Availability>(77));
  EXPECT_FALSE(ParseAnswer(AsBytes(answer.SerializeAsString())));
}

TEST(PresenceMessages, FlagsAndWhoCountsFirst) {
  for (const Availability a :
       {Availability::kOnline, Availability::kAway, Availability::kBusy, Availability::kOffline}) {
    EXPECT_EQ(FromFlag(ToFlag(a)), a);
    EXPECT_EQ(MoreReachable(a, Availability::kUnknown), a);
    EXPECT_EQ(MoreReachable(Availability::kOnline, a), Availability::kOnline);
  }
  EXPECT_EQ(ToFlag(Availability::kUnknown), wire::v1::UserStateBody::FLAG_UNSPECIFIED);
  EXPECT_EQ(FromFlag(static_cast<wire::v1::UserStateBody::Flag>(99)), Availability::kUnknown);
  EXPECT_EQ(MoreReachable(Availability::kAway, Availability::kBusy), Availability::kBusy);
}

}  // namespace
}  // namespace p2pd::presence
