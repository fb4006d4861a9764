#include "libcore/overlay/letter.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/letter_fixture.h"

namespace p2pd::overlay {
namespace {

class LetterTest : public testing::Test {
 protected:
  LetterContent Content(Bytes payload = {1, 2, 3}) {
    LetterContent out;
    out.message_id = 77;
    out.service = Service::kStore;
    out.payload = std::move(payload);
    return out;
  }
  std::optional<SealedLetter> Write(const LetterContent& content) {
    return WriteLetter(TargetOf(b_.record), content, a_.keys, a_.record, a_.rng);
  }
  std::optional<Letter> OpenAt(Party& party, ByteView datagram) {
    return OpenLetter(datagram, party.keys, party.record, party.records);
  }
  LetterPath PathOf(const Letter& letter, size_t limit) {
    return LetterPath{a_.at, letter.seal, limit, letter.known_epoch};
  }
  // What `body` says, signed by a for the holder of `receiver`, sealed to `to`; does `to` take it?
  bool Taken(wire::v1::LetterBody body, const pki::X25519Public& receiver, Party& to) {
    body.set_origin(ToText(a_.record.bytes()));
    const Bytes plaintext = LetterPlaintext(body, a_.keys.signing_key, receiver);
    return OpenAt(to, SealLetter(to.record.sealing_key(), plaintext, a_.rng)->datagram).has_value();
  }
  Party a_{1};
  Party b_{2};
  Party c_{3};
};

TEST_F(LetterTest, GoesThereAndBack) {
  LetterContent content = Content();
  content.cookie = Cookie();
  const std::optional<SealedLetter> sent = Write(content);
  ASSERT_TRUE(sent.has_value());
  const std::optional<Letter> letter = OpenAt(b_, sent->datagram);
  ASSERT_TRUE(letter.has_value());
  EXPECT_EQ(letter->origin, a_.record);
  EXPECT_EQ(letter->message_id, 77u);
  EXPECT_EQ(letter->service, 1u);
  EXPECT_EQ(letter->payload, (Bytes{1, 2, 3}));
  EXPECT_EQ(letter->cookie, Cookie());
  EXPECT_FALSE(letter->link_wanted);
  const auto answer = WriteLetterAnswer(PathOf(*letter, sent->datagram.size()), b_.record, Bytes{9},
                                        wire::v1::ANSWER_ERROR_NONE, b_.rng);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(LetterAnswerNameOf(*answer), sent->seal.name());
  const auto opened =
      OpenLetterAnswer(*answer, sent->seal, TargetOf(b_.record), std::nullopt, a_.records);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->from, b_.record);
  EXPECT_EQ(opened->payload, Bytes{9});
  EXPECT_FALSE(opened->cookie.has_value());
}

TEST_F(LetterTest, NobodyElseCanReadIt) {
  EXPECT_FALSE(OpenAt(c_, Write(Content())->datagram).has_value());
}

TEST_F(LetterTest, AnyFlippedBitIsRefused) {
  const std::optional<SealedLetter> sent = Write(Content());
  for (size_t i = 0; i < sent->datagram.size(); ++i) {
    Bytes bad = sent->datagram;
    bad[i] ^= static_cast<uint8_t>(1 << (i % 8));
    // The top bit of an X25519 key counts for nothing there (RFC 7748 §5), but it does in the salt.
    EXPECT_FALSE(OpenAt(b_, bad).has_value()) << i;
  }
  const Letter letter = *OpenAt(b_, sent->datagram);
  const Bytes answer = *WriteLetterAnswer(PathOf(letter, 1200), b_.record, Bytes{9},
                                          wire::v1::ANSWER_ERROR_NONE, b_.rng);
  for (size_t i = 0; i < answer.size(); ++i) {
    Bytes bad = answer;
    bad[i] ^= static_cast<uint8_t>(1 << (i % 8));
    EXPECT_FALSE(OpenLetterAnswer(bad, sent->seal, TargetOf(b_.record), std::nullopt, a_.records)
                     .has_value())
        << i;
  }
  for (size_t size = 0; size < answer.size(); ++size) {
    const ByteView cut = ByteView(answer).first(size);
    EXPECT_FALSE(sent->seal.Open(cut).has_value()) << size;
  }
}

TEST_F(LetterTest, TheReceiverCannotSealItAgainToSomebodyElse) {
  wire::v1::LetterBody body;
  body.set_to(Head(b_.record.id()));
  EXPECT_TRUE(Taken(body, b_.record.sealing_key(), b_));
  EXPECT_FALSE(Taken(body, b_.record.sealing_key(), c_)) << "as it was";
  EXPECT_FALSE(Taken(body, c_.record.sealing_key(), b_)) << "signed for another";
  body.set_to(Head(c_.record.id()));
  EXPECT_FALSE(Taken(body, b_.record.sealing_key(), c_)) << "the head changed";
  EXPECT_FALSE(Taken(body, b_.record.sealing_key(), b_)) << "another's head";
  EXPECT_TRUE(Taken(body, c_.record.sealing_key(), c_));
}

TEST_F(LetterTest, InAnothersNameIsRefused) {
  wire::v1::LetterBody body;
  body.set_to(Head(b_.record.id()));
  body.set_origin(ToText(a_.record.bytes()));
  const Bytes plaintext = LetterPlaintext(body, c_.keys.signing_key, b_.record.sealing_key());
  EXPECT_FALSE(OpenAt(b_, SealLetter(b_.record.sealing_key(), plaintext, c_.rng)->datagram));
}

TEST_F(LetterTest, AMalformedInsideIsRefused) {
  wire::v1::LetterBody body;
  body.set_to(Head(b_.record.id()));
  body.set_cookie("nineteen bytes long");
  EXPECT_FALSE(Taken(body, b_.record.sealing_key(), b_));
  body.clear_cookie();
  body.set_origin(ToText(a_.record.bytes()));
  Bytes plaintext = LetterPlaintext(body, a_.keys.signing_key, b_.record.sealing_key());
  plaintext.back() = 1;
  EXPECT_FALSE(OpenAt(b_, SealLetter(b_.record.sealing_key(), plaintext, a_.rng)->datagram))
      << "padding that is not zero";
  const Bytes zeros(400);
  EXPECT_FALSE(OpenAt(b_, SealLetter(b_.record.sealing_key(), zeros, a_.rng)->datagram));
  EXPECT_FALSE(OpenAt(b_, SealLetter(b_.record.sealing_key(), {}, a_.rng)->datagram));
  EXPECT_FALSE(SealLetter(pki::X25519Public(), zeros, a_.rng).has_value()) << "small order";
}

TEST_F(LetterTest, IsAsLongAsTheAnswerThatItExpects) {
  EXPECT_EQ(Write(Content())->datagram.size(), kMinLetter);
  LetterContent content = Content();
  for (size_t expected = 0; expected <= 2000; expected += 40) {
    content.answer_bytes = expected;
    const std::optional<SealedLetter> sent = Write(content);
    const Letter letter = *OpenAt(b_, sent->datagram);
    const auto answer = WriteLetterAnswer(PathOf(letter, sent->datagram.size()), b_.record,
                                          Bytes(expected), wire::v1::ANSWER_ERROR_NONE, b_.rng);
    EXPECT_EQ(answer.has_value(), expected <= 960) << expected;
    if (!answer) {
      EXPECT_EQ(sent->datagram.size(), kMinLetter) << "padding would be for nothing";
    }
  }
  content.answer_bytes = 900;
  content.cookie = Cookie();
  EXPECT_EQ(Write(content)->datagram.size(), kMinLetter);
}

TEST_F(LetterTest, ACopyHasAWholeDatagramAndIsOfNoRoute) {
  LetterContent content = Content();
  for (const Copy copy : {Copy{1, 2}, Copy{2, 2}, Copy{3, 3}}) {
    content.copy = copy;
    const std::optional<SealedLetter> sent = Write(content);
    EXPECT_EQ(sent->datagram.size(), net::kMaxDatagram);
    EXPECT_EQ(OpenAt(b_, sent->datagram)->copy.number, copy.number);
    EXPECT_EQ(OpenAt(b_, sent->datagram)->copy.of, copy.of);
  }
  for (const Copy none : {Copy{0, 2}, Copy{3, 2}, Copy{1, 4}, Copy{4, 4}}) {
    content.copy = none;
    EXPECT_FALSE(OpenAt(b_, Write(content)->datagram).has_value());
  }
  wire::v1::RouteBody body;
  body.set_origin(ToText(a_.record.bytes()));
  body.set_message_id(5);
  content.route.emplace().set_body(body.SerializeAsString());
  content.copy = Copy();
  EXPECT_TRUE(OpenAt(b_, Write(content)->datagram).has_value());
  content.copy = Copy{1, 2};
  EXPECT_FALSE(OpenAt(b_, Write(content)->datagram).has_value());
}

TEST_F(LetterTest, HoldsWhatFits) {
  LetterContent content = Content(Bytes(1200 - LetterSize(Content({1}), a_.record)));
  EXPECT_EQ(Write(content)->datagram.size(), 1200u);
  content.payload.push_back(0);
  EXPECT_GT(LetterSize(content, a_.record), 1200u);
  EXPECT_FALSE(Write(content).has_value());
}

TEST_F(LetterTest, ARefusalIsNeverLongerThanALetter) {
  const net::Endpoint far = *net::Endpoint::Parse("[2001:db8::1]:7464");
  const NodeRecord large =
      NodeRecord::Make(b_.keys, uint64_t{1} << 63, {far, far, far, far}, Role::kClient);
  const std::optional<SealedLetter> sent = Write(Content());
  const Letter letter = *OpenAt(b_, sent->datagram);
  const LetterPath path = PathOf(letter, sent->datagram.size());
  const Bytes refusal = WriteLetterRefusal(path, large, Cookie(), kMaxPayload, b_.rng);
  EXPECT_LE(refusal.size(), kMinLetter);
  const auto opened =
      OpenLetterAnswer(refusal, sent->seal, TargetOf(large), std::nullopt, a_.records);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->cookie, Cookie());
  EXPECT_GT(opened->size, kMaxPayload);
}

