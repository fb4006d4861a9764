#include "libcore/overlay/gossip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/overlay/gossip_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::IsEmpty;

class GossipTest : public GossipFixture {
 protected:
  void ExpectCounter(absl::string_view name, uint64_t value) {
    EXPECT_EQ(self_.counters.Get(name), value) << name;
  }
  // A head in the middle between two others.
  static uint64_t Between(uint64_t a, uint64_t b) { return a + ClockwiseHeads(a, b) / 2; }
};

TEST_F(GossipTest, AnEventGoesToEachPartOfTheRangeOnce) {
  AnnounceCrowd();
  const Party& before_us = Crowd(kCrowd - 1);
  const uint64_t stranger = Between(HeadOf(Crowd(9)), HeadOf(Crowd(10)));
  Hear(before_us, {Came(stranger, 7)}, HeadOf(before_us));
  RunFor(absl::Seconds(3));
  const std::vector<Got> got = TakeGot();
  // The first behind us, and about one for each doubling of the distance.
  ASSERT_EQ(got.size(), 5u);
  EXPECT_EQ(got.front().by, HeadOf(Crowd(0)));
  EXPECT_EQ(got.back().event.hint.head, stranger);
  ExpectParts(got, HeadOf(before_us));
  ASSERT_NE(table_.Find(stranger), nullptr);
  // The same from somebody else is known by now.
  Hear(Crowd(20), {Came(stranger, 7)}, HeadOf(Crowd(20)));
  RunFor(absl::Seconds(3));
  EXPECT_THAT(TakeGot(), IsEmpty());
  ExpectCounter("overlay.events_known", 1);
}

TEST_F(GossipTest, AShortRangeIsShort) {
  AnnounceCrowd();
  Hear(Crowd(12), {Came(5, 7)}, HeadOf(Crowd(2)));
  RunFor(absl::Seconds(3));
  ExpectParts(TakeGot(), HeadOf(Crowd(2)));
  Hear(Crowd(12), {Came(6, 7)}, self_head());
  RunFor(absl::Seconds(3));
  EXPECT_THAT(TakeGot(), IsEmpty()) << "nobody is between us and ourselves";
}

TEST_F(GossipTest, NobodyNamesARangeBeyondHimself) {
  AnnounceCrowd();
  Hear(Crowd(3), {Came(5, 7)}, HeadOf(Crowd(4)));
  RunFor(absl::Seconds(3));
  EXPECT_THAT(TakeGot(), IsEmpty());
  EXPECT_EQ(table_.Find(5), nullptr);
  ExpectCounter("overlay.dropped_bad_range", 1);
}

TEST_F(GossipTest, ManyEventsShareADatagram) {
  AnnounceCrowd();
  std::vector<HintEvent> events;
  for (uint64_t i = 1; i <= 15; ++i) events.push_back(Went(i, 7));
  Hear(Crowd(23), events, HeadOf(Crowd(23)));
  const uint64_t before = self_.links.traffic().messages[size_t(Purpose::kEvents)].count;
  RunFor(absl::Seconds(3));
  EXPECT_EQ(TakeGot().size(), 15u * 5);
  EXPECT_EQ(self_.links.traffic().messages[size_t(Purpose::kEvents)].count - before, 5u);
}

TEST_F(GossipTest, AFloodCostsTheFlooder) {
  AnnounceCrowd();
  uint64_t head = 1;
  for (int i = 0; i < 40; ++i) {
    std::vector<HintEvent> events;
    for (int k = 0; k < 256; ++k) events.push_back(Went(head++, 7));
    Hear(Crowd(23), events, HeadOf(Crowd(23)));
  }
  ExpectCounter("overlay.refused_events", 40 - 4);
  // Nor does what was taken go out at once: the bucket holds two minutes of four shares.
  RunFor(absl::Seconds(10));
  const uint64_t most = uint64_t{4 * 120 * (120 + 10)};
  EXPECT_LE(self_.links.traffic().messages[size_t(Purpose::kEvents)].bytes, most);
  // Another neighbour is heard all the same.
  Hear(Crowd(20), {Came(3, 9)}, HeadOf(Crowd(20)));
  EXPECT_NE(table_.Find(3), nullptr);
}

