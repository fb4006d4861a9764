#include "libcore/overlay/letter_box.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/unit/overlay/letter_fixture.h"

namespace p2pd::overlay {
namespace {

constexpr absl::Duration kLater = absl::Milliseconds(400);

// A node with nothing but letters.
struct Writer {
  explicit Writer(uint64_t seed)
      : party(seed), box(party.keys, party.records, party.rng, counters) {
    box.SetSelf(party.record);
  }
  std::vector<net::Transmit> Sent() {
    std::vector<net::Transmit> out;
    while (std::optional<net::Transmit> next = box.PollTransmit()) out.push_back(*std::move(next));
    return out;
  }
  std::vector<LetterEvent> Events() {
    std::vector<LetterEvent> out;
    while (std::optional<LetterEvent> next = box.PollEvent()) out.push_back(*std::move(next));
    return out;
  }
  void Receive(Instant now, const net::Endpoint& from, ByteView datagram) {
    const std::optional<DatagramType> type = TypeOf(datagram);
    if (type) box.OnDatagram(now, from, *type, datagram);
  }
  Party party;
  Counters counters;
  LetterBox box;
};

class LetterBoxTest : public testing::Test {
 protected:
  LetterBox::Order OrderTo(const Writer& to, uint64_t message_id, Bytes payload = {1}) {
    LetterBox::Order order;
    order.message_id = message_id;
    order.target = TargetOf(to.party.record);
    order.payload = std::move(payload);
    return order;
  }
  // a's letter to b, as it goes out.
  Bytes Letter1(size_t answer_bytes = 0, uint64_t message_id = 1) {
    LetterBox::Order order = OrderTo(b_, message_id);
    order.answer_bytes = answer_bytes;
    EXPECT_TRUE(a_.box.Send(now_, order).ok());
    const auto sent = a_.Sent();
    EXPECT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].to, b_.party.at);
    return sent[0].datagram;
  }
  // A request of a's to b in so many copies.
  std::vector<Bytes> Copies(size_t copies = 2) {
    LetterBox::Order order = OrderTo(b_, ++last_id_);
    order.answer_bytes = copies * kCopyPart;
    EXPECT_TRUE(a_.box.Send(now_, order).ok());
    std::vector<Bytes> out;
    for (const net::Transmit& t : a_.Sent()) out.push_back(t.datagram);
    EXPECT_EQ(out.size(), copies);
    return out;
  }
  // b gets the datagram and answers every letter with `bytes`; what it sent.
  std::vector<net::Transmit> AnswerAt(const net::Endpoint& from, ByteView datagram, size_t bytes) {
    b_.Receive(now_, from, datagram);
    for (LetterEvent& event : b_.Events()) {
      const auto* received = std::get_if<LetterReceived>(&event);
      if (received == nullptr) continue;
      b_.box.Answer(now_, received->path, Bytes(bytes, 5), wire::v1::ANSWER_ERROR_NONE);
    }
    return b_.Sent();
  }
  template <class T>
  std::optional<T> Only(std::vector<LetterEvent> events) {
    if (events.size() != 1 || !std::holds_alternative<T>(events[0])) return std::nullopt;
    return std::get<T>(std::move(events[0]));
  }
  Writer a_{1};
  Writer b_{2};
  uint64_t last_id_ = 100;
  Instant now_ = At(absl::Seconds(100));
};

TEST_F(LetterBoxTest, IsAnsweredAndForgotten) {
  const auto answers = AnswerAt(a_.party.at, Letter1(), 10);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].to, a_.party.at);
  a_.Receive(now_, b_.party.at, answers[0].datagram);
  const auto answered = Only<LetterAnswered>(a_.Events());
  ASSERT_TRUE(answered.has_value());
  EXPECT_EQ(answered->message_id, 1u);
  EXPECT_EQ(answered->from, b_.party.record);
  EXPECT_EQ(answered->payload, Bytes(10, 5));
  EXPECT_EQ(a_.box.pending(), 0u);
  EXPECT_EQ(a_.box.PollTimeout(), std::nullopt);
  a_.Receive(now_, b_.party.at, answers[0].datagram);
  EXPECT_TRUE(a_.Events().empty());
  EXPECT_EQ(a_.counters.Get("overlay.dropped_unknown_letter_answer"), 1u);
  EXPECT_EQ(a_.box.sent().count + b_.box.sent().count, 2u);
}

