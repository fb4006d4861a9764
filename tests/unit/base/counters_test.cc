#include "libcore/base/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(Counters, CountsByName) {
  Counters counters;

  counters.Add("overlay.sent");
  counters.Add("overlay.sent");
  counters.Add("net.bytes", 1200);

  EXPECT_EQ(counters.Get("overlay.sent"), 2u);
  EXPECT_EQ(counters.Get("net.bytes"), 1200u);
}

TEST(Counters, WhatNeverHappenedIsZeroAndNotListed) {
  Counters counters;

  EXPECT_EQ(counters.Get("overlay.sent"), 0u);
  EXPECT_TRUE(counters.Snapshot().empty());
}

TEST(Counters, SnapshotIsSortedByName) {
  Counters counters;
  counters.Add("b");
  counters.Add("a", 3);

  EXPECT_THAT(counters.Snapshot(), ElementsAre(Pair("a", 3u), Pair("b", 1u)));
}

}  // namespace
}  // namespace p2pd