TEST_F(GossipTest, NonsenseIsDropped) {
  AnnounceCrowd();
  wire::v1::EventBatch batch = Batch({Came(5, 7)}, HeadOf(Crowd(3)));
  batch.mutable_groups(0)->mutable_events()->pop_back();
  gossip_.OnEventBatch(now_, Crowd(3).record.id(), batch);
  batch.Clear();
  for (int i = 0; i <= Gossip::kMaxGroups; ++i) batch.add_groups();
  gossip_.OnEventBatch(now_, Crowd(3).record.id(), batch);
  ExpectCounter("overlay.dropped_malformed", 2);
  EXPECT_EQ(table_.Find(5), nullptr);
}

TEST_F(GossipTest, WhoDiesWithABatchIsReplaced) {
  AnnounceCrowd();
  deaf_ = &Crowd(15);
  Hear(Crowd(23), {Went(5, 7)}, HeadOf(Crowd(23)));
  RunFor(absl::Seconds(30));
  const std::vector<Got> got = TakeGot();
  ASSERT_EQ(got.size(), 5u);
  EXPECT_EQ(got[3].limit, HeadOf(Crowd(15)));
  EXPECT_EQ(got[4].by, HeadOf(Crowd(16))) << "the next one gets its part";
  EXPECT_EQ(got[4].limit, HeadOf(Crowd(23)));
}

TEST_F(GossipTest, ALeafThatAsksIsAnnouncedAfterAMinute) {
  AnnounceCrowd(0);
  wire::v1::EventBatch ask;
  ask.set_announce_me(true);
  gossip_.OnEventBatch(now_, Crowd(0).record.id(), ask);
  RunFor(absl::Seconds(40));
  EXPECT_THAT(TakeGot(), IsEmpty()) << "too young";
  RunFor(absl::Seconds(40));
  const std::vector<Got> got = TakeGot();
  ExpectParts(got, self_head() - 1);
  EXPECT_EQ(got.front().by, HeadOf(Crowd(0))) << "it learns so that it is announced";
  EXPECT_EQ(got.front().event.hint.head, HeadOf(Crowd(0)));
  EXPECT_EQ(got.front().event.hint.sealing_key, Crowd(0).record.sealing_key());
  EXPECT_EQ(got.front().event.hint.endpoint, Crowd(0).at);
  ExpectCounter("overlay.announced_joins", 1);
  // It missed that and asks again: it alone is told.
  gossip_.OnEventBatch(now_, Crowd(0).record.id(), ask);
  RunFor(absl::Seconds(3));
  EXPECT_EQ(TakeGot().size(), 1u);
}

TEST_F(GossipTest, OthersSpeakForThoseBeyondTheNextAnnouncedLeaf) {
  AnnounceCrowd(3);
  wire::v1::EventBatch ask;
  ask.set_announce_me(true);
  RunFor(absl::Seconds(90));
  gossip_.OnEventBatch(now_, Crowd(3).record.id(), ask);
  RunFor(absl::Seconds(20));
  EXPECT_THAT(TakeGot(), IsEmpty());
  Bury(Crowd(5));
  RunFor(absl::Seconds(20));
  EXPECT_THAT(TakeGot(), IsEmpty());
  EXPECT_EQ(table_.Find(HeadOf(Crowd(5))), nullptr) << "we drop it, and others say so";
}

TEST_F(GossipTest, ADeathNextToUsIsAnnouncedAtOnce) {
  AnnounceCrowd();
  Bury(Crowd(0));
  RunFor(absl::Seconds(3));
  const std::vector<Got> got = TakeGot();
  ExpectParts(got, self_head() - 1);
  EXPECT_FALSE(got.front().event.there);
  EXPECT_EQ(got.front().event.hint.head, HeadOf(Crowd(0)));
  EXPECT_EQ(got.front().event.hint.stamp, 101u);
  EXPECT_EQ(got.front().by, HeadOf(Crowd(1)));
}

TEST_F(GossipTest, WhoWasNotAnnouncedDiesInSilence) {
  AnnounceCrowd(0);
  Bury(Crowd(0));
  RunFor(absl::Seconds(30));
  EXPECT_THAT(TakeGot(), IsEmpty());
}

TEST_F(GossipTest, WhenTheSpeakerDiesTheNextOneSpeaks) {
  AnnounceCrowd();
  // The second behind us died first; the first one, who should have said so, died with it.
  Bury(Crowd(1));
  RunFor(absl::Seconds(3));
  EXPECT_THAT(TakeGot(), IsEmpty());
  Bury(Crowd(0));
  RunFor(absl::Seconds(20));
  std::set<uint64_t> gone;
  for (const Got& got : TakeGot()) {
    EXPECT_FALSE(got.event.there);
    gone.insert(got.event.hint.head);
  }
  EXPECT_THAT(gone, testing::ElementsAre(testing::AnyOf(HeadOf(Crowd(0)), HeadOf(Crowd(1))),
                                         testing::AnyOf(HeadOf(Crowd(0)), HeadOf(Crowd(1)))));
}

