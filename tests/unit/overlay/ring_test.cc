#include "libcore/overlay/ring.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

Ring::HopQuery To(const Key& key) {
  Ring::HopQuery query;
  query.key = key;
  return query;
}

// A node with links to a crowd.
class RingTest : public testing::Test {
 protected:
  RingTest() : ring_(self_.record.id(), RingOptions{}, self_.links) {
    ring_.SetSelf(self_.record);
    ring_.SetActive(true);
  }
  void AddCrowd(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      crowd_.push_back(std::make_unique<Party>(10 + crowd_.size()));
      self_.links.Connect(now_, crowd_.back()->record);
      Exchange2(now_, self_, *crowd_.back());
      ring_.Consider(now_, crowd_.back()->record.id());
    }
  }
  NodeId TrueRoot(const Key& key) {
    NodeId best = self_.record.id();
    for (const auto& party : crowd_) {
      if (Nearer(key, party->record.id(), best)) best = party->record.id();
    }
    return best;
  }
  Party self_{1};
  std::vector<std::unique_ptr<Party>> crowd_;
  Ring ring_;
  Instant now_ = At(absl::Seconds(1));
  SeededRng rng_{5};
};

TEST_F(RingTest, AStrangerWithoutALinkIsNotTaken) {
  Party stranger(99);
  EXPECT_FALSE(ring_.Consider(now_, stranger.record.id()));
  EXPECT_FALSE(ring_.Contains(stranger.record.id()));
}

TEST_F(RingTest, AloneWeAreTheRootOfEverything) {
  EXPECT_TRUE(ring_.IsRoot(Key()));
  EXPECT_EQ(ring_.NextHop(To(Key())).kind, Ring::Hop::Kind::kDeliver);
  EXPECT_EQ(ring_.ReplicaSet(Key())->size(), 1u);
}

TEST_F(RingTest, NextHopIsNearerOrOurselves) {
  AddCrowd(40);
  for (int i = 0; i < 300; ++i) {
    const auto key = rng_.Make<Key>();
    const Ring::Hop hop = ring_.NextHop(To(key));
    if (TrueRoot(key) == self_.record.id()) {
      EXPECT_EQ(hop.kind, Ring::Hop::Kind::kDeliver);
      EXPECT_TRUE(ring_.IsRoot(key));
      continue;
    }
    ASSERT_EQ(hop.kind, Ring::Hop::Kind::kForward);
    EXPECT_TRUE(Nearer(key, hop.to, self_.record.id()));
    if (ring_.leaves().Covers(key)) {
      EXPECT_EQ(hop.to, TrueRoot(key));
    }
  }
}

TEST_F(RingTest, ASuspectIsGoneRoundButStaysRoot) {
  AddCrowd(3);
  const Key key = crowd_[0]->record.id();
  ring_.SetSuspect(key, true);
  const Ring::Hop hop = ring_.NextHop(To(key));
  EXPECT_NE(hop.kind, Ring::Hop::Kind::kDeliver) << "one lost packet must not make two roots";
  if (hop.kind == Ring::Hop::Kind::kForward) {
    EXPECT_NE(hop.to, key);
  } else {
    EXPECT_EQ(hop.to, key);
  }
  ring_.SetSuspect(key, false);
  EXPECT_EQ(ring_.NextHop(To(key)).to, key);
}

TEST_F(RingTest, TheDeadAreRememberedAndRevived) {
  AddCrowd(3);
  const NodeId id = crowd_[0]->record.id();
  EXPECT_TRUE(ring_.Remove(now_, id, true));
  ASSERT_EQ(ring_.Dead(now_).size(), 1u);
  const auto change = ring_.TakeChange();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->joined.size(), 2u);
  EXPECT_TRUE(ring_.Consider(now_, id));
  EXPECT_TRUE(ring_.Dead(now_).empty());
  EXPECT_EQ(ring_.TakeChange()->joined, std::vector<NodeId>{id});
  ring_.Remove(now_, id, true);
  EXPECT_TRUE(ring_.Dead(now_ + Ring::kDeadLifetime).empty());
}

TEST_F(RingTest, ReplicasAreFourOnEachSideOfTheKey) {
  AddCrowd(40);
  const Key key = self_.record.id();
  const auto set = ring_.ReplicaSet(key);
  ASSERT_TRUE(set.has_value());
  ASSERT_EQ(set->size(), 8u);
  EXPECT_EQ(set->front().id(), key);
  for (size_t i = 0; i < 3; ++i) {
    const NodeId& up = ring_.leaves().Side(true)[i];
    EXPECT_TRUE(std::any_of(set->begin(), set->end(), [&](const auto& r) { return r.id() == up; }));
  }
  int unknown = 0;
  for (int i = 0; i < 100; ++i) unknown += ring_.ReplicaSet(rng_.Make<Key>()).has_value() ? 0 : 1;
  EXPECT_GT(unknown, 30) << "far keys are not ours to say";
}

TEST_F(RingTest, SmallRingsKeepEverythingEverywhere) {
  AddCrowd(5);
  EXPECT_EQ(ring_.ReplicaSet(rng_.Make<Key>())->size(), 6u);
  EXPECT_EQ(ring_.Nearest(Key(), 3).size(), 3u);
}

// Fourteen nodes lie so unevenly that half the ring has fewer than four: still eight replicas, the
// four next ones on either side, in whatever half they are (a copy was missing for ever in a ring
// of twenty of which six had died).
TEST_F(RingTest, UnevenRingsHaveEightReplicasToo) {
  AddCrowd(13);
  std::vector<NodeId> ring{self_.record.id()};
  for (const auto& party : crowd_) ring.push_back(party->record.id());
  for (int i = 0; i < 300; ++i) {
    const auto key = rng_.Make<Key>();
    std::sort(ring.begin(), ring.end(), [&](const NodeId& a, const NodeId& b) {
      return Clockwise(key, a) < Clockwise(key, b);
    });
    std::set<NodeId> expected(ring.begin(), ring.begin() + 4);
    expected.insert(ring.end() - 4, ring.end());
    std::set<NodeId> seen;
    const auto set = ring_.ReplicaSet(key);
    ASSERT_TRUE(set.has_value());
    for (const NodeRecord& record : *set) seen.insert(record.id());
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(set->front().id(), TrueRoot(key));
  }
}

}  // namespace
}  // namespace p2pd::overlay
