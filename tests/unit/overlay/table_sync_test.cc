#include "libcore/overlay/table_sync.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/overlay/gossip_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class TableSyncTest : public GossipFixture {
 protected:
  // What one of the crowd was asked, since the last call.
  struct Asked {
    uint64_t by = 0;
    wire::v1::TableQuery query;
  };
  std::vector<Asked> TakeAsked() {
    std::vector<Asked> out;
    for (const auto& [by, message] : got_) {
      if (message.has_table_query()) out.push_back(Asked{by, message.table_query()});
    }
    got_.clear();
    return out;
  }
  std::vector<wire::v1::TableAnswer> TakeAnswers() {
    std::vector<wire::v1::TableAnswer> out;
    for (const auto& [by, message] : got_) {
      if (message.has_table_answer()) out.push_back(message.table_answer());
    }
    got_.clear();
    return out;
  }
  std::vector<HintEvent> EventsOf(const wire::v1::TableAnswer& answer) const {
    return *ParseHintEvents(now_, AsBytes(answer.events()), 256);
  }
  wire::v1::TableAnswer AnswerTo(const Asked& asked, const std::vector<HintEvent>& events) const {
    wire::v1::TableAnswer out;
    out.set_from(asked.query.from());
    out.set_until(asked.query.until());
    ByteWriter writer;
    for (const HintEvent& event : events) WriteHintEvent(now_, event, writer);
    out.set_events(ToText(writer.bytes()));
    out.set_complete(true);
    out.set_radius(WideTable::kWhole);
    return out;
  }
  void Answer(const Asked& asked, const wire::v1::TableAnswer& answer) {
    sync_.OnTableAnswer(now_, PartyAt(asked.by).record.id(), answer);
  }
  // Everything at once, as from somebody who knows all.
  void Complete() {
    RunFor(TableSync::kFetchAfter + absl::Seconds(3));
    const std::vector<Asked> asked = TakeAsked();
    ASSERT_THAT(asked, SizeIs(1));
    Answer(asked[0], AnswerTo(asked[0], {}));
    ASSERT_TRUE(sync_.complete());
  }
};

TEST_F(TableSyncTest, TheShortLivedDoNotFetch) {
  RunFor(absl::Seconds(88));
  EXPECT_THAT(TakeAsked(), IsEmpty());
  RunFor(absl::Seconds(5));
  const std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_TRUE(asked[0].query.fetch());
  EXPECT_EQ(asked[0].query.from(), asked[0].query.until()) << "all of the ring";
}

TEST_F(TableSyncTest, FetchesPieceByPiece) {
  RunFor(absl::Seconds(93));
  std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(1));
  wire::v1::TableAnswer answer = AnswerTo(asked[0], {Came(77, 3), Came(78, 3)});
  answer.set_until(asked[0].query.from() + 1'000'000);
  Answer(asked[0], answer);
  EXPECT_NE(table_.Find(77), nullptr);
  EXPECT_FALSE(sync_.complete());
  RunFor(absl::Seconds(2));
  EXPECT_THAT(TakeGot(), IsEmpty()) << "what is fetched is not passed on";
  RunFor(absl::Seconds(5));
  asked = TakeAsked();
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked.back().query.from(), answer.until()) << "goes on there";
  Answer(asked.back(), AnswerTo(asked.back(), {}));
  EXPECT_TRUE(sync_.complete());
}

TEST_F(TableSyncTest, OfThoseWhoAnswerTheNarrowestDoesNotSayHowWideOursIs) {
  RunFor(absl::Seconds(93));
  int pieces = 0;
  for (const uint64_t part : {2, 32, 3, 4, 2}) {
    std::vector<Asked> asked = TakeAsked();
    for (int i = 0; i < 20 && asked.empty(); ++i) {
      RunFor(absl::Seconds(1));
      asked = TakeAsked();
    }
    ASSERT_FALSE(asked.empty());
    EXPECT_FALSE(sync_.complete());
    wire::v1::TableAnswer answer = AnswerTo(asked.back(), {});
    answer.set_radius(WideTable::kWhole / part);
    if (++pieces < 5) answer.set_until(asked.back().query.from() + 1000);
    Answer(asked.back(), answer);
  }
  EXPECT_TRUE(sync_.complete());
  EXPECT_EQ(table_.radius(), WideTable::kWhole / 3) << "the middle one";
}