TEST_F(GossipTest, AHintInOurArcThatNobodyCanBeIsPutRight) {
  AnnounceCrowd();
  const uint64_t ghost = Between(self_head(), HeadOf(Crowd(0)));
  Hear(Crowd(23), {Came(ghost, 7)}, self_head());
  RunFor(absl::Seconds(12));
  EXPECT_THAT(TakeGot(), IsEmpty()) << "it may be about to come";
  RunFor(absl::Seconds(40));
  const std::vector<Got> got = TakeGot();
  ExpectParts(got, self_head() - 1);
  EXPECT_FALSE(got.front().event.there);
  EXPECT_EQ(got.front().event.hint.head, ghost);
  EXPECT_EQ(got.front().event.hint.stamp, 8u);
}

TEST_F(GossipTest, ALieAboutOurLeafsDeathIsPutRight) {
  AnnounceCrowd();
  RunFor(absl::Minutes(2));
  Hear(Crowd(23), {Went(HeadOf(Crowd(0)), 5000)}, HeadOf(Crowd(23)));
  EXPECT_EQ(table_.Find(HeadOf(Crowd(0))), nullptr);
  EXPECT_TRUE(ring_.IsSuspect(Crowd(0).record.id())) << "our own ping decides";
  for (int i = 0; i < 60; ++i) {
    RunFor(absl::Milliseconds(500));
    liveness_.OnTimeout(now_);
  }
  ASSERT_NE(table_.Find(HeadOf(Crowd(0))), nullptr);
  EXPECT_EQ(table_.Find(HeadOf(Crowd(0)))->stamp, 5001u);
  ExpectCounter("overlay.announced_joins", 1);
}

TEST_F(GossipTest, WhoIsOutOfReachOfItsSpeakerIsAnnouncedByAnother) {
  // The first behind us, announced itself, cannot reach the second, and will not speak for it.
  AnnounceCrowd(1);
  wire::v1::EventBatch ask;
  ask.set_announce_me(true);
  RunFor(absl::Seconds(90));
  gossip_.OnEventBatch(now_, Crowd(1).record.id(), ask);
  EXPECT_EQ(table_.Find(HeadOf(Crowd(1))), nullptr) << "not our turn yet";
  RunFor(absl::Seconds(60));
  gossip_.OnEventBatch(now_, Crowd(1).record.id(), ask);
  ASSERT_NE(table_.Find(HeadOf(Crowd(1))), nullptr);
  const uint32_t stamp = table_.Find(HeadOf(Crowd(1)))->stamp;
  // The first one takes it for a ghost. We hear it.
  RunFor(absl::Seconds(5));
  Hear(Crowd(0), {Went(HeadOf(Crowd(1)), stamp + 1)}, self_head());
  EXPECT_EQ(table_.Find(HeadOf(Crowd(1))), nullptr);
  for (int i = 0; i < 60; ++i) {
    RunFor(absl::Milliseconds(500));
    liveness_.OnTimeout(now_);
  }
  ASSERT_NE(table_.Find(HeadOf(Crowd(1))), nullptr);
  EXPECT_EQ(table_.Find(HeadOf(Crowd(1)))->stamp, stamp + 2);
  TakeGot();
  // And it is for us to say when it dies.
  Bury(Crowd(1));
  RunFor(absl::Seconds(3));
  ASSERT_FALSE(got_.empty());
  EXPECT_FALSE(TakeGot().front().event.there);
}

TEST_F(GossipTest, AGhostThatOthersVouchForIsLeftAlone) {
  AnnounceCrowd();
  const uint64_t ghost = Between(self_head(), HeadOf(Crowd(0)));
  Hear(Crowd(23), {Came(ghost, 7)}, self_head());
  RunFor(absl::Minutes(1));
  EXPECT_EQ(table_.Find(ghost), nullptr);
  TakeGot();
  Hear(Crowd(23), {Came(ghost, 9)}, self_head());
  RunFor(absl::Minutes(10));
  EXPECT_NE(table_.Find(ghost), nullptr);
  EXPECT_THAT(TakeGot(), IsEmpty());
  RunFor(absl::Minutes(30));
  EXPECT_EQ(table_.Find(ghost), nullptr) << "asked again, in case that it died";
}