TEST_F(LetterBoxTest, ARootAnswersStraightForNoMoreThanWasPaid) {
  wire::v1::RouteMessage request;
  request.set_signature(std::string(64, 's'));
  a_.box.Expect(7, request);
  LetterPath path;
  path.to = a_.party.at;
  path.seal = AnswerSealOf(request);
  path.paid = 200;
  wire::v1::RouteReply reply;
  reply.set_body(std::string(200, 'x'));
  b_.box.AnswerStraight(path, reply);
  EXPECT_TRUE(b_.Sent().empty());
  reply.set_body("answer");
  b_.box.AnswerStraight(path, reply);
  const auto sent = b_.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, a_.party.at);
  EXPECT_LE(sent[0].datagram.size(), path.paid);
  Bytes flipped = sent[0].datagram;
  flipped.back() ^= 1;
  a_.Receive(now_, b_.party.at, flipped);
  EXPECT_EQ(a_.counters.Get("overlay.dropped_bad_letter_answer"), 1u);
  a_.Receive(now_, b_.party.at, sent[0].datagram);
  const auto straight = Only<StraightReply>(a_.Events());
  ASSERT_TRUE(straight.has_value());
  EXPECT_EQ(straight->reply.body(), "answer");
  a_.box.Unexpect(7);
  a_.Receive(now_, b_.party.at, sent[0].datagram);
  EXPECT_TRUE(a_.Events().empty());
  EXPECT_EQ(a_.counters.Get("overlay.dropped_unknown_letter_answer"), 1u);
}

TEST_F(LetterBoxTest, AFewGoToABystander) {
  const net::Endpoint bystander = *net::Endpoint::Parse("20.0.0.1:53");
  const auto letters = [&](uint64_t first) {
    size_t out = 0;
    for (uint64_t id = first; id < first + 20; ++id) {
      LetterBox::Order order = OrderTo(b_, id);
      order.target.endpoint = bystander;
      const absl::Status status = a_.box.Send(now_, order);
      EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status));
      out += status.ok() ? 1 : 0;
    }
    return out;
  };
  EXPECT_EQ(letters(1), 4u);
  EXPECT_EQ(a_.counters.Get("overlay.refused_letters_unproved"), 16u);
  // Somebody else knows the key, and writes the bystander's address: no proof.
  const Bytes letter = a_.Sent()[0].datagram;
  const net::Endpoint elsewhere = *net::Endpoint::Parse("20.0.0.2:1");
  a_.Receive(now_, elsewhere, AnswerAt(elsewhere, letter, 10)[0].datagram);
  EXPECT_EQ(letters(100), 0u);
  now_ = now_ + absl::Seconds(10);
  EXPECT_EQ(letters(200), 1u);
  // It was no bystander.
  const Bytes another = a_.Sent()[0].datagram;
  a_.Receive(now_, bystander, AnswerAt(bystander, another, 10)[0].datagram);
  EXPECT_EQ(letters(300), 20u);
}

TEST_F(LetterBoxTest, IsRepeatedOnceAndGivenUp) {
  const Bytes first = Letter1();
  EXPECT_EQ(a_.box.PollTimeout(), now_ + kLater);
  a_.box.OnTimeout(now_ + kLater - absl::Milliseconds(1));
  EXPECT_TRUE(a_.Sent().empty());
  a_.box.OnTimeout(now_ + kLater);
  const auto second = a_.Sent();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].datagram, first) << "one key and nonce, one plaintext";
  EXPECT_EQ(Only<LetterLate>(a_.Events())->message_id, 1u);
  EXPECT_EQ(a_.box.PollTimeout(), now_ + 3 * kLater);
  a_.box.OnTimeout(now_ + 3 * kLater);
  EXPECT_TRUE(a_.Sent().empty());
  EXPECT_TRUE(Only<LetterLost>(a_.Events()).has_value());
  EXPECT_EQ(a_.box.pending(), 0u);
  EXPECT_EQ(a_.counters.Get("overlay.letters_unanswered"), 1u);
}

