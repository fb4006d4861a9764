#include "libcore/archive/tracker/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace p2pd::archive::tracker {
namespace {

TEST(Sample, TakesEachAtMostOnceAndAllWhenThereAreFew) {
  SampleStream random(1);
  for (uint32_t n = 0; n < 2200; n += n < 300 || n > 2030 ? 1 : 100) {
    for (const uint32_t wanted : {0u, 1u, 3u, 50u, 64u}) {
      std::set<uint32_t> taken;
      Sample(random, n, wanted, [&](uint32_t i) { EXPECT_TRUE(taken.insert(i).second); });
      EXPECT_EQ(taken.size(), std::min(n, wanted));
      EXPECT_TRUE(taken.empty() || *taken.rbegin() < n);
    }
  }
}

// Chi-square over 199 degrees of freedom: above 260 once in 400 runs of a fair choice.
TEST(Sample, EachIsAsLikelyAsAnyOther) {
  constexpr uint32_t kOf = 200;
  constexpr uint32_t kWanted = 50;
  constexpr int kRounds = 20'000;
  SampleStream random(2);
  std::vector<int> seen(kOf);
  for (int round = 0; round < kRounds; ++round) {
    Sample(random, kOf, kWanted, [&](uint32_t i) { ++seen[i]; });
  }
  const double expected = double{kRounds} * kWanted / kOf;
  double chi_square = 0;
  for (const int count : seen) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 260);
  // Without replacement a place varies by 3/4 of what independent draws would.
  EXPECT_GT(chi_square, 199 * 0.75 / 2);
}

TEST(Sample, PairsAreAsLikelyAsAnyOther) {
  SampleStream random(3);
  constexpr int kRounds = 60'000;
  int pairs[4][4] = {};
  for (int round = 0; round < kRounds; ++round) {
    std::vector<uint32_t> taken;
    Sample(random, 4, 2, [&](uint32_t i) { taken.push_back(i); });
    ++pairs[std::min(taken[0], taken[1])][std::max(taken[0], taken[1])];
  }
  for (int a = 0; a < 4; ++a) {
    for (int b = a + 1; b < 4; ++b) EXPECT_NEAR(pairs[a][b], kRounds / 6, 400);
  }
}

TEST(SampleStream, SameSeedSameNumbers) {
  SampleStream a(7);
  SampleStream b(7);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.Below(1000), b.Below(1000));
}

}  // namespace
}  // namespace p2pd::archive::tracker
