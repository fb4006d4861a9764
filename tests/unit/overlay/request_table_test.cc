#include "libcore/overlay/request_table.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

using Arrival = RequestTable::Arrival;

class RequestTableTest : public testing::Test {
 protected:
  static MessageName Name(uint64_t n) { return MessageName{NodeId(), n}; }
  Counters counters_;
  RequestTable table_{counters_};
  Instant now_ = At(absl::Seconds(1));
};

TEST_F(RequestTableTest, EachRequestIsShownOnceAndItsAnswerRepeated) {
  const auto first = table_.Admit(now_, Name(1), DirectPath{});
  ASSERT_EQ(first.arrival, Arrival::kNew);
  EXPECT_EQ(table_.Admit(now_, Name(1), DirectPath{}).arrival, Arrival::kWaiting);
  EXPECT_TRUE(table_.Answer(now_, first.token, AnswerContent{{7}}).has_value());
  const auto again = table_.Admit(now_, Name(1), DirectPath{});
  ASSERT_EQ(again.arrival, Arrival::kAnswered);
  EXPECT_EQ(again.answer->payload, Bytes{7});
  EXPECT_FALSE(table_.Answer(now_, first.token, AnswerContent{{8}}).has_value()) << "double";
  EXPECT_EQ(counters_.Get("overlay.dropped_late_answers"), 1u);
}

TEST_F(RequestTableTest, HopsGetAnAnswerAFewTimes) {
  const Delivered routed{.name = Name(1),
                         .origin = RecordAt(1, EndpointAt(1)),
                         .previous = NodeId(),
                         .hops = 1,
                         .body = {},
                         .trace = {},
                         .letter = std::nullopt};
  table_.Answer(now_, table_.Admit(now_, Name(1), routed).token, AnswerContent{{7}});
  for (uint32_t i = 0; i < RequestTable::kMaxRepeats; ++i) {
    EXPECT_EQ(table_.Admit(now_, Name(1), routed).arrival, Arrival::kAnswered);
  }
  EXPECT_EQ(table_.Admit(now_, Name(1), routed).arrival, Arrival::kSpent);
  EXPECT_EQ(counters_.Get("overlay.refused_repeats"), 1u);
  // Who asks over his own link, or pays by letter, is answered.
  EXPECT_EQ(table_.Admit(now_, Name(1), DirectPath{}).arrival, Arrival::kAnswered);
}

TEST_F(RequestTableTest, EachHasHisShareOfThePlaces) {
  NodeId greedy;
  greedy.mutable_view()[0] = 1;
  NodeId modest;
  modest.mutable_view()[0] = 2;
  uint64_t n = 0;
  const auto admitted = [&](const ReturnPath& path, size_t tries) {
    size_t out = 0;
    for (size_t i = 0; i < tries; ++i) {
      out += table_.Admit(now_, Name(++n), path).arrival == Arrival::kNew ? 1 : 0;
    }
    return out;
  };
  EXPECT_EQ(admitted(DirectPath{greedy}, 1000), RequestTable::kMaxOpen / 8);
  EXPECT_EQ(admitted(DirectPath{modest}, 100), 100u);
  // All ports of a public address are one, those of a private one are many.
  LetterPath letter;
  size_t by_letter = 0;
  for (uint16_t port = 1; port <= 2; ++port) {
    letter.to = *net::Endpoint::Parse("20.0.0.1:1");
    letter.to.port = port;
    by_letter += admitted(letter, 1000);
  }
  EXPECT_EQ(by_letter, RequestTable::kMaxOpen / 8);
  for (uint16_t port = 1; port <= 10; ++port) {
    letter.to = EndpointAt(1, port);
    by_letter += admitted(letter, 1000);
  }
  EXPECT_EQ(by_letter, RequestTable::kMaxOpenLetters);
  table_.OnTimeout(now_ + RequestTable::kOpenLifetime);
  EXPECT_EQ(admitted(DirectPath{greedy}, 1000), RequestTable::kMaxOpen / 8);
}

TEST_F(RequestTableTest, TheLastCopysPathCounts) {
  const auto first = table_.Admit(now_, Name(1), DirectPath{});
  NodeId other;
  other.mutable_view()[0] = 9;
  table_.Admit(now_, Name(1), DirectPath{other});
  const auto done = table_.Answer(now_, first.token, AnswerContent{});
  ASSERT_EQ(done->paths.size(), 1u);
  EXPECT_EQ(std::get<DirectPath>(done->paths[0]).peer, other);
}

TEST_F(RequestTableTest, EachCopyIsAnswered) {
  LetterPath first;
  first.copy = Copy{1, 2};
  first.paid = 1200;
  LetterPath second = first;
  second.copy = Copy{2, 2};
  for (const bool swapped : {false, true}) {
    const MessageName name = Name(swapped);
    const auto admitted = table_.Admit(now_, name, swapped ? second : first);
    for (int copies = 0; copies < 3; ++copies) {
      EXPECT_EQ(table_.Admit(now_, name, swapped ? first : second).arrival, Arrival::kWaiting);
    }
    const auto done = table_.Answer(now_, admitted.token, AnswerContent{});
    ASSERT_EQ(done->paths.size(), 2u);
    EXPECT_NE(std::get<LetterPath>(done->paths[0]).copy.number,
              std::get<LetterPath>(done->paths[1]).copy.number);
  }
}

TEST_F(RequestTableTest, UnansweredRequestsAreForgotten) {
  const auto first = table_.Admit(now_, Name(1), DirectPath{});
  EXPECT_EQ(table_.PollTimeout(), now_ + RequestTable::kOpenLifetime);
  table_.OnTimeout(now_ + RequestTable::kOpenLifetime);
  EXPECT_FALSE(table_.Answer(now_, first.token, AnswerContent{}).has_value());
  EXPECT_EQ(table_.Admit(now_, Name(1), DirectPath{}).arrival, Arrival::kNew);
}

TEST_F(RequestTableTest, Bounded) {
  // Our own.
  const Delivered own{.name = Name(1),
                      .origin = RecordAt(1, EndpointAt(1)),
                      .previous = NodeId(),
                      .hops = 0,
                      .body = {},
                      .trace = {},
                      .letter = std::nullopt};
  for (uint64_t i = 0; i < RequestTable::kMaxOpen; ++i) {
    EXPECT_EQ(table_.Admit(now_, Name(i), own).arrival, Arrival::kNew);
  }
  EXPECT_EQ(table_.Admit(now_, Name(99999), own).arrival, Arrival::kRefused);
  EXPECT_EQ(counters_.Get("overlay.refused_requests_full"), 1u);
}

TEST_F(RequestTableTest, AnswersAreBoundedInBytesAndTime) {
  for (uint64_t i = 0; i < 300; ++i) {
    const auto admitted = table_.Admit(now_, Name(i), DirectPath{});
    table_.Answer(now_, admitted.token, AnswerContent{Bytes(64 * 1024)});
  }
  EXPECT_EQ(table_.Admit(now_, Name(0), DirectPath{}).arrival, Arrival::kNew);
  EXPECT_EQ(table_.Admit(now_, Name(299), DirectPath{}).arrival, Arrival::kAnswered);
  table_.OnTimeout(now_ + RequestTable::kAnswerLifetime);
  EXPECT_EQ(table_.Admit(now_, Name(299), DirectPath{}).arrival, Arrival::kNew);
}

}  // namespace
}  // namespace p2pd::overlay
