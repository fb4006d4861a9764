#include "libcore/session/envelope.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/net/demux.h"

namespace p2pd::session {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;

HelloNonce Nonce(uint8_t fill) {
  HelloNonce out;
  for (uint8_t& byte : out.mutable_view()) byte = fill;
  return out;
}
const ReceiverHint kHint = *ReceiverHint::FromView("hint");
const Cookie kCookie = *Cookie::FromView("seventeen bytes!!");

Bytes Pattern(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i * 7);
  return out;
}

TEST(EnvelopeTest, HelloFragmentsCarryTheWholeInDatagramsOfOurSize) {
  for (const size_t size : {size_t{1}, HelloCapacity(1, true), HelloCapacity(4, true)}) {
    const Bytes sealed = Pattern(size);
    const std::vector<Bytes> datagrams = SplitHello(Nonce(1), kHint, kCookie, sealed);
    Bytes joined;
    for (size_t i = 0; i < datagrams.size(); ++i) {
      EXPECT_LE(datagrams[i].size(), net::kMaxDatagram);
      EXPECT_EQ(net::Classify(datagrams[i]), net::DatagramKind::kSession);
      const auto envelope = ParseEnvelope(datagrams[i]);
      ASSERT_TRUE(envelope.has_value());
      const auto& fragment = std::get<HelloFragment>(*envelope);
      EXPECT_EQ(fragment.index, i);
      EXPECT_EQ(fragment.count, datagrams.size());
      EXPECT_EQ(fragment.nonce, Nonce(1));
      EXPECT_EQ(fragment.hint, kHint);
      EXPECT_EQ(fragment.cookie, kCookie);
      Append(joined, fragment.part);
    }
    EXPECT_EQ(joined, sealed);
  }
}

TEST(EnvelopeTest, WhatDoesNotFitInFourDatagramsIsNotSplit) {
  EXPECT_THAT(SplitHello(Nonce(1), kHint, {}, Pattern(HelloCapacity(4, false))), SizeIs(4));
  EXPECT_THAT(SplitHello(Nonce(1), kHint, {}, Pattern(HelloCapacity(4, false) + 1)), IsEmpty());
  EXPECT_THAT(SplitAck(Nonce(1), Pattern(AckCapacity(4))), SizeIs(4));
  EXPECT_THAT(SplitAck(Nonce(1), Pattern(AckCapacity(4) + 1)), IsEmpty());
}

TEST(EnvelopeTest, RepliesToStrangersAreSmall) {
  const Bytes cookie = EncodeCookieReply({Nonce(2), kCookie});
  const Bytes not_here = EncodeNotHere(Nonce(2));
  // The smallest hello fragment there is: a header and one byte.
  const size_t smallest = SplitHello(Nonce(2), kHint, kCookie, Pattern(1)).front().size();
  EXPECT_LT(cookie.size(), smallest);
  EXPECT_LT(not_here.size(), smallest);
  EXPECT_EQ(std::get<CookieReply>(*ParseEnvelope(cookie)).cookie, kCookie);
  EXPECT_EQ(std::get<NotHereReply>(*ParseEnvelope(not_here)).nonce, Nonce(2));
}

TEST(EnvelopeTest, EveryTruncationIsRefused) {
  const std::vector<Bytes> samples = {
      SplitHello(Nonce(1), kHint, kCookie, Pattern(1)).front(),
      SplitHello(Nonce(1), kHint, {}, Pattern(1)).front(), SplitAck(Nonce(1), Pattern(1)).front(),
      EncodeCookieReply({Nonce(1), kCookie}), EncodeNotHere(Nonce(1))};
  for (const Bytes& sample : samples) {
    ASSERT_TRUE(ParseEnvelope(sample).has_value());
    for (size_t size = 0; size < sample.size(); ++size) {
      EXPECT_FALSE(ParseEnvelope(ByteView(sample).subspan(0, size)).has_value());
    }
  }
}

TEST(EnvelopeTest, OtherVersionsKindsAndCountsAreRefused) {
  const Bytes good = SplitAck(Nonce(1), Pattern(3)).front();
  struct Change {
    size_t at;
    uint8_t to;
  };
  for (const Change change :
       {Change{0, 199}, Change{0, 202}, Change{1, 0}, Change{1, 2}, Change{2, 0}, Change{2, 9},
        Change{3, 1}, Change{4, 0}, Change{4, 5}}) {
    Bytes bad = good;
    bad[change.at] = change.to;
    EXPECT_FALSE(ParseEnvelope(bad).has_value()) << change.at << " to " << int{change.to};
  }
  Bytes trailing = EncodeNotHere(Nonce(1));
  trailing.push_back(0);
  EXPECT_FALSE(ParseEnvelope(trailing).has_value());
  EXPECT_FALSE(ParseEnvelope(Bytes(net::kMaxDatagram + 1, 201)).has_value());
}

TEST(EnvelopeTest, PacketsNeedAHeaderAndATag) {
  Bytes packet = PacketHeader(0x0102030405060708, 9);
  EXPECT_EQ(packet.size(), kPacketHeader);
  packet.resize(kPacketHeader + 15);
  EXPECT_FALSE(ParseEnvelope(packet).has_value());
  packet.push_back(0);
  const PacketFrame frame = std::get<PacketFrame>(*ParseEnvelope(packet));
  EXPECT_EQ(frame.receiver_id, 0x0102030405060708u);
  EXPECT_EQ(frame.number, 9u);
  EXPECT_EQ(frame.header.size(), kPacketHeader);
  EXPECT_EQ(frame.sealed.size(), 16u);
}

TEST(EnvelopeTest, AuthenticatedDataTellsAllVariantsApart) {
  const std::vector<Bytes> all = {HelloAad(Nonce(1), kHint, {}),
                                  HelloAad(Nonce(2), kHint, {}),
                                  HelloAad(Nonce(1), kHint, kCookie),
                                  HelloAad(Nonce(1), *ReceiverHint::FromView("othe"), {}),
                                  AckAad(Nonce(1)),
                                  AckAad(Nonce(2))};
  EXPECT_EQ(std::set<Bytes>(all.begin(), all.end()).size(), all.size());
}

}  // namespace
}  // namespace p2pd::session