TEST_F(LetterTest, ARecordThatTheOriginHasIsLeftOut) {
  LetterContent content = Content();
  content.known_epoch = b_.record.epoch();
  const std::optional<SealedLetter> sent = Write(content);
  const Letter letter = *OpenAt(b_, sent->datagram);
  const auto write = [&](const NodeRecord& self) {
    return *WriteLetterAnswer(PathOf(letter, 1200), self, {}, wire::v1::ANSWER_ERROR_NONE, b_.rng);
  };
  const auto open = [&](const Bytes& answer, const std::optional<NodeRecord>& known) {
    return OpenLetterAnswer(answer, sent->seal, TargetOf(b_.record), known, a_.records);
  };
  const Bytes small = write(b_.record);
  EXPECT_LT(small.size(), 40u);
  EXPECT_EQ(open(small, b_.record)->from, b_.record);
  EXPECT_FALSE(open(small, std::nullopt).has_value());
  const NodeRecord newer = NodeRecord::Make(b_.keys, 2, {b_.at}, Role::kPeer);
  EXPECT_EQ(open(write(newer), b_.record)->from, newer);
  EXPECT_EQ(
      open(write(NodeRecord::Make(b_.keys, 0, {b_.at}, Role::kPeer)), b_.record)->from.epoch(), 0u);
}