TEST_F(LetterBoxTest, ALargerAnswerComesForACookie) {
  const Bytes first = Letter1();
  const auto refusal = AnswerAt(a_.party.at, first, 1000);
  ASSERT_EQ(refusal.size(), 1u);
  EXPECT_LE(refusal[0].datagram.size(), first.size());
  a_.Receive(now_, b_.party.at, refusal[0].datagram);
  const auto again = a_.Sent();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].datagram.size(), kMinLetter);
  EXPECT_NE(Bytes(again[0].datagram.begin() + 2, again[0].datagram.begin() + 34),
            Bytes(first.begin() + 2, first.begin() + 34))
      << "another plaintext, another key";
  a_.Receive(now_, b_.party.at, refusal[0].datagram);
  EXPECT_TRUE(a_.Sent().empty()) << "the old letter is over";
  const auto answer = AnswerAt(a_.party.at, again[0].datagram, 1000);
  EXPECT_GT(answer[0].datagram.size(), again[0].datagram.size());
  a_.Receive(now_, b_.party.at, answer[0].datagram);
  EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), 1000u);
}

TEST_F(LetterBoxTest, TheLargestAnswerThatFits) {
  a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), 1163)[0].datagram);
  const auto again = a_.Sent();
  ASSERT_EQ(again.size(), 1u);
  const auto answer = AnswerAt(a_.party.at, again[0].datagram, 1163);
  EXPECT_EQ(answer[0].datagram.size(), 1200u);
  a_.Receive(now_, b_.party.at, answer[0].datagram);
  EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), 1163u);
}

TEST_F(LetterBoxTest, ALargerOneComesInPieces) {
  for (const size_t bytes : {size_t{1164}, size_t{3000}, size_t{8900}}) {
    a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(0, bytes), bytes)[0].datagram);
    const auto again = a_.Sent();
    ASSERT_EQ(again.size(), 1u);
    auto pieces = AnswerAt(a_.party.at, again[0].datagram, bytes);
    EXPECT_EQ(pieces.size(), (bytes + kAnswerPart - 1) / kAnswerPart);
    std::reverse(pieces.begin(), pieces.end());
    for (size_t i = 0; i < pieces.size(); ++i) {
      EXPECT_LE(pieces[i].datagram.size(), 1200u);
      EXPECT_TRUE(a_.Events().empty()) << "not whole yet";
      // One that comes twice counts once.
      a_.Receive(now_, b_.party.at, pieces[i].datagram);
      if (i == 0) a_.Receive(now_, b_.party.at, pieces[i].datagram);
    }
    EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), bytes);
    EXPECT_EQ(a_.box.pending(), 0u);
  }
}

TEST_F(LetterBoxTest, CopiesFetchSeveralDatagramsAtOnce) {
  for (const size_t bytes : {961, 1500, 1920, 1921, 2880}) {
    std::array<size_t, 3> order{0, 1, 2};
    do {
      const std::vector<Bytes> letters = Copies(3);
      std::vector<net::Transmit> answers;
      for (const size_t i : order) {
        for (net::Transmit& t : AnswerAt(a_.party.at, letters[i], bytes)) {
          EXPECT_LE(t.datagram.size(), letters[i].size());
          answers.push_back(std::move(t));
        }
      }
      ASSERT_EQ(answers.size(), bytes > 1920 ? 3u : 2u);
      a_.Receive(now_, b_.party.at, answers[0].datagram);
      for (const net::Transmit& answer : answers) {
        EXPECT_TRUE(a_.Events().empty()) << "not whole yet";
        a_.Receive(now_, b_.party.at, answer.datagram);
      }
      EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload, Bytes(bytes, 5));
      EXPECT_TRUE(a_.Sent().empty());
      EXPECT_EQ(a_.box.pending(), 0u);
      EXPECT_EQ(a_.box.PollTimeout(), std::nullopt);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_F(LetterBoxTest, OfCopiesTheFirstBringsWhatTakesOne) {
  for (const size_t bytes : {size_t{0}, size_t{10}, size_t{960}}) {
    const std::vector<Bytes> letters = Copies();
    EXPECT_TRUE(AnswerAt(a_.party.at, letters[1], bytes).empty());
    const auto answer = AnswerAt(a_.party.at, letters[0], bytes);
    ASSERT_EQ(answer.size(), 1u);
    a_.Receive(now_, b_.party.at, answer[0].datagram);
    EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), bytes);
  }
}

TEST_F(LetterBoxTest, WhatTakesMoreThanTheCopiesComesForACookie) {
  const std::vector<Bytes> letters = Copies();
  EXPECT_TRUE(AnswerAt(a_.party.at, letters[1], 1921).empty());
  const auto refusal = AnswerAt(a_.party.at, letters[0], 1921);
  ASSERT_EQ(refusal.size(), 1u);
  a_.Receive(now_, b_.party.at, refusal[0].datagram);
  const auto again = a_.Sent();
  ASSERT_EQ(again.size(), 1u) << "no copies";
  for (const net::Transmit& piece : AnswerAt(a_.party.at, again[0].datagram, 1921)) {
    a_.Receive(now_, b_.party.at, piece.datagram);
  }
  EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), 1921u);
}

