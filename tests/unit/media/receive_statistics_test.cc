#include "libcore/media/receive_statistics.h"

#include <gtest/gtest.h>

#include <utility>

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

TEST(ReceiveStatistics, TellsWhichPacketsCame) {
  ReceiveStatistics statistics;
  EXPECT_EQ(statistics.arrivals().count, 0u);
  for (int i = 0; i < 300; ++i) {
    if (i % 10 == 3) continue;
    statistics.OnPacket(At(i * 20), static_cast<uint16_t>(65'400 + i),
                        static_cast<uint32_t>(i * 960));
  }
  // The last four may yet be overtaken by those before them.
  const Arrivals arrivals = statistics.arrivals();
  ASSERT_EQ(arrivals.count, kMaxReportedPackets);
  const int first = 300 - 1 - 4 - static_cast<int>(kMaxReportedPackets);
  EXPECT_EQ(arrivals.begin, static_cast<uint16_t>(65'400 + first));
  for (size_t i = 0; i < arrivals.count; ++i) {
    EXPECT_EQ(arrivals.came[i], (first + static_cast<int>(i)) % 10 != 3) << i;
  }
  // One that was overtaken by fewer.
  statistics.OnPacket(At(6'000), static_cast<uint16_t>(65'400 + 293), 293 * 960);
  EXPECT_TRUE(statistics.arrivals().came[static_cast<size_t>(293 - first)]);
}

TEST(ReceiveStatistics, PacketsBeforeTheFirstAreKnownToo) {
  ReceiveStatistics statistics;
  for (const int i : {1, 0, -1, 2, 3, 4, 5, 6}) {
    statistics.OnPacket(At(1'000 + i * 20), static_cast<uint16_t>(i),
                        static_cast<uint32_t>(i * 960));
  }
  const Arrivals arrivals = statistics.arrivals();
  EXPECT_EQ(arrivals.begin, 0xffff);
  EXPECT_EQ(arrivals.count, 3u);
  EXPECT_EQ(arrivals.came.count(), 3u);
}

TEST(ReceiveStatistics, TheFastestPacketIsToldOnce) {
  ReceiveStatistics statistics;
  EXPECT_FALSE(statistics.TakeFastest().has_value());
  for (const auto& [number, late] : {std::pair{1, 30}, {2, 7}, {3, 12}}) {
    statistics.OnPacket(At(number * 20 + late), static_cast<uint16_t>(number),
                        static_cast<uint32_t>(number * 960));
  }
  const auto fastest = statistics.TakeFastest();
  ASSERT_TRUE(fastest.has_value());
  EXPECT_EQ(fastest->sequence, 2);
  EXPECT_EQ(fastest->at, 47u * 48u);
  EXPECT_FALSE(statistics.TakeFastest().has_value());
}

}  // namespace
}  // namespace p2pd::media
