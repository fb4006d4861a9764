#include "libcore/overlay/leaf_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "libcore/overlay/detour_path.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

std::vector<NodeRecord> Crowd(int count) {
  std::vector<NodeRecord> out;
  for (int i = 0; i < count; ++i) out.push_back(RecordAt(uint64_t(i) + 100, EndpointAt(1)));
  return out;
}

TEST(LeafSet, IsTheNearestOnEachSideWhateverTheOrder) {
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  std::vector<NodeRecord> crowd = Crowd(40);
  LeafSet set(self.id(), 8);
  for (const NodeRecord& record : crowd) set.Insert(record);
  std::sort(crowd.begin(), crowd.end(), [&](const NodeRecord& a, const NodeRecord& b) {
    return Clockwise(self.id(), a.id()) < Clockwise(self.id(), b.id());
  });
  ASSERT_EQ(set.size(), 16u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(set.Side(true)[i], crowd[i].id());
    EXPECT_EQ(set.Side(false)[i], crowd[39 - i].id());
  }
  EXPECT_FALSE(set.Whole());
  EXPECT_TRUE(set.Covers(self.id()));
  EXPECT_TRUE(set.Covers(crowd[7].id()));
  EXPECT_FALSE(set.Covers(crowd[20].id()));
}

TEST(LeafSet, TwoThatKnowTheSameOfTheNodesBetweenThemAgree) {
  std::vector<NodeRecord> crowd = Crowd(40);
  std::sort(crowd.begin(), crowd.end(),
            [](const NodeRecord& a, const NodeRecord& b) { return a.id() < b.id(); });
  const auto set_of = [&](size_t self, size_t left_out) {
    LeafSet out(crowd[self].id(), 8);
    for (size_t i = crowd.size(); i-- > 0;) {
      if (i != self && i != left_out) out.Insert(crowd[i]);
    }
    return out;
  };
  const size_t nobody = crowd.size();
  const LeafSet self = set_of(3, nobody);
  for (size_t steps = 1; steps <= 8; ++steps) {
    for (const size_t i : {3 + steps, (43 - steps) % 40}) {
      EXPECT_EQ(self.SharedWith(crowd[i].id(), {}).hash,
                set_of(i, nobody).SharedWith(crowd[3].id(), {}).hash)
          << i;
    }
  }
  EXPECT_EQ(self.SharedWith(crowd[12].id(), {}).hash, 0u);
  // Somebody whom both should know, and whom one may lack.
  const LeafSet other = set_of(5, nobody);
  EXPECT_NE(other.SharedWith(crowd[3].id(), {}).hash,
            set_of(3, 8).SharedWith(crowd[5].id(), {}).hash);
  EXPECT_EQ(other.SharedWith(crowd[3].id(), {}).hash,
            set_of(3, 8).SharedWith(crowd[5].id(), {crowd[8].id()}).hash);
  EXPECT_EQ(other.SharedWith(crowd[3].id(), {}).hash,
            set_of(3, 12).SharedWith(crowd[5].id(), {}).hash);
  // Before either has the other.
  EXPECT_EQ(set_of(5, 3).SharedWith(crowd[3].id(), {}).hash,
            set_of(3, 5).SharedWith(crowd[5].id(), {}).hash);
}

// Found by the scenario faults, seed 1347: the way round the ring with fewer nodes was the longer
// one, and who stood on the shorter one vouched for neither.
TEST(LeafSet, WhoStandsBetweenTwoHasBothWhereverTheRingIsThin) {
  std::vector<NodeRecord> crowd = Crowd(60);
  std::sort(crowd.begin(), crowd.end(),
            [](const NodeRecord& a, const NodeRecord& b) { return a.id() < b.id(); });
  crowd.erase(crowd.begin() + 18, crowd.end() - 8);  // so that most stand in a third of the ring
  std::map<NodeId, LeafSet> sets;
  for (const NodeRecord& self : crowd) {
    LeafSet set(self.id(), 8);
    for (const NodeRecord& record : crowd) {
      if (record.id() != self.id()) set.Insert(record);
    }
    sets.emplace(self.id(), std::move(set));
  }
  size_t seen = 0;
  size_t most = 0;
  for (const auto& [self, set] : sets) {
    EXPECT_FALSE(set.Whole());
    for (const NodeId& other : set.Ids()) {
      // One that lacks the other, as who cannot talk to it does.
      LeafSet without = set;
      without.Remove(other);
      const std::vector<NodeId> between = without.Between(other);
      EXPECT_EQ(between, set.Between(other));
      for (const NodeId& leaf : between) {
        EXPECT_TRUE(sets.at(leaf).Contains(self));
        EXPECT_TRUE(sets.at(leaf).Contains(other));
      }
      most = std::max(most, between.size());
      ++seen;
    }
  }
  EXPECT_EQ(seen, 26u * 16);
  EXPECT_EQ(most, 7u);
}