TEST_F(LetterBoxTest, OnlyTheMissingCopyIsSentAgain) {
  for (const size_t missing : {size_t{0}, size_t{1}}) {
    const std::vector<Bytes> letters = Copies();
    const auto came = AnswerAt(a_.party.at, letters[1 - missing], 1500);
    a_.Receive(now_, b_.party.at, came[0].datagram);
    now_ = now_ + kLater;
    a_.box.OnTimeout(now_);
    const auto again = a_.Sent();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].datagram, letters[missing]);
    EXPECT_TRUE(Only<LetterLate>(a_.Events()).has_value());
    const auto rest = AnswerAt(a_.party.at, again[0].datagram, 1500);
    a_.Receive(now_, b_.party.at, rest[0].datagram);
    EXPECT_EQ(Only<LetterAnswered>(a_.Events())->payload.size(), 1500u);
  }
}

TEST_F(LetterBoxTest, NoCopyPaysForMoreThanItself) {
  const std::vector<Bytes> letters = Copies();
  for (size_t bytes = 0; bytes <= 3000; bytes += 50) {
    for (const Bytes& letter : letters) {
      size_t out = 0;
      for (const net::Transmit& t : AnswerAt(EndpointAt(200), letter, bytes)) {
        out += t.datagram.size();
      }
      EXPECT_LE(out, letter.size()) << bytes;
      now_ = now_ + absl::Milliseconds(10);
    }
  }
}

TEST_F(LetterBoxTest, WhatFitsNoEightDatagramsNeedsALink) {
  for (const size_t bytes : {size_t{9121}, kMaxPayload}) {
    a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), bytes)[0].datagram);
    const auto large = Only<LetterNeedsLink>(a_.Events());
    ASSERT_TRUE(large.has_value()) << bytes;
    EXPECT_EQ(large->to, b_.party.record);
    EXPECT_EQ(large->payload, Bytes{1});
    EXPECT_EQ(a_.box.pending(), 0u);
  }
  EXPECT_TRUE(a_.box.Send(now_, OrderTo(b_, 2, Bytes(kMaxPayload))).ok());
  const auto sent = a_.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].datagram.size(), kMinLetter);
  const auto answer = AnswerAt(a_.party.at, sent[0].datagram, 0);
  ASSERT_EQ(answer.size(), 1u);
  a_.Receive(now_, b_.party.at, answer[0].datagram);
  EXPECT_EQ(Only<LetterNeedsLink>(a_.Events())->payload.size(), kMaxPayload);
}

TEST_F(LetterBoxTest, ASecondRefusalMeansALink) {
  a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), 1000)[0].datagram);
  const auto again = a_.Sent();
  // From another address, where the cookie is worth nothing.
  const auto refusal = AnswerAt(EndpointAt(9), again[0].datagram, 1000);
  EXPECT_LE(refusal[0].datagram.size(), again[0].datagram.size());
  a_.Receive(now_, b_.party.at, refusal[0].datagram);
  EXPECT_TRUE(Only<LetterNeedsLink>(a_.Events()).has_value());
}

TEST_F(LetterBoxTest, NobodyGetsMoreThanCameInHisName) {
  const net::Endpoint victim = EndpointAt(200);
  for (size_t expected = 0; expected <= kCopyPart; expected += 160) {
    const Bytes letter = Letter1(expected);
    a_.box.Cancel(1);
    for (size_t bytes = 0; bytes <= 1400; bytes += 50) {
      size_t out = 0;
      for (const net::Transmit& t : AnswerAt(victim, letter, bytes)) out += t.datagram.size();
      EXPECT_GT(out, 0u);
      EXPECT_LE(out, letter.size()) << expected << " " << bytes;
      now_ = now_ + absl::Milliseconds(10);
    }
  }
}