TEST_F(TableSyncTest, OnlyAnswersToOurQuestionsAreTaken) {
  RunFor(absl::Seconds(93));
  const std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(1));
  Asked other = asked[0];
  other.by = asked[0].by == HeadOf(Crowd(0)) ? HeadOf(Crowd(1)) : HeadOf(Crowd(0));
  Answer(other, AnswerTo(asked[0], {Came(77, 3)}));
  wire::v1::TableAnswer elsewhere = AnswerTo(asked[0], {Came(77, 3)});
  elsewhere.set_from(5);
  Answer(asked[0], elsewhere);
  wire::v1::TableAnswer broken = AnswerTo(asked[0], {Came(77, 3)});
  broken.mutable_events()->pop_back();
  Answer(asked[0], broken);
  EXPECT_EQ(table_.Find(77), nullptr);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_unasked_table"), 3u);
  Answer(asked[0], AnswerTo(asked[0], {Came(77, 3)}));
  EXPECT_NE(table_.Find(77), nullptr);
  Answer(asked[0], AnswerTo(asked[0], {Came(78, 3)}));
  EXPECT_EQ(table_.Find(78), nullptr) << "once";
}

TEST_F(TableSyncTest, AWordOfANewcomerWithoutATableIsNotTheLast) {
  RunFor(absl::Seconds(93));
  int questions = 0;
  for (int i = 0; i < 40 && !sync_.complete(); ++i) {
    for (const Asked& asked : TakeAsked()) {
      ++questions;
      wire::v1::TableAnswer answer = AnswerTo(asked, {});
      answer.set_complete(false);
      Answer(asked, answer);
    }
    RunFor(absl::Seconds(2));
  }
  EXPECT_EQ(questions, TableSync::kMaxUnready + 1) << "until nobody seems to have one";
}

TEST_F(TableSyncTest, WhatDidNotFitIsAskedForAtOnce) {
  AnnounceCrowd();
  Complete();
  std::vector<Asked> asked;
  for (int i = 0; i < 60 && asked.empty(); ++i) {
    RunFor(absl::Seconds(2));
    asked = TakeAsked();
  }
  ASSERT_FALSE(asked.empty());
  const uint64_t from = asked.back().query.from();
  wire::v1::TableAnswer cut = AnswerTo(asked.back(), {Came(from + 5, 3), Came(from + 6, 3)});
  cut.set_until(from + 7);
  Answer(asked.back(), cut);
  RunFor(absl::Seconds(2));
  asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].query.from(), from + 7);
  // Nothing new came: no reason to hurry.
  cut = AnswerTo(asked[0], {Came(from + 5, 3)});
  cut.set_until(from + 8);
  Answer(asked[0], cut);
  RunFor(absl::Seconds(2));
  EXPECT_THAT(TakeAsked(), IsEmpty());
}

