#include "libcore/media/negotiation.h"

#include <gtest/gtest.h>

#include "p2pd/wire/v1/media.pb.h"

namespace p2pd::media {
namespace {

Bytes Encode(const google::protobuf::MessageLite& message) {
  return ToBytes(AsBytes(message.SerializeAsString()));
}

wire::v1::MediaOffer GoodOffer() {
  wire::v1::MediaOffer offer;
  auto* codec = offer.add_codecs();
  codec->set_name("opus");
  codec->set_payload_type(100);
  codec->set_clock_rate(48'000);
  codec->set_ptime_ms(20);
  codec->set_max_bitrate(24'000);
  offer.set_ssrc(7);
  offer.add_suites(wire::v1::SRTP_SUITE_AEAD_AES_256_GCM);
  offer.add_suites(wire::v1::SRTP_SUITE_AEAD_AES_128_GCM);
  return offer;
}

TEST(Negotiation, BothSidesAgree) {
  SeededRng rng(1);
  NegotiationOptions caller;
  caller.max_bitrate = 40'000;
  NegotiationOptions callee;
  callee.max_bitrate = 20'000;
  const Offer offer = MakeOffer(caller, rng);
  EXPECT_LE(offer.encoded.size(), 64u);
  const auto answer = AnswerOffer(offer.encoded, callee, rng);
  ASSERT_TRUE(answer.has_value());
  const auto ours = AcceptAnswer(offer, answer->encoded);
  ASSERT_TRUE(ours.has_value());
  const Negotiated& theirs = answer->negotiated;
  EXPECT_EQ(ours->suite, SrtpSuite::kAeadAes128Gcm);
  EXPECT_EQ(ours->suite, theirs.suite);
  EXPECT_EQ(ours->payload_type, theirs.payload_type);
  EXPECT_EQ(ours->local_ssrc, theirs.remote_ssrc);
  EXPECT_EQ(ours->remote_ssrc, theirs.local_ssrc);
  EXPECT_NE(ours->local_ssrc, ours->remote_ssrc);
  EXPECT_EQ(ours->max_send_bitrate, 20'000);
  EXPECT_EQ(theirs.max_send_bitrate, 40'000);
}

TEST(Negotiation, RedundancyWhereBothKnowIt) {
  SeededRng rng(3);
  const Offer offer = MakeOffer({}, rng);
  const auto answer = AnswerOffer(offer.encoded, {}, rng);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->negotiated.red_payload_type, 112);
  EXPECT_EQ(AcceptAnswer(offer, answer->encoded)->red_payload_type, 112);

  NegotiationOptions without;
  without.redundancy = false;
  const auto refused = AnswerOffer(offer.encoded, without, rng);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->negotiated.red_payload_type, std::nullopt);
  EXPECT_EQ(AcceptAnswer(offer, refused->encoded)->red_payload_type, std::nullopt);
  // Who did not offer it takes no answer with it.
  EXPECT_FALSE(AcceptAnswer(MakeOffer(without, rng), answer->encoded).has_value());
}

TEST(Negotiation, RedundancyHasATypeOfItsOwn) {
  SeededRng rng(4);
  auto message = GoodOffer();
  for (const uint32_t type : {0u, 95u, 100u, 128u, 1'000u}) {
    message.set_red_payload_type(type);
    const auto answer = AnswerOffer(Encode(message), {}, rng);
    ASSERT_TRUE(answer.has_value()) << type;
    EXPECT_EQ(answer->negotiated.red_payload_type, std::nullopt) << type;
  }
  message.set_red_payload_type(101);
  EXPECT_EQ(AnswerOffer(Encode(message), {}, rng)->negotiated.red_payload_type, 101);

  const Offer offer = MakeOffer({}, rng);
  wire::v1::MediaAnswer answer;
  const Bytes good = AnswerOffer(offer.encoded, {}, rng)->encoded;
  ASSERT_TRUE(answer.ParseFromArray(good.data(), static_cast<int>(good.size())));
  answer.set_red_payload_type(113);
  EXPECT_FALSE(AcceptAnswer(offer, Encode(answer)).has_value());
}

TEST(Negotiation, TheOfferersPreferenceAndTypeHold) {
  SeededRng rng(2);
  const auto answer = AnswerOffer(Encode(GoodOffer()), {}, rng);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->negotiated.suite, SrtpSuite::kAeadAes256Gcm);
  EXPECT_EQ(answer->negotiated.payload_type, 100);
  EXPECT_EQ(answer->negotiated.max_send_bitrate, 24'000);
}

TEST(Negotiation, UnknownThingsOfANewerPeerArePassedOver) {
  SeededRng rng(3);
  wire::v1::MediaOffer offer = GoodOffer();
  auto* newer = offer.mutable_codecs(0);
  *offer.add_codecs() = *newer;
  newer->set_name("opus2");
  offer.clear_suites();
  offer.add_suites(static_cast<wire::v1::SrtpSuite>(999));
  offer.add_suites(wire::v1::SRTP_SUITE_AEAD_AES_128_GCM);
  const auto answer = AnswerOffer(Encode(offer), {}, rng);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->negotiated.suite, SrtpSuite::kAeadAes128Gcm);
}

TEST(Negotiation, NothingInCommon) {
  SeededRng rng(4);
  NegotiationOptions only_256;
  only_256.suites = {SrtpSuite::kAeadAes256Gcm};
  wire::v1::MediaOffer offer = GoodOffer();
  offer.clear_suites();
  offer.add_suites(wire::v1::SRTP_SUITE_AEAD_AES_128_GCM);
  EXPECT_FALSE(AnswerOffer(Encode(offer), only_256, rng).has_value());
  offer.clear_suites();
  EXPECT_FALSE(AnswerOffer(Encode(offer), {}, rng).has_value());
}

TEST(Negotiation, BadOffersAreRefused) {
  SeededRng rng(5);
  const auto refused = [&rng](auto change) {
    wire::v1::MediaOffer offer = GoodOffer();
    change(offer);
    return !AnswerOffer(Encode(offer), {}, rng).has_value();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& o) { o.set_ssrc(0); }));
  EXPECT_TRUE(refused([](auto& o) { o.clear_codecs(); }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_payload_type(95); }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_payload_type(128); }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_clock_rate(8'000); }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_ptime_ms(0); }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_max_bitrate(0); }));
  EXPECT_TRUE(refused([](auto& o) {
    for (int i = 0; i < 8; ++i) *o.add_codecs() = o.codecs(0);
  }));
  EXPECT_TRUE(refused([](auto& o) {
    for (int i = 0; i < 8; ++i) o.add_suites(o.suites(0));
  }));
  EXPECT_TRUE(refused([](auto& o) { o.mutable_codecs(0)->set_name(std::string(500, 'x')); }));
  EXPECT_FALSE(AnswerOffer({}, {}, rng).has_value());
  EXPECT_FALSE(AnswerOffer(Bytes(40, 0xff), {}, rng).has_value());
}

TEST(Negotiation, AnAnswerMayNotChooseWhatWasNotOffered) {
  SeededRng rng(6);
  NegotiationOptions options;
  options.suites = {SrtpSuite::kAeadAes256Gcm};
  const Offer offer = MakeOffer(options, rng);
  const auto good = AnswerOffer(offer.encoded, {}, rng);
  ASSERT_TRUE(good.has_value());
  const auto refused = [&](auto change) {
    wire::v1::MediaAnswer answer;
    EXPECT_TRUE(
        answer.ParseFromArray(good->encoded.data(), static_cast<int>(good->encoded.size())));
    change(answer);
    return !AcceptAnswer(offer, Encode(answer)).has_value();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& a) { a.set_suite(wire::v1::SRTP_SUITE_AEAD_AES_128_GCM); }));
  EXPECT_TRUE(refused([](auto& a) { a.set_suite(wire::v1::SRTP_SUITE_UNSPECIFIED); }));
  EXPECT_TRUE(refused([](auto& a) { a.set_ssrc(0); }));
  EXPECT_TRUE(refused([&](auto& a) { a.set_ssrc(offer.local_ssrc); }));
  EXPECT_TRUE(refused([](auto& a) { a.mutable_codec()->set_payload_type(112); }));
  EXPECT_TRUE(refused([](auto& a) { a.clear_codec(); }));
  EXPECT_FALSE(AcceptAnswer(offer, Bytes(600, 0)).has_value());
}

TEST(Negotiation, RatesAreBroughtIntoRange) {
  SeededRng rng(7);
  wire::v1::MediaOffer offer = GoodOffer();
  offer.mutable_codecs(0)->set_max_bitrate(0xffff'ffff);
  EXPECT_EQ(AnswerOffer(Encode(offer), {}, rng)->negotiated.max_send_bitrate, kMaxBitrate);
}

}  // namespace
}  // namespace p2pd::media