TEST_F(LetterTest, WhoeverLiedAboutTheSealingKeyCannotAnswer) {
  // c says that b's sealing key is its own.
  LetterTarget lie = TargetOf(b_.record);
  lie.sealing_key = c_.record.sealing_key();
  const auto sent = WriteLetter(lie, Content(), a_.keys, a_.record, a_.rng);
  ASSERT_TRUE(sent.has_value());
  const LetterPath path{a_.at, sent->seal, 1200, 0};
  for (const NodeRecord& record : {b_.record, c_.record}) {
    const auto answer =
        WriteLetterAnswer(path, record, Bytes{6}, wire::v1::ANSWER_ERROR_NONE, c_.rng);
    EXPECT_FALSE(OpenLetterAnswer(*answer, sent->seal, lie, std::nullopt, a_.records).has_value());
  }
}

TEST_F(LetterTest, TwoAnswersToOneLetterShareNoNonce) {
  const std::optional<SealedLetter> sent = Write(Content());
  const Bytes first = sent->seal.Seal(Bytes{1}, b_.rng);
  const Bytes second = sent->seal.Seal(Bytes{2}, b_.rng);
  const auto number = [](const Bytes& answer) { return ToBytes(ByteView(answer).subspan(10, 8)); };
  EXPECT_NE(number(first), number(second));
  EXPECT_EQ(sent->seal.Open(first), Bytes{1});
  EXPECT_EQ(sent->seal.Open(second), Bytes{2});
}

}  // namespace
}  // namespace p2pd::overlay