TEST_F(TableSyncTest, AnswersWithWhatTheAskerLacks) {
  AnnounceCrowd();
  Complete();
  table_.Take(now_, Went(HeadOf(Crowd(4)), 101));
  // It has its own neighbours up to 10, which we know too, and one that we do not.
  wire::v1::TableQuery query;
  query.set_from(self_head());
  query.set_until(self_head());
  ByteWriter have;
  const auto add = [&](uint64_t head) {
    have.U16(static_cast<uint16_t>(MixHead(head, query.from()) >> 48));
  };
  for (size_t i = 0; i < 10; ++i) add(HeadOf(Crowd(i)));
  add(12345);
  query.set_have(ToText(have.bytes()));
  sync_.OnTableQuery(now_, Crowd(15).record.id(), query);
  RunFor(absl::Seconds(1));
  const auto answers = TakeAnswers();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].until(), query.until());
  EXPECT_TRUE(answers[0].complete());
  size_t there = 0;
  for (const HintEvent& event : EventsOf(answers[0])) {
    EXPECT_NE(event.hint.head, HeadOf(Crowd(15))) << "everybody knows himself";
    EXPECT_TRUE(event.there || event.hint.head == HeadOf(Crowd(4)));
    there += event.there ? 1 : 0;
  }
  EXPECT_EQ(there, kCrowd - 10 - 1);
  // Nothing to say is said to newcomers only.
  query.set_until(query.from() + 1);
  sync_.OnTableQuery(now_, Crowd(14).record.id(), query);
  RunFor(absl::Seconds(1));
  EXPECT_THAT(TakeAnswers(), IsEmpty());
  query.set_fetch(true);
  sync_.OnTableQuery(now_, Crowd(14).record.id(), query);
  RunFor(absl::Seconds(1));
  EXPECT_THAT(TakeAnswers(), SizeIs(1));
}

TEST_F(TableSyncTest, AnAnswerIsOneDatagramAndAskersAreHeldBack) {
  for (uint64_t i = 1; i <= 200; ++i) table_.Take(now_, Came(i, 3));
  wire::v1::TableQuery query;
  query.set_from(1);
  query.set_until(1000);
  query.set_fetch(true);
  for (int i = 0; i < 10; ++i) sync_.OnTableQuery(now_, Crowd(1).record.id(), query);
  RunFor(absl::Seconds(1));
  const auto answers = TakeAnswers();
  ASSERT_THAT(answers, SizeIs(4));
  EXPECT_EQ(self_.counters.Get("overlay.refused_table_queries"), 6u);
  EXPECT_LE(answers[0].ByteSizeLong(), 1100u);
  const auto events = EventsOf(answers[0]);
  EXPECT_EQ(answers[0].until(), events.back().hint.head + 1);
  query.set_have(std::string(TableSync::kMaxFingerprints * 2 + 2, 'x'));
  sync_.OnTableQuery(now_, Crowd(2).record.id(), query);
  query.set_have("xyz");
  sync_.OnTableQuery(now_, Crowd(3).record.id(), query);
  EXPECT_EQ(self_.counters.Get("overlay.dropped_malformed"), 2u);
}

TEST_F(TableSyncTest, ComparesRarelyWhileAllIsWell) {
  AnnounceCrowd();
  Complete();
  RunFor(absl::Minutes(30));
  const size_t quiet = TakeAsked().size();
  EXPECT_GE(quiet, 12u);
  EXPECT_LE(quiet, 20u);
  // Somebody always knows more.
  size_t busy = 0;
  uint64_t head = 1;
  for (int i = 0; i < 450; ++i) {
    RunFor(absl::Seconds(2));
    for (const Asked& asked : TakeAsked()) {
      ++busy;
      Answer(asked, AnswerTo(asked, {Came(head++, 3)}));
    }
  }
  EXPECT_GE(busy, 20u);
  EXPECT_LE(busy, 45u);
}

TEST_F(TableSyncTest, TheDeadDoNotComeBackByHearsay) {
  AnnounceCrowd();
  Complete();
  table_.Take(now_, Came(77, 3));
  table_.Take(now_, Came(78, 3));
  table_.Take(now_, Went(77, 4));
  std::vector<Asked> asked;
  while (asked.empty()) {
    RunFor(absl::Seconds(1));
    asked = TakeAsked();
  }
  Answer(asked[0], AnswerTo(asked[0], {Came(77, 3), Went(78, 4), Went(79, 4)}));
  EXPECT_EQ(table_.Find(77), nullptr);
  EXPECT_EQ(table_.Find(78), nullptr);
  EXPECT_FALSE(table_.StampOf(79)) << "nobody whom we never had";
}

}  // namespace
}  // namespace p2pd::overlay
