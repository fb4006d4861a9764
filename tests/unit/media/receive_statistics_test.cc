#include "libcore/media/receive_statistics.h"

#include <gtest/gtest.h>

namespace p2pd::media {
namespace {

Instant At(int64_t ms) { return Instant::FromNanos(ms * 1'000'000); }

TEST(ReceiveStatistics, CountsLossOverTheWrap) {
  ReceiveStatistics statistics;
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 3) continue;
    statistics.OnPacket(At(i * 20), static_cast<uint16_t>(65'500 + i),
                        static_cast<uint32_t>(i * 960));
  }
  EXPECT_EQ(statistics.expected(), 100u);
  EXPECT_EQ(statistics.received(), 90u);
  EXPECT_EQ(statistics.lost(), 10);
  EXPECT_EQ(statistics.highest_extended(), 65'599u);
  EXPECT_EQ(statistics.TakeFractionLost(), 25);  // 10 % of 256
  EXPECT_EQ(statistics.TakeFractionLost(), 0);   // since then nothing
}

TEST(ReceiveStatistics, DuplicatesMakeNegativeLossButNoFraction) {
  ReceiveStatistics statistics;
  for (int i = 0; i < 10; ++i) {
    for (int copy = 0; copy < 2; ++copy) {
      statistics.OnPacket(At(i * 20), static_cast<uint16_t>(i), static_cast<uint32_t>(i * 960));
    }
  }
  EXPECT_EQ(statistics.lost(), -10);
  EXPECT_EQ(statistics.TakeFractionLost(), 0);
}

TEST(ReceiveStatistics, JitterOfARegularStreamIsZero) {
  ReceiveStatistics statistics;
  for (int i = 0; i < 200; ++i) {
    statistics.OnPacket(At(i * 20), static_cast<uint16_t>(i), static_cast<uint32_t>(i * 960));
  }
  EXPECT_EQ(statistics.jitter(), absl::ZeroDuration());
}

TEST(ReceiveStatistics, JitterConvergesToTheMeanDifference) {
  ReceiveStatistics statistics;
  // Every second packet 10 ms late: transit differs by 10 ms from each to the next.
  for (int i = 0; i < 400; ++i) {
    statistics.OnPacket(At(i * 20 + (i % 2) * 10), static_cast<uint16_t>(i),
                        static_cast<uint32_t>(i * 960));
  }
  EXPECT_NEAR(absl::ToDoubleMilliseconds(statistics.jitter()), 10.0, 0.1);
}

}  // namespace
}  // namespace p2pd::media