TEST(LeafSet, NobodyIsWantedWhileEnoughNearerOnesAreComing) {
  std::vector<NodeRecord> crowd = Crowd(20);
  std::sort(crowd.begin(), crowd.end(),
            [](const NodeRecord& a, const NodeRecord& b) { return a.id() < b.id(); });
  LeafSet set(crowd[10].id(), 2);
  const std::vector<NodeId> coming = {crowd[8].id(), crowd[9].id(), crowd[11].id(), crowd[12].id()};
  EXPECT_TRUE(set.Wants(crowd[13].id()));
  EXPECT_FALSE(set.WantsBeside(crowd[13].id(), coming));
  EXPECT_FALSE(set.WantsBeside(crowd[7].id(), coming));
  EXPECT_TRUE(set.WantsBeside(crowd[12].id(), coming));
  EXPECT_TRUE(set.WantsBeside(crowd[13].id(), {crowd[8].id(), crowd[9].id(), crowd[11].id()}));
}

TEST(LeafSet, ANewcomerPushesTheFarthestOut) {
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  const std::vector<NodeRecord> crowd = Crowd(60);
  LeafSet set(self.id(), 2);
  size_t evicted = 0;
  for (const NodeRecord& record : crowd) {
    const bool wanted = set.Wants(record.id());
    const LeafSet::Change change = set.Insert(record);
    EXPECT_EQ(change.added, wanted);
    evicted += change.evicted.size();
    for (const NodeId& id : change.evicted) EXPECT_FALSE(set.Contains(id));
    EXPECT_LE(set.size(), 4u);
  }
  EXPECT_GT(evicted, 0u);
}

// A way through a third has an address for each pair, which is nobody's network.
TEST(LeafSet, WhoIsMetThroughAnotherCountsWhereItSaysThatItIs) {
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  LeafSet set(self.id(), 4);
  std::vector<NodeRecord> crowd;
  for (uint8_t i = 2; i < 6; ++i) {
    crowd.push_back(RecordAt(i, {net::IpAddress::V4({198, 51, 100, i}), 7464}));
    set.Insert(crowd.back(), DetourPath{.far = i, .via = uint64_t{i} << 56}.ToEndpoint());
  }
  for (const NodeRecord& record : crowd) {
    EXPECT_EQ(set.NetworkOf(record.id()), net::WideNetworkOf(crowd[0].addresses()[0].address));
  }
}

TEST(LeafSet, NobodyIsPushedOutFromOneNetwork) {
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  const auto at = [](uint8_t network, uint8_t host) {
    return net::Endpoint{net::IpAddress::V4({network, 7, 1, host}), 7464};
  };
  LeafSet honest(self.id(), 4);
  LeafSet set(self.id(), 4);
  std::vector<NodeRecord> crowd = Crowd(100);
  for (size_t i = 0; i < 40; ++i) {
    honest.Insert(crowd[i], at(static_cast<uint8_t>(20 + i), 1));
    set.Insert(crowd[i], at(static_cast<uint8_t>(20 + i), 1));
  }
  size_t refused = 0;
  for (size_t i = 40; i < 100; ++i) {
    const bool wanted = set.Wants(crowd[i].id());
    const bool added = set.Insert(crowd[i], at(19, static_cast<uint8_t>(i))).added;
    if (wanted && !added) {
      ++refused;
      EXPECT_FALSE(set.Wants(crowd[i].id()));
    }
  }
  for (const bool clockwise : {false, true}) {
    size_t kept = 0;
    for (const NodeId& id : set.Side(clockwise)) {
      const auto& side = honest.Side(clockwise);
      kept += std::count(side.begin(), side.end(), id) != 0 ? 1u : 0u;
    }
    EXPECT_GE(kept, 2u);
    EXPECT_LE(set.Side(clockwise).size(), 8u);
    EXPECT_GE(set.Side(clockwise).size(), 4u);
  }
  EXPECT_FALSE(set.Whole());
}

TEST(LeafSet, SmallRingIsWhole) {
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  LeafSet set(self.id(), 8);
  EXPECT_TRUE(set.Whole());
  EXPECT_TRUE(set.Covers(Key()));
  for (const NodeRecord& record : Crowd(10)) set.Insert(record);
  EXPECT_TRUE(set.Whole());
  EXPECT_EQ(set.size(), 10u);
  EXPECT_FALSE(set.Wants(self.id()));
  EXPECT_FALSE(set.Insert(self).added);
}

TEST(LeafSet, TakesNewerRecordsOnly) {
  LeafSet set(RecordAt(1, EndpointAt(1)).id(), 8);
  set.Insert(RecordAt(2, EndpointAt(2), 5));
  set.Insert(RecordAt(2, EndpointAt(3), 4));
  EXPECT_EQ(set.members().begin()->second.epoch(), 5u);
  set.Insert(RecordAt(2, EndpointAt(3), 6));
  EXPECT_EQ(set.members().begin()->second.epoch(), 6u);
}

}  // namespace
}  // namespace p2pd::overlay
