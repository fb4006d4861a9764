#include "libcore/store/watchers.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"

namespace p2pd::store {
namespace {

constexpr ObjectKind kKind = wire::v1::OBJECT_KIND_USER_STATE;

class WatchersTest : public testing::Test {
 protected:
  overlay::NodeRecord Node(uint64_t epoch = 1) {
    return overlay::NodeRecord::Make(overlay::NodeKeys::Generate(rng), epoch,
                                     {*net::Endpoint::Parse("192.0.2.1:1")}, overlay::Role::kPeer);
  }
  static Instant At(int seconds) { return Instant() + absl::Seconds(seconds); }
  static Key Place(uint64_t n) {
    Key key;
    for (size_t i = 0; i < 8; ++i) key.mutable_view()[i] = static_cast<uint8_t>(n >> (8 * i));
    return key;
  }
  SeededRng rng{3};
  Watchers watchers;
};

TEST_F(WatchersTest, LeaseEnds) {
  const auto node = Node();
  EXPECT_TRUE(watchers.Add({Place(1), kKind, node, At(10)}));
  EXPECT_EQ(watchers.Of(Place(1), kKind, At(9)).size(), 1u);
  EXPECT_TRUE(watchers.Of(Place(1), kKind, At(10)).empty());
  EXPECT_TRUE(watchers.Of(Place(1), wire::v1::OBJECT_KIND_RAW, At(9)).empty());
  EXPECT_TRUE(watchers.Add({Place(1), kKind, node, At(20)}));
  EXPECT_EQ(watchers.size(), 1u);
  watchers.Expire(At(15));
  EXPECT_EQ(watchers.size(), 1u);
  watchers.Expire(At(20));
  EXPECT_EQ(watchers.size(), 0u);
}

TEST_F(WatchersTest, RemoveTakesOne) {
  const auto a = Node();
  const auto b = Node();
  watchers.Add({Place(1), kKind, a, At(10)});
  watchers.Add({Place(1), kKind, b, At(10)});
  watchers.Remove(Place(1), kKind, a.id());
  watchers.Remove(Place(1), kKind, a.id());
  watchers.Remove(Place(2), kKind, b.id());
  ASSERT_EQ(watchers.All(At(0)).size(), 1u);
  EXPECT_EQ(watchers.All(At(0))[0].watcher.id(), b.id());
}

TEST_F(WatchersTest, FullTablesRefuseNewOnesAndKeepTheOld) {
  const auto first = Node();
  EXPECT_TRUE(watchers.Add({Place(1), kKind, first, At(10)}));
  for (size_t i = 1; i < Watchers::kMaxPerPlace; ++i) {
    ASSERT_TRUE(watchers.Add({Place(1), kKind, Node(), At(10)}));
  }
  EXPECT_FALSE(watchers.Add({Place(1), kKind, Node(), At(10)}));
  EXPECT_TRUE(watchers.Add({Place(1), kKind, first, At(20)}));
  EXPECT_TRUE(watchers.Add({Place(2), kKind, Node(), At(10)}));
}

TEST_F(WatchersTest, OneNodeHasItsShare) {
  const auto node = Node();
  for (size_t i = 0; i < Watchers::kMaxPerNode; ++i) {
    ASSERT_TRUE(watchers.Add({Place(i), kKind, node, At(10)}));
  }
  EXPECT_FALSE(watchers.Add({Place(Watchers::kMaxPerNode), kKind, node, At(10)}));
  watchers.Remove(Place(0), kKind, node.id());
  EXPECT_TRUE(watchers.Add({Place(Watchers::kMaxPerNode), kKind, node, At(10)}));
  EXPECT_EQ(watchers.size(), Watchers::kMaxPerNode);
}

}  // namespace
}  // namespace p2pd::store
