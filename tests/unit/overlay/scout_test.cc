#include "libcore/overlay/scout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/overlay/gossip_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::IsEmpty;
using testing::SizeIs;

class ScoutTest : public GossipFixture {
 protected:
  // So many that some stand near any key.
  ScoutTest() {
    for (size_t i = 0; i < 60; ++i) {
      crowd_.push_back(std::make_unique<Party>(100 + i));
      Connect(*crowd_.back());
    }
    TakeChange();
    RunFor(absl::Seconds(1));
    got_.clear();
  }
  struct Question {
    NodeId by;
    Key key;
  };
  // What was asked since the last call, once it has arrived.
  std::vector<Question> TakeQuestions() {
    RunFor(absl::Milliseconds(200));
    std::vector<Question> out;
    for (const auto& [by, message] : got_) {
      if (!message.has_hint_query()) continue;
      const auto key = Key::FromView(AsBytes(message.hint_query().key()));
      out.push_back({PartyAt(by).record.id(), key.value_or(Key())});
    }
    got_.clear();
    return out;
  }
  wire::v1::HintAnswer AnswerTo(const Key& key, const std::vector<HintEvent>& events) const {
    wire::v1::HintAnswer out;
    out.set_key(key.ToString());
    ByteWriter writer;
    for (const HintEvent& event : events) WriteHintEvent(now_, event, writer);
    out.set_events(ToText(writer.bytes()));
    out.set_radius(WideTable::kWhole);
    return out;
  }
  // Nodes round `key_`.
  std::vector<HintEvent> Around(uint64_t count = 2 * Scout::kPerSide) const {
    std::vector<HintEvent> out;
    for (uint64_t i = 0; i < count; ++i) out.push_back(Came(Head(key_) - 5000 + 1000 * i, 3));
    return out;
  }
  void Answer(const NodeId& by, const wire::v1::HintAnswer& answer) {
    scout_.OnHintAnswer(now_, by, answer);
  }

  Scout::Knowledge known_;
  Scout scout_{self_.links,   ring_, neighbours_, table_, [this](const Key&) { return known_; },
               self_.counters};
  Key key_ = self_.rng.Make<Key>();
};

TEST_F(ScoutTest, ThreeAreAskedAndTheFirstGoodAnswerCounts) {
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Question> asked = TakeQuestions();
  ASSERT_THAT(asked, SizeIs(3));
  EXPECT_NE(asked[0].by, asked[1].by);
  EXPECT_EQ(asked[0].key, key_);

  std::vector<HintEvent> events = Around(9);
  events.push_back(Went(Head(key_) + 77, 4));
  Answer(asked[0].by, AnswerTo(key_, events));
  const auto found = scout_.PollFound();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, RequestId(7));
  EXPECT_EQ(found->key, key_);
  EXPECT_THAT(found->hints, SizeIs(9)) << "who is gone is left out";
  EXPECT_EQ(table_.size(), 0u) << "hearsay for this key alone";
  Answer(asked[1].by, AnswerTo(key_, events));
  Answer(asked[2].by, AnswerTo(key_, {}));
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
  EXPECT_EQ(scout_.PollTimeout(), std::nullopt);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_unasked_hints"), 0u) << "ours, and too late";
  Answer(asked[1].by, AnswerTo(key_, events));
  EXPECT_EQ(self_.counters.Get("overlay.dropped_unasked_hints"), 1u) << "once";
}

TEST_F(ScoutTest, AnswersOfWhomWeDidNotAskAreNotOurs) {
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Question> asked = TakeQuestions();
  ASSERT_THAT(asked, SizeIs(3));
  uint64_t unasked = 0;
  for (const auto& party : crowd_) {
    const NodeId& id = party->record.id();
    if (id == asked[0].by || id == asked[1].by || id == asked[2].by) continue;
    Answer(id, AnswerTo(key_, Around()));
    ++unasked;
  }
  Answer(asked[0].by, AnswerTo(self_.rng.Make<Key>(), Around()));
  wire::v1::HintAnswer none = AnswerTo(key_, Around());
  none.set_key("short");
  Answer(asked[0].by, none);
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_unasked_hints"), unasked + 2);
}

