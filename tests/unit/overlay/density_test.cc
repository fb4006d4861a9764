#include "libcore/overlay/density.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "libcore/base/rng.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

TEST(Density, SharesAddUp) {
  NodeId half;
  half.mutable_view()[0] = 0x80;
  EXPECT_DOUBLE_EQ(ShareOfRing(half), 0.5);
  EXPECT_EQ(ShareOfRing(NodeId()), 0);
}

TEST(Density, TheMeanGapOfAnEvenRing) {
  // Sixteen neighbours of a thousand nodes.
  const NodeRecord self = RecordAt(1, EndpointAt(1));
  EXPECT_EQ(MeanGap(self.id(), {}), 0);
  std::vector<NodeRecord> leaves;
  for (uint64_t i = 0; i < 64; ++i) leaves.push_back(RecordAt(i + 2, EndpointAt(1)));
  // Sixty-four random nodes are the ring.
  EXPECT_NEAR(MeanGap(self.id(), leaves), 1.0 / 64, 0.003);
}

// Eight nearest of 1,000 honest nodes, and eight nearest of a fifth of them who collude.
TEST(Density, TellsColludersFromTheNearest) {
  SeededRng rng(7);
  std::vector<NodeId> all;
  for (int i = 0; i < 1000; ++i) all.push_back(rng.Make<NodeId>());
  int honest_sparse = 0;
  int colluders_sparse = 0;
  constexpr int kTrials = 500;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Key key = rng.Make<Key>();
    const auto nearest = [&](std::vector<NodeId> from) {
      std::sort(from.begin(), from.end(),
                [&](const NodeId& a, const NodeId& b) { return Nearer(key, a, b); });
      from.resize(8);
      return from;
    };
    honest_sparse += Sparse(key, nearest(all), 0.001) ? 1 : 0;
    const std::vector<NodeId> colluders(all.begin(), all.begin() + 200);
    colluders_sparse += Sparse(key, nearest(colluders), 0.001) ? 1 : 0;
  }
  EXPECT_LT(honest_sparse, kTrials / 50);
  EXPECT_GT(colluders_sparse, kTrials * 9 / 10);
}

TEST(Density, WhoKnowsSomebodyNearerSeesThatHeIsLeftOut) {
  std::vector<NodeRecord> all;
  for (uint64_t i = 0; i < 40; ++i) all.push_back(RecordAt(i + 2, EndpointAt(1)));
  const Key key;
  std::sort(all.begin(), all.end(),
            [&](const NodeRecord& a, const NodeRecord& b) { return Nearer(key, a.id(), b.id()); });
  std::vector<NodeId> nearest;
  std::vector<NodeId> others;
  for (size_t i = 0; i < 8; ++i) nearest.push_back(all[i].id());
  for (size_t i = 8; i < 16; ++i) others.push_back(all[i].id());
  EXPECT_FALSE(Omits(key, nearest, all));
  EXPECT_TRUE(Omits(key, others, {all[3]}));
  EXPECT_FALSE(Omits(key, others, {all[20]}));
  EXPECT_FALSE(Omits(key, {all[9].id()}, all));
}

TEST(Density, TooLittleToJudgeByIsNotHeldAgainstAnybody) {
  SeededRng rng(8);
  const std::vector<NodeId> few = {rng.Make<NodeId>(), rng.Make<NodeId>(), rng.Make<NodeId>()};
  EXPECT_FALSE(Sparse(Key(), few, 0.0001));
  EXPECT_FALSE(Sparse(Key(), std::vector<NodeId>(8, rng.Make<NodeId>()), 0));
}

}  // namespace
}  // namespace p2pd::overlay
