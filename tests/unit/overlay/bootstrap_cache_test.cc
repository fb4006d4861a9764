#include "libcore/overlay/bootstrap_cache.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace p2pd::overlay
