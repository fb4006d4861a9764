#include "libcore/overlay/routing_table.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

const NodeId kSelf = *RingIdFromHex("0000000000000000000000000000000000000000");

// Records of row 0 with this first digit.
std::vector<NodeRecord> InSlot(int digit, size_t count) {
  std::vector<NodeRecord> out;
  for (uint64_t seed = 1; out.size() < count; ++seed) {
    const NodeRecord record = RecordAt(seed, EndpointAt(1));
    if (Digit(record.id(), 0) == digit) out.push_back(record);
  }
  return out;
}

TEST(RoutingTable, ThreeASlotNearestFirst) {
  RoutingTable table(kSelf);
  const std::vector<NodeRecord> nodes = InSlot(5, 5);
  EXPECT_TRUE(table.Hole(nodes[0].id()));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        table.Insert(nodes[size_t(i)], EndpointAt(1), absl::Milliseconds(100 - 10 * i)).added);
  }
  EXPECT_EQ(table.SlotFor(nodes[4].id()).front().record, nodes[2]);
  // Not 10 % nearer than the farthest: stays out.
  EXPECT_FALSE(table.Insert(nodes[3], EndpointAt(1), absl::Milliseconds(91)).added);
  const RoutingTable::Change change = table.Insert(nodes[4], EndpointAt(1), absl::Milliseconds(89));
  EXPECT_TRUE(change.added);
  EXPECT_EQ(change.evicted, nodes[0].id());
  EXPECT_EQ(table.size(), 3u);
}

TEST(RoutingTable, OnePublicNetworkGetsTwoInARowAndThreeInAll) {
  RoutingTable table(kSelf);
  size_t taken = 0;
  for (int digit = 1; digit < 8; ++digit) {
    const auto endpoint = *net::Endpoint::Parse("198.51.100.7:7464");
    taken += table.Insert(InSlot(digit, 1)[0], endpoint, absl::Milliseconds(10)).added ? 1 : 0;
  }
  EXPECT_EQ(taken, RoutingTable::kMaxPerRowFromNetwork);
  // Private networks are exempt: fifty daemons on one machine must work.
  for (int digit = 8; digit < 15; ++digit) {
    EXPECT_TRUE(table.Insert(InSlot(digit, 1)[0], EndpointAt(1), absl::Milliseconds(10)).added);
  }
}

TEST(RoutingTable, RemoveAndUpdate) {
  RoutingTable table(kSelf);
  const std::vector<NodeRecord> nodes = InSlot(5, 2);
  table.Insert(nodes[0], EndpointAt(1), absl::Milliseconds(10));
  table.Insert(nodes[1], EndpointAt(1), absl::Milliseconds(20));
  table.Update(nodes[0], EndpointAt(2), absl::Milliseconds(30));
  EXPECT_EQ(table.SlotFor(nodes[0].id()).front().record, nodes[1]);
  EXPECT_EQ(table.Row(0).size(), 2u);
  EXPECT_EQ(table.Rows(), std::vector<int>{0});
  EXPECT_TRUE(table.Remove(nodes[0].id()));
  EXPECT_TRUE(table.Remove(nodes[1].id()));
  EXPECT_FALSE(table.Remove(nodes[1].id()));
  EXPECT_TRUE(table.Rows().empty());
}

}  // namespace
}  // namespace p2pd::overlay