TEST_F(GossipTest, WeAskUntilWeAreAnnounced) {
  AnnounceCrowd();
  std::vector<uint64_t> asked;
  const auto take_asked = [&] {
    asked.clear();
    for (const auto& [by, message] : got_) {
      if (message.event_batch().announce_me()) asked.push_back(by);
    }
    got_.clear();
    return asked;
  };
  RunFor(absl::Seconds(55));
  EXPECT_THAT(take_asked(), IsEmpty()) << "quarantine";
  RunFor(absl::Seconds(25));
  ASSERT_FALSE(take_asked().empty());
  EXPECT_EQ(asked[0], HeadOf(Crowd(kCrowd - 1)));
  RunFor(absl::Seconds(60));
  EXPECT_THAT(take_asked(), testing::Contains(HeadOf(Crowd(kCrowd - 2)))) << "another one";
  Hear(Crowd(23), {Came(self_head(), 7)}, self_head());
  RunFor(absl::Minutes(2));
  EXPECT_THAT(take_asked(), IsEmpty());
  // Said to be dead, we ask again, and do not help to spread it.
  Hear(Crowd(20), {Went(self_head(), 8)}, HeadOf(Crowd(20)));
  RunFor(absl::Seconds(20));
  for (const auto& [by, message] : got_) EXPECT_EQ(message.event_batch().groups_size(), 0);
  EXPECT_EQ(take_asked().size(), 1u);
  Hear(Crowd(23), {Came(self_head(), 9)}, self_head());
  // A new neighbour before us is asked whether it knows; the same word is enough.
  RunFor(absl::Minutes(2));
  EXPECT_THAT(take_asked(), IsEmpty());
  Bury(Crowd(kCrowd - 1));
  RunFor(absl::Seconds(45));
  EXPECT_THAT(take_asked(), testing::Contains(HeadOf(Crowd(kCrowd - 2))));
  Hear(Crowd(22), {Came(self_head(), 9)}, self_head());
  RunFor(absl::Minutes(2));
  EXPECT_THAT(take_asked(), IsEmpty());
}

TEST_F(GossipTest, ANewcomerBeginsWithTheWidestOfItsLeaves) {
  // One leaf may lie; four say enough.
  for (const size_t told : {size_t{1}, Gossip::kEnoughTold}) {
    WideTable table(self_head(), self_.counters);
    Gossip late(400, self_.links, ring_, liveness_, neighbours_, table, vivaldi_, self_.rng,
                self_.counters);
    for (size_t i = 0; i < told; ++i) {
      late.OnRadius(Crowd(i).record.id(), WideTable::kWhole / (4 + i));
    }
    late.Start(now_);
    EXPECT_EQ(table.radius(), told == 1 ? WideTable::kWhole : WideTable::kWhole / 4);
  }
}

TEST_F(GossipTest, WhereNodesLiveForAMinuteTheTableIsNarrow) {
  AnnounceCrowd();
  // 24 nodes, one coming or going each second: they live for 48 s.
  for (uint32_t i = 0; i < 240; ++i) {
    const uint64_t head = HeadOf(Crowd(i / 2 % kCrowd));
    Hear(Crowd(0), {i % 2 == 0 ? Went(head, 200 + i) : Came(head, 200 + i)}, self_head() + 1);
    RunFor(absl::Seconds(1));
  }
  const double width =
      static_cast<double>(table_.radius()) / static_cast<double>(WideTable::kWhole);
  EXPECT_LT(width, 0.3);
  EXPECT_GE(width, Gossip::kLeastWidth * 0.99);
}

TEST_F(GossipTest, ACrowdThatComesOrGoesAtOnceIsNoSignOfShortLives) {
  AnnounceCrowd();
  RunFor(absl::Minutes(2));
  // Many come for two minutes, and later a third of all goes.
  for (uint64_t i = 0; i < 120; ++i) {
    Hear(Crowd(i % kCrowd), {Came(self_.rng.Next(), 50)}, self_head() + 1);
    RunFor(absl::Seconds(1));
  }
  RunFor(absl::Minutes(2));
  EXPECT_EQ(table_.radius(), WideTable::kWhole);
  std::vector<uint64_t> known;
  table_.Walk(self_head() + 1, self_head(), [&known](const Hint& hint) {
    known.push_back(hint.head);
    return true;
  });
  for (size_t i = 0; i < known.size(); i += 3) {
    if (ring_.FindHead(known[i]) == nullptr) {
      Hear(Crowd(0), {Went(known[i], 60)}, self_head() + 1);
    }
  }
  for (int minute = 0; minute < 10; ++minute) {
    RunFor(absl::Minutes(1));
    EXPECT_GT(table_.radius(), WideTable::kWhole / 2) << minute;
  }
}

