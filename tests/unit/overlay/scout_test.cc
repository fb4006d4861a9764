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
    bool pass_on = false;
  };
  // What was asked since the last call, once it has arrived.
  std::vector<Question> TakeQuestions() {
    RunFor(absl::Milliseconds(200));
    std::vector<Question> out;
    for (const auto& [by, message] : got_) {
      if (!message.has_hint_query()) continue;
      const auto key = Key::FromView(AsBytes(message.hint_query().key()));
      out.push_back({PartyAt(by).record.id(), key.value_or(Key()), message.hint_query().pass_on()});
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
  EXPECT_EQ(scout_.PollFound(), std::nullopt) << "others may know somebody who knows";
  const std::vector<Question> messengers = TakeQuestions();
  ASSERT_THAT(messengers, SizeIs(Scout::kMessengers));
  for (const Question& messenger : messengers) {
    EXPECT_TRUE(messenger.pass_on);
    Answer(messenger.by, AnswerTo(key_, {}));
  }
  const auto found = scout_.PollFound();
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->hints, IsEmpty()) << "all that may be asked were";
  EXPECT_EQ(self_.counters.Get("overlay.searches_refused"), 6u);

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
  EXPECT_EQ(asked, Scout::kMaxAsked + Scout::kMessengers);
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

class ErrandTest : public ScoutTest {
 protected:
  void AskOf(const NodeId& asker, bool pass_on) {
    wire::v1::HintQuery query;
    query.set_key(key_.ToString());
    query.set_pass_on(pass_on);
    scout_.OnHintQuery(now_, asker, query);
  }
  // What was said to `asker` since the last call; nullopt when it was nothing.
  std::optional<wire::v1::HintAnswer> SaidTo(const NodeId& asker) {
    RunFor(absl::Milliseconds(200));
    std::optional<wire::v1::HintAnswer> out;
    for (const auto& [by, message] : got_) {
      if (by == Head(asker) && message.has_hint_answer()) out = message.hint_answer();
    }
    return out;
  }
};

TEST_F(ErrandTest, WhoDoesNotKnowAsksOnForANeighbourOnce) {
  const NodeId asker = Crowd(3).record.id();
  AskOf(asker, true);
  const std::vector<Question> asked = TakeQuestions();
  ASSERT_THAT(asked, SizeIs(3));
  for (const Question& question : asked) {
    EXPECT_NE(question.by, asker);
    EXPECT_EQ(question.key, key_);
    EXPECT_FALSE(question.pass_on);
  }
  EXPECT_EQ(SaidTo(asker), std::nullopt) << "not before we know";
  Answer(asked[1].by, AnswerTo(key_, Around(9)));
  const auto said = SaidTo(asker);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->key(), key_.ToString());
  EXPECT_THAT(*ParseHintEvents(now_, AsBytes(said->events()), 2 * Scout::kPerSide), SizeIs(9));
  EXPECT_EQ(scout_.PollFound(), std::nullopt) << "it was not for us";
}

TEST_F(ErrandTest, AFailedErrandIsToldToo) {
  const NodeId asker = Crowd(3).record.id();
  AskOf(asker, true);
  size_t asked = TakeQuestions().size();
  std::optional<wire::v1::HintAnswer> said;
  for (int i = 0; i < 50 && !said; ++i) {
    ASSERT_TRUE(scout_.PollTimeout().has_value());
    now_ = std::max(now_, *scout_.PollTimeout());
    scout_.OnTimeout(now_);
    said = SaidTo(asker);
    asked += TakeQuestions().size();
  }
  ASSERT_TRUE(said.has_value());
  EXPECT_TRUE(said->events().empty());
  EXPECT_LE(asked, Scout::kMaxAsked) << "and nobody is sent on from here";
  EXPECT_EQ(scout_.PollTimeout(), std::nullopt);
}

TEST_F(ErrandTest, WhoKnowsOrIsNotAskedToAsksNobody) {
  AskOf(Crowd(3).record.id(), false);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  for (const HintEvent& event : Around(6)) known_.hints.push_back(event.hint);
  AskOf(Crowd(3).record.id(), true);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_EQ(self_.counters.Get("overlay.errands"), 0u);
}

TEST_F(ErrandTest, ErrandsAreBoundedAndTakeNoRoomFromOurs) {
  for (int i = 0; i < 30; ++i) {
    for (const auto& party : crowd_) AskOf(party->record.id(), true);
  }
  EXPECT_EQ(self_.counters.Get("overlay.errands"), Scout::kMaxErrands);
  EXPECT_GT(self_.counters.Get("overlay.refused_errands"), 0u);
  for (uint64_t i = 0; i < Scout::kMaxSearches; ++i) {
    EXPECT_TRUE(scout_.Start(now_, RequestId(i), self_.rng.Make<Key>()));
  }
}

TEST_F(ScoutTest, WhoHasNobodyNearTheKeySendsTheQuickest) {
  // All that we are linked with stand on one side of the ring.
  for (const auto& party : crowd_) {
    const uint64_t apart = HeadDistance(HeadOf(*party), Head(key_));
    if (apart <= Scout::kLikely) ring_.Remove(now_, party->record.id(), true);
  }
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Question> asked = TakeQuestions();
  ASSERT_THAT(asked, SizeIs(Scout::kMessengers));
  for (const Question& question : asked) EXPECT_TRUE(question.pass_on);
  Answer(asked[0].by, AnswerTo(key_, Around()));
  const auto found = scout_.PollFound();
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->hints, SizeIs(10));
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
