#include "libcore/overlay/leaf_delta.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

std::vector<NodeId> Ids(uint64_t first, uint64_t count) {
  std::vector<NodeId> out;
  for (uint64_t i = 0; i < count; ++i) out.push_back(RecordAt(first + i, EndpointAt(1)).id());
  return out;
}

TEST(LeafDelta, SaysWhoIsNamedAndWhetherSomebodyElseIs) {
  const std::vector<NodeId> ids = Ids(1, 16);
  const NamedLeaves named(LeafFingerprints(ids, 7), 7);
  for (const NodeId& id : ids) EXPECT_TRUE(named.Has(id));
  EXPECT_FALSE(named.Has(Ids(50, 1).front()));
  EXPECT_FALSE(named.HasOtherThan(ids));
  EXPECT_FALSE(named.HasOtherThan(Ids(1, 20)));
  EXPECT_TRUE(named.HasOtherThan(Ids(2, 20)));
  EXPECT_FALSE(NamedLeaves("", 7).HasOtherThan({}));
  EXPECT_FALSE(NamedLeaves("x", 7).HasOtherThan({})) << "half a fingerprint";
}

TEST(LeafDelta, TwoThatShareAFingerprintDoNotWithTheNextSalt) {
  const NodeId self = Ids(1, 1).front();
  int shared = 0;
  for (uint32_t salt = 0; salt < 1000; ++salt) {
    const NamedLeaves named(LeafFingerprints({self}, salt), salt);
    for (const NodeId& other : Ids(2, 20)) shared += named.Has(other) ? 1 : 0;
  }
  // 20,000 / 65,536.
  EXPECT_LE(shared, 5);
}

}  // namespace
}  // namespace p2pd::overlay