TEST_F(LetterBoxTest, AWholeDatagramProvesNothing) {
  LetterContent content;
  content.message_id = 1;
  content.known_epoch = b_.party.record.epoch();
  while (LetterSize(content, a_.party.record) < net::kMaxDatagram) content.payload.push_back(1);
  const auto sealed =
      WriteLetter(TargetOf(b_.party.record), content, a_.party.keys, a_.party.record, a_.party.rng);
  ASSERT_EQ(sealed->datagram.size(), net::kMaxDatagram);
  for (const size_t bytes : {500, 1100, 1164, 3000, 8900}) {
    size_t out = 0;
    for (const net::Transmit& t : AnswerAt(EndpointAt(200), sealed->datagram, bytes)) {
      out += t.datagram.size();
    }
    EXPECT_GT(out, 0u);
    EXPECT_LE(out, net::kMaxDatagram) << bytes;
  }
}

TEST_F(LetterBoxTest, CookiesAge) {
  a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), 1000)[0].datagram);
  const auto again = a_.Sent();
  now_ = now_ + absl::Seconds(61);
  EXPECT_LE(AnswerAt(a_.party.at, again[0].datagram, 1000)[0].datagram.size(), kMinLetter);
}

TEST_F(LetterBoxTest, ACookieIsGoodForOneLargeAnswer) {
  a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), 8000)[0].datagram);
  const auto again = a_.Sent();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(AnswerAt(a_.party.at, again[0].datagram, 8000).size(), 8u);
  // Whoever saw the letter sends it in a's name for as long as the cookie lives.
  for (int i = 0; i < 70; ++i) {
    size_t out = 0;
    for (const net::Transmit& t : AnswerAt(a_.party.at, again[0].datagram, 8000)) {
      out += t.datagram.size();
    }
    EXPECT_LE(out, again[0].datagram.size()) << i;
    now_ = now_ + absl::Seconds(1);
  }
  EXPECT_GE(b_.counters.Get("overlay.refused_spent_cookies"), 30u);
}

TEST_F(LetterBoxTest, ACookieOfAnotherRequestIsWorthNothing) {
  a_.Receive(now_, b_.party.at, AnswerAt(a_.party.at, Letter1(), 8000)[0].datagram);
  const Bytes letter = a_.Sent()[0].datagram;
  const auto opened = OpenLetter(letter, b_.party.keys, b_.party.record, b_.party.records);
  ASSERT_TRUE(opened && opened->cookie);
  for (const uint64_t message_id : {uint64_t{1}, uint64_t{2}}) {
    LetterContent content;
    content.message_id = message_id;
    content.payload = Bytes{1};
    content.cookie = opened->cookie;
    content.known_epoch = b_.party.record.epoch();
    const auto sealed = WriteLetter(TargetOf(b_.party.record), content, a_.party.keys,
                                    a_.party.record, a_.party.rng);
    ASSERT_TRUE(sealed.has_value());
    EXPECT_EQ(AnswerAt(a_.party.at, sealed->datagram, 8000).size(), message_id == 1 ? 8u : 1u);
  }
}

TEST_F(LetterBoxTest, EveryFlippedByteIsDroppedAndCounted) {
  const Bytes letter = Letter1();
  const Bytes answer = AnswerAt(a_.party.at, letter, 3)[0].datagram;
  const auto flip = [](Bytes bytes, size_t i) {
    bytes[i] ^= 0x10;
    return bytes;
  };
  uint64_t dropped = 0;
  for (size_t i = 2; i < letter.size(); ++i) {
    now_ = now_ + absl::Milliseconds(10);
    b_.Receive(now_, a_.party.at, flip(letter, i));
    EXPECT_EQ(SumOf(b_.counters, "overlay.dropped_"), ++dropped) << i;
  }
  EXPECT_TRUE(b_.Events().empty());
  EXPECT_TRUE(b_.Sent().empty());
  dropped = SumOf(a_.counters, "overlay.dropped_");
  for (size_t i = 2; i < answer.size(); ++i) {
    a_.Receive(now_, b_.party.at, flip(answer, i));
    EXPECT_EQ(SumOf(a_.counters, "overlay.dropped_"), ++dropped) << i;
  }
  EXPECT_TRUE(a_.Events().empty());
  a_.Receive(now_, b_.party.at, answer);
  EXPECT_TRUE(Only<LetterAnswered>(a_.Events()).has_value()) << "the letter lived on";
}

TEST_F(LetterBoxTest, OurOwnAndShortOnesAreDropped) {
  ASSERT_TRUE(b_.box.Send(now_, OrderTo(b_, 1)).ok());
  const Bytes own = b_.Sent()[0].datagram;
  b_.Receive(now_, b_.party.at, own);
  EXPECT_EQ(b_.counters.Get("overlay.dropped_bad_letter"), 1u);
  b_.Receive(now_, b_.party.at, ByteView(own).first(kMinLetter - 1));
  b_.Receive(now_, b_.party.at, Bytes{198, 1, 2});
  EXPECT_EQ(b_.counters.Get("overlay.dropped_malformed"), 2u);
  EXPECT_TRUE(b_.Events().empty());
}

