#include "libcore/overlay/bootstrap_cache.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

TEST(BootstrapCache, RoundTripWithinItsSize) {
  std::vector<NodeRecord> records;
  for (uint64_t i = 0; i < 150; ++i) records.push_back(RecordAt(i, EndpointAt(1)));
  const Bytes saved = SaveBootstrapCache(records);
  EXPECT_LE(saved.size(), kMaxBootstrapCache);
  const std::vector<NodeRecord> loaded = LoadBootstrapCache(saved);
  ASSERT_GT(loaded.size(), 50u);
  ASSERT_LT(loaded.size(), 150u);
  for (size_t i = 0; i < loaded.size(); ++i) EXPECT_EQ(loaded[i], records[i]);
}

TEST(BootstrapCache, DamageIsSkipped) {
  EXPECT_TRUE(LoadBootstrapCache({}).empty());
  EXPECT_TRUE(LoadBootstrapCache(Bytes(100, 0xff)).empty());
  EXPECT_TRUE(LoadBootstrapCache(Bytes(kMaxBootstrapCache + 1)).empty());
  Bytes saved = SaveBootstrapCache({RecordAt(1, EndpointAt(1)), RecordAt(2, EndpointAt(2))});
  saved.back() ^= 1;
  EXPECT_EQ(LoadBootstrapCache(saved).size(), 1u);
}

net::Endpoint PublicAt(uint8_t a, uint8_t b, uint8_t c) {
  return net::Endpoint{net::IpAddress::V4({a, b, c, 1}), 7464};
}

TEST(BootstrapCache, WhoIsThereStillComesFirstAndWhoIsAbsentStays) {
  const NodeRecord absent = RecordAt(1, PublicAt(20, 1, 0));
  const NodeRecord old = RecordAt(2, PublicAt(20, 2, 0));
  const NodeRecord newcomer = RecordAt(3, PublicAt(20, 3, 0));
  const NodeRecord moved = RecordAt(2, PublicAt(20, 4, 0), 2);
  EXPECT_EQ(RenewBootstrap({absent, old}, {newcomer, moved}),
            (std::vector<NodeRecord>{moved, absent, newcomer}));
  // It may be us who are cut off.
  EXPECT_EQ(RenewBootstrap({absent, old}, {}), (std::vector<NodeRecord>{absent, old}));
}

TEST(BootstrapCache, WhoeverSurroundsUsFillsWhatIsLeft) {
  std::vector<NodeRecord> before;
  for (uint8_t i = 0; i < kMaxBootstrapAbsent; ++i) {
    before.push_back(RecordAt(i, PublicAt(20, i, 0)));
  }
  std::vector<NodeRecord> liars;
  for (uint8_t i = 0; i < 200; ++i) liars.push_back(RecordAt(1000 + i, PublicAt(30, i, 0)));
  const std::vector<NodeRecord> renewed = RenewBootstrap(before, liars);
  EXPECT_EQ(renewed.size(), kMaxBootstrapRecords);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), renewed.begin()));
  // Of one network two, whatever comes.
  liars.clear();
  for (uint8_t i = 0; i < 60; ++i) liars.push_back(RecordAt(2000 + i, PublicAt(40, 1, i)));
  EXPECT_EQ(RenewBootstrap(before, liars).size(), before.size() + kMaxBootstrapFromNetwork);
}

}  // namespace
}  // namespace p2pd::overlay
