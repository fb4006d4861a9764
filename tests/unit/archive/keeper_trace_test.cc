#include <gtest/gtest.h>

#include <string>

#include "tests/unit/archive/keeper_day.h"

namespace p2pd::archive {
namespace {

TEST(KeeperTrace, WithHalfTheRoomNothingIsLostWhileHoldersLeaveOneByOne) {
  for (const uint64_t seed : {1, 2, 3}) {
    Day day(seed);
    day.Run();
    EXPECT_EQ(day.last_copies_dropped, 0);
    EXPECT_EQ(day.below_one, 0) << "seed " << seed;
    EXPECT_LE(day.most_used, day.quota());
    EXPECT_GT(day.dropped, 0u);
    EXPECT_LT(static_cast<double>(day.refetched), 0.05 * static_cast<double>(day.dropped))
        << "seed " << seed;
    RecordProperty("refetched", std::to_string(day.refetched));
  }
}

TEST(KeeperTrace, WhenAllLeaveAtOnceWhatIsHeldStaysAndTheRestIsCountedAsLost) {
  Day day(4);
  day.Run();
  const int held = day.held();
  day.AllLeave();
  EXPECT_EQ(day.held(), held);
  EXPECT_EQ(day.Lost(), static_cast<int>(kGroups) - held);
  EXPECT_LE(day.most_used, day.quota());
}

}  // namespace
}  // namespace p2pd::archive