TEST_F(LetterBoxTest, AFloodCostsABoundedNumberOfChecks) {
  const Bytes letter = Letter1();
  for (int i = 0; i < 20'000; ++i) {
    b_.Receive(now_ + i * absl::Microseconds(50), EndpointAt(9), letter);
  }
  const uint64_t opened = b_.counters.Get("overlay.letters_received");
  EXPECT_GE(opened, 740u);
  EXPECT_LE(opened, 750u) << "the burst and one second";
  EXPECT_EQ(b_.counters.Get("overlay.refused_letter_rate"), 20'000 - opened);
}

TEST_F(LetterBoxTest, OursAreBounded) {
  for (uint64_t i = 0; i < LetterBox::kMaxPending; ++i) {
    ASSERT_TRUE(a_.box.Send(now_, OrderTo(b_, i)).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(a_.box.Send(now_, OrderTo(b_, 99'999))));
  EXPECT_EQ(a_.counters.Get("overlay.refused_letters_full"), 1u);
  a_.box.Cancel(5);
  EXPECT_TRUE(a_.box.Send(now_, OrderTo(b_, 5)).ok());
  EXPECT_EQ(a_.Sent().size(), LetterBox::kMaxTransmits);
  EXPECT_EQ(a_.counters.Get("overlay.dropped_letter_queue_full"), 1u);
}

TEST_F(LetterBoxTest, PayloadsUnderWayAreBounded) {
  uint64_t taken = 0;
  while (a_.box.Send(now_, OrderTo(b_, taken, Bytes(kMaxPayload))).ok()) ++taken;
  EXPECT_EQ(taken, LetterBox::kMaxPendingBytes / kMaxPayload);
  a_.box.OnTimeout(now_ + kLater);
  a_.box.OnTimeout(now_ + 3 * kLater);
  EXPECT_EQ(a_.box.pending(), 0u);
  EXPECT_TRUE(a_.box.Send(now_, OrderTo(b_, 1, Bytes(kMaxPayload))).ok());
}

TEST_F(LetterBoxTest, TargetsThatCannotBeAreRefused) {
  LetterBox::Order order = OrderTo(b_, 1);
  order.target.sealing_key = pki::X25519Public();
  EXPECT_TRUE(absl::IsInvalidArgument(a_.box.Send(now_, order)));
  for (const char* text : {"10.0.0.2:0", "224.0.0.1:7464", "0.0.0.0:7464", "[ff02::1]:7464"}) {
    order = OrderTo(b_, 1);
    order.target.endpoint = *net::Endpoint::Parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(a_.box.Send(now_, order))) << text;
  }
  EXPECT_TRUE(a_.box.Send(now_, OrderTo(b_, 1)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(a_.box.Send(now_, OrderTo(b_, 1)))) << "the same id twice";
  EXPECT_EQ(a_.box.pending(), 1u);
}

TEST_F(LetterBoxTest, TheWaitIsHeldWithinBounds) {
  LetterBox::Order order = OrderTo(b_, 1);
  order.repeat_after = absl::ZeroDuration();
  EXPECT_TRUE(a_.box.Send(now_, order).ok());
  EXPECT_EQ(a_.box.PollTimeout(), now_ + LetterBox::kMinRepeat);
  a_.box.Cancel(1);
  order.repeat_after = absl::InfiniteDuration();
  EXPECT_TRUE(a_.box.Send(now_, order).ok());
  EXPECT_EQ(a_.box.PollTimeout(), now_ + LetterBox::kMaxRepeat);
}

TEST_F(LetterBoxTest, ARecordThatWeHaveIsNotSentAgain) {
  const auto answer_size = [&] {
    const auto answers = AnswerAt(a_.party.at, Letter1(), 10);
    a_.Receive(now_, b_.party.at, answers[0].datagram);
    EXPECT_EQ(Only<LetterAnswered>(a_.Events())->from, b_.party.record);
    return answers[0].datagram.size();
  };
  const size_t first = answer_size();
  EXPECT_LT(answer_size() + 150, first);
}

}  // namespace
}  // namespace p2pd::overlay
