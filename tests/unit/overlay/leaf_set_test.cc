#include "libcore/overlay/leaf_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
  // Who is named again in another order makes the same hash.
  LeafSet other(self.id(), 8);
  for (size_t i = crowd.size(); i-- > 0;) other.Insert(crowd[i]);
  EXPECT_EQ(set.Hash(), other.Hash());
  other.Remove(crowd[0].id());
  EXPECT_NE(set.Hash(), other.Hash());
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