TEST_F(ScoutTest, WhoCannotSayIsReplacedAndNotAskedAgainForAWhile) {
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Question> asked = TakeQuestions();
  ASSERT_THAT(asked, SizeIs(3));
  Answer(asked[0].by, AnswerTo(key_, {}));
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
  const std::vector<Question> fourth = TakeQuestions();
  ASSERT_THAT(fourth, SizeIs(1));
  wire::v1::HintAnswer broken = AnswerTo(key_, Around());
  broken.mutable_events()->append("x");
  Answer(fourth[0].by, broken);
  Answer(asked[1].by, AnswerTo(key_, Around(11)));
  EXPECT_EQ(self_.counters.Get("overlay.dropped_malformed"), 2u) << "and more than there may be";
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
  // It sees less far than we thought.
  wire::v1::HintAnswer narrow = AnswerTo(key_, {});
  narrow.set_radius(1);
  Answer(asked[2].by, narrow);
  const auto found = scout_.PollFound();
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->hints, IsEmpty()) << "all that may be asked were";
  EXPECT_EQ(self_.counters.Get("overlay.searches_refused"), 4u);

  scout_.Start(now_, RequestId(8), key_);
  for (const Question& again : TakeQuestions()) {
    EXPECT_NE(again.by, asked[0].by);
    EXPECT_NE(again.by, asked[2].by);
  }
  now_ = now_ + Scout::kRemembered;
  ASSERT_TRUE(scout_.Start(now_, RequestId(9), key_));
  std::vector<NodeId> whom;
  for (const Question& again : TakeQuestions()) whom.push_back(again.by);
  EXPECT_THAT(whom, Contains(AnyOf(asked[0].by, asked[1].by, asked[2].by)));
}

TEST_F(ScoutTest, SilenceEndsTheSearch) {
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  size_t asked = TakeQuestions().size();
  std::optional<Scout::Found> found;
  for (int i = 0; i < 50 && !found; ++i) {
    ASSERT_TRUE(scout_.PollTimeout().has_value());
    now_ = std::max(now_, *scout_.PollTimeout());
    scout_.OnTimeout(now_);
    found = scout_.PollFound();
    asked += TakeQuestions().size();
  }
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->hints, IsEmpty());
  EXPECT_EQ(asked, Scout::kMaxAsked);
  EXPECT_EQ(scout_.PollTimeout(), std::nullopt);
}

TEST_F(ScoutTest, SaysWhomItKnows) {
  const NodeId& asker = Crowd(3).record.id();
  for (const HintEvent& event : Around(6)) known_.hints.push_back(event.hint);
  known_.hints.push_back(Came(Head(asker), 3).hint);
  wire::v1::HintQuery query;
  query.set_key("short");
  scout_.OnHintQuery(now_, asker, query);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_malformed"), 1u);
  query.set_key(key_.ToString());
  for (int i = 0; i < 100; ++i) scout_.OnHintQuery(now_, asker, query);
  EXPECT_EQ(self_.counters.Get("overlay.refused_hint_queries"), 100 - Scout::kBurst);
  RunFor(absl::Seconds(1));
  ASSERT_THAT(got_, SizeIs(Scout::kBurst));
  EXPECT_EQ(got_[0].first, Head(asker));
  const wire::v1::HintAnswer& answer = got_[0].second.hint_answer();
  EXPECT_EQ(answer.key(), key_.ToString());
  const auto events = ParseHintEvents(now_, AsBytes(answer.events()), 2 * Scout::kPerSide);
  ASSERT_TRUE(events.has_value());
  EXPECT_THAT(*events, SizeIs(6)) << "everybody knows himself";
}

TEST_F(ScoutTest, IsBounded) {
  for (uint64_t i = 0; i < Scout::kMaxSearches; ++i) {
    ASSERT_TRUE(scout_.Start(now_, RequestId(i), self_.rng.Make<Key>()));
  }
  EXPECT_FALSE(scout_.Start(now_, RequestId(999), key_));
  EXPECT_EQ(self_.counters.Get("overlay.refused_searches"), 1u);
}

}  // namespace
}  // namespace p2pd::overlay