TEST_F(GossipTest, WhoIsAlwaysOverBudgetKeepsTheLeastWidth) {
  AnnounceCrowd();
  for (int i = 0; i < 400; ++i) {
    gossip_.Charge(400 * 15);
    RunFor(absl::Seconds(15));
  }
  EXPECT_GE(static_cast<double>(table_.radius()),
            0.99 * Gossip::kLeastWidth * static_cast<double>(WideTable::kWhole));
}

TEST_F(GossipTest, WhereDeathsProveToBeLiesNobodysIsTaken) {
  AnnounceCrowd();
  RunFor(absl::Seconds(1));
  table_.Take(now_, Came(77, 100));
  table_.Take(now_, Came(78, 100));
  // One lie may be an error.
  Hear(Crowd(0), {Went(HeadOf(Crowd(10)), 101)}, self_head());
  RunFor(Gossip::kChecked + absl::Seconds(5));
  EXPECT_EQ(self_.counters.Get("overlay.deaths_contradicted"), 1u);
  Hear(Crowd(0), {Went(77, 101)}, self_head());
  EXPECT_EQ(table_.Find(77), nullptr);

  for (size_t i = 9; i < 15; ++i) Hear(Crowd(0), {Went(HeadOf(Crowd(i)), 103)}, self_head());
  RunFor(Gossip::kChecked + absl::Seconds(5));
  TakeGot();
  Hear(Crowd(1), {Went(78, 101)}, self_head());
  EXPECT_NE(table_.Find(78), nullptr);
  EXPECT_EQ(self_.counters.Get("overlay.deaths_disbelieved"), 1u);
  RunFor(absl::Seconds(5));
  for (const Got& got : TakeGot()) EXPECT_NE(got.event.hint.head, 78u) << "nor passed on";
  // The attack is over: whoever is said to be gone is gone.
  for (size_t i = 0; i < kCrowd; ++i) {
    if (i == 1) continue;
    const uint64_t head = HeadOf(Crowd(i));
    Hear(Crowd(1), {Went(head, 120)}, self_head());
    Bury(Crowd(i));
  }
  RunFor(Gossip::kChecked + absl::Seconds(5));
  Hear(Crowd(1), {Went(78, 102)}, self_head());
  EXPECT_EQ(table_.Find(78), nullptr) << "believed again";
}

TEST_F(GossipTest, ABurstDoesNotSayWhatATableCosts) {
  AnnounceCrowd();
  RunFor(Gossip::kCostSpan + absl::Minutes(1));
  // A thousand nodes join: an hour's worth in a minute.
  gossip_.Charge(120 * 3600);
  for (int minute = 0; minute < 10; ++minute) {
    RunFor(absl::Minutes(1));
    EXPECT_EQ(table_.radius(), WideTable::kWhole) << minute;
  }
}

TEST_F(GossipTest, OverBudgetTheTableNarrows) {
  AnnounceCrowd();
  RunFor(absl::Minutes(1));
  EXPECT_EQ(table_.radius(), WideTable::kWhole);
  for (int i = 0; i < 64 && table_.radius() >= WideTable::kWhole / 2; ++i) {
    gossip_.Charge(400 * 15);
    RunFor(absl::Seconds(15));
  }
  EXPECT_LT(table_.radius(), WideTable::kWhole / 2);
  TakeGot();
  // What we announce goes as far as we keep such things ourselves, both ways.
  Bury(Crowd(0));
  RunFor(absl::Seconds(3));
  const std::vector<Got> got = TakeGot();
  const uint64_t dead = HeadOf(Crowd(0));
  size_t above = 0;
  size_t below = 0;
  for (const Got& part : got) {
    EXPECT_LE(HeadDistance(part.by, dead), table_.radius());
    if (part.limit == self_head()) ++below;
    if (part.limit == dead + table_.radius()) ++above;
  }
  EXPECT_EQ(below, 1u);
  EXPECT_EQ(above, 1u);
  // And it widens again.
  RunFor(absl::Minutes(30));
  EXPECT_EQ(table_.radius(), WideTable::kWhole);
}

}  // namespace
}  // namespace p2pd::overlay
