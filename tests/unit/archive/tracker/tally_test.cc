#include "libcore/archive/tracker/tally.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace p2pd::archive::tracker {
namespace {

TEST(Tally, CountsByName) {
  Tally tally;
  std::set<std::string> names;
  for (size_t i = 0; i < kCounts; ++i) {
    const auto count = static_cast<Count>(i);
    tally.Add(count, i);
    tally.Add(count);
    EXPECT_EQ(tally.Get(count), i + 1);
    EXPECT_EQ(NameOf(count).substr(0, 8), "tracker.");
    EXPECT_TRUE(names.insert(std::string(NameOf(count))).second);
  }
}

}  // namespace
}  // namespace p2pd::archive::tracker
