#include "libcore/overlay/scout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/overlay/gossip_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class ScoutTest : public GossipFixture {
 protected:
  ScoutTest() { scout_.SetSelf(self_.record); }

  // So many that fifteen are a small part of the ring.
  void Enlarge() {
    for (size_t i = 0; i < 40; ++i) {
      crowd_.push_back(std::make_unique<Party>(100 + i));
      Connect(*crowd_.back());
    }
    TakeChange();
    RunFor(absl::Seconds(1));
    got_.clear();
  }
  struct Asked {
    NodeId by;
    wire::v1::TableQuery query;
  };
  // What was asked since the last call.
  std::vector<Asked> TakeAsked() {
    RunFor(absl::Milliseconds(200));
    std::vector<Asked> out;
    for (const auto& [by, message] : got_) {
      if (!message.has_table_query()) continue;
      for (const auto& party : crowd_) {
        if (HeadOf(*party) == by) out.push_back({party->record.id(), message.table_query()});
      }
    }
    got_.clear();
    return out;
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
  // Some nodes round `key_`.
  std::vector<HintEvent> Around() const {
    std::vector<HintEvent> out;
    for (uint64_t i = 0; i < 10; ++i) out.push_back(Came(Head(key_) - 5000 + 1000 * i, 3));
    return out;
  }

  Scout scout_{self_.links, ring_, neighbours_, table_, self_.counters};
  Key key_ = self_.rng.Make<Key>();
};

TEST_F(ScoutTest, InASmallRingThereIsNoNeed) {
  EXPECT_FALSE(scout_.Start(now_, RequestId(7), key_));
  EXPECT_EQ(scout_.PollTimeout(), std::nullopt);
}

TEST_F(ScoutTest, TwoAreAskedAndTheFirstGoodAnswerCounts) {
  Enlarge();
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_NE(asked[0].by, asked[1].by);
  EXPECT_TRUE(asked[0].query.fetch());
  const uint64_t width = ClockwiseHeads(asked[0].query.from(), asked[0].query.until());
  EXPECT_LT(ClockwiseHeads(asked[0].query.from(), Head(key_)), width);

  std::vector<HintEvent> events = Around();
  events.push_back(Went(Head(key_) + 77, 4));
  events.push_back(Came(asked[0].query.until() + 1, 4));
  EXPECT_TRUE(scout_.OnTableAnswer(now_, asked[0].by, AnswerTo(asked[0], events)));
  const auto found = scout_.PollFound();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, RequestId(7));
  EXPECT_EQ(found->key, key_);
  EXPECT_THAT(found->hints, SizeIs(10)) << "who is gone, and what was not asked, is left out";
  EXPECT_EQ(table_.size(), 0u) << "hearsay for this key alone";
  EXPECT_FALSE(scout_.OnTableAnswer(now_, asked[1].by, AnswerTo(asked[1], events))) << "late";
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
}

TEST_F(ScoutTest, AnswersOfWhomWeDidNotAskAreNotOurs) {
  Enlarge();
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(2));
  for (const auto& party : crowd_) {
    const NodeId& id = party->record.id();
    if (id == asked[0].by || id == asked[1].by) continue;
    EXPECT_FALSE(scout_.OnTableAnswer(now_, id, AnswerTo(asked[0], Around())));
  }
  wire::v1::TableAnswer other = AnswerTo(asked[0], Around());
  other.set_from(other.from() + 1);
  EXPECT_FALSE(scout_.OnTableAnswer(now_, asked[0].by, other));
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
}

TEST_F(ScoutTest, WhoCannotSayIsReplacedAndNotAskedAgainForAWhile) {
  Enlarge();
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  const std::vector<Asked> asked = TakeAsked();
  ASSERT_THAT(asked, SizeIs(2));
  wire::v1::TableAnswer young = AnswerTo(asked[0], Around());
  young.set_complete(false);
  EXPECT_TRUE(scout_.OnTableAnswer(now_, asked[0].by, young));
  EXPECT_EQ(scout_.PollFound(), std::nullopt);
  const std::vector<Asked> third = TakeAsked();
  ASSERT_THAT(third, SizeIs(1));
  wire::v1::TableAnswer broken = AnswerTo(third[0], Around());
  broken.mutable_events()->append("x");
  EXPECT_TRUE(scout_.OnTableAnswer(now_, third[0].by, broken));
  EXPECT_EQ(self_.counters.Get("overlay.dropped_malformed"), 1u);
  wire::v1::TableAnswer narrow = AnswerTo(asked[1], Around());
  narrow.set_radius(1);
  EXPECT_TRUE(scout_.OnTableAnswer(now_, asked[1].by, narrow));
  EXPECT_EQ(scout_.PollFound(), std::nullopt);

  ASSERT_TRUE(scout_.Start(now_, RequestId(8), self_.rng.Make<Key>()));
  for (const Asked& again : TakeAsked()) EXPECT_NE(again.by, asked[0].by);
  EXPECT_EQ(self_.counters.Get("overlay.searches_refused"), 3u);
}

TEST_F(ScoutTest, SilenceEndsTheSearch) {
  Enlarge();
  ASSERT_TRUE(scout_.Start(now_, RequestId(7), key_));
  size_t asked = TakeAsked().size();
  std::optional<Scout::Found> found;
  for (int i = 0; i < 50 && !found; ++i) {
    ASSERT_TRUE(scout_.PollTimeout().has_value());
    now_ = std::max(now_, *scout_.PollTimeout());
    scout_.OnTimeout(now_);
    found = scout_.PollFound();
    asked += TakeAsked().size();
  }
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(found->hints, IsEmpty());
  EXPECT_EQ(asked, Scout::kMaxAsked);
  EXPECT_EQ(scout_.PollTimeout(), std::nullopt);
}

TEST_F(ScoutTest, IsBounded) {
  Enlarge();
  for (uint64_t i = 0; i < Scout::kMaxSearches; ++i) {
    ASSERT_TRUE(scout_.Start(now_, RequestId(i), self_.rng.Make<Key>()));
  }
  EXPECT_FALSE(scout_.Start(now_, RequestId(999), key_));
  EXPECT_EQ(self_.counters.Get("overlay.refused_searches"), 1u);
}

}  // namespace
}  // namespace p2pd::overlay
