#include "libcore/overlay/wide_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "libcore/base/rng.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::ElementsAre;

constexpr uint64_t kTop = uint64_t{1} << 60;  // sixteen places on the ring

HintEvent Came(uint64_t head, uint32_t stamp = 1, Instant learnt = Instant()) {
  HintEvent out;
  out.hint.head = head;
  out.hint.stamp = stamp;
  out.hint.endpoint = EndpointAt(1);
  out.hint.learnt = learnt;
  return out;
}
HintEvent Went(uint64_t head, uint32_t stamp) {
  HintEvent out;
  out.there = false;
  out.hint.head = head;
  out.hint.stamp = stamp;
  return out;
}
std::vector<uint64_t> Places(const std::vector<Hint>& hints) {
  std::vector<uint64_t> out;
  for (const Hint& hint : hints) out.push_back(hint.head / kTop);
  return out;
}

class WideTableTest : public testing::Test {
 protected:
  void Fill(std::initializer_list<uint64_t> places) {
    for (const uint64_t place : places) table_.Take(now_, Came(place * kTop));
  }
  Counters counters_;
  WideTable table_{5 * kTop, counters_};
  Instant now_ = At(absl::Seconds(1));
};

TEST_F(WideTableTest, TheLaterWordWins) {
  EXPECT_TRUE(table_.Take(now_, Came(7, 10)));
  EXPECT_FALSE(table_.Take(now_, Came(7, 10))) << "said already";
  EXPECT_TRUE(table_.Take(now_, Went(7, 11)));
  EXPECT_EQ(table_.Find(7), nullptr);
  EXPECT_FALSE(table_.Take(now_, Went(7, 11)));
  EXPECT_FALSE(table_.Take(now_, Came(7, 10))) << "a slow message brings nobody back";
  EXPECT_TRUE(table_.Take(now_, Came(7, 12)));
  ASSERT_NE(table_.Find(7), nullptr);
  EXPECT_EQ(table_.StampOf(7), 12u);
  EXPECT_EQ(table_.LastNewsOf(7), now_);
}

TEST_F(WideTableTest, HearsayNamesAFewNodesAtOneAddress) {
  const auto at = [](uint64_t head, const char* endpoint, uint32_t stamp = 1) {
    HintEvent out = Came(head, stamp);
    out.hint.endpoint = *net::Endpoint::Parse(endpoint);
    return out;
  };
  EXPECT_TRUE(table_.Take(now_, at(1, "20.0.0.1:1")));
  EXPECT_TRUE(table_.Take(now_, at(2, "20.0.0.1:1")));
  EXPECT_FALSE(table_.Take(now_, at(3, "20.0.0.1:1"))) << "and is not passed on";
  Hint fetched = at(3, "20.0.0.1:1").hint;
  EXPECT_FALSE(table_.Fetch(now_, fetched));
  EXPECT_EQ(table_.Find(3), nullptr);
  EXPECT_EQ(counters_.Get("overlay.refused_crowded_hints"), 2u);
  EXPECT_TRUE(table_.Take(now_, at(2, "20.0.0.1:1", 2))) << "who is there already is not one more";
  EXPECT_TRUE(table_.Take(now_, Went(1, 2)));
  EXPECT_TRUE(table_.Take(now_, at(3, "20.0.0.1:1")));
  // Eight at all ports of an address.
  for (uint64_t head = 10; head < 30; ++head) {
    table_.Take(now_, at(head, ("20.0.0.1:" + std::to_string(head)).c_str()));
    table_.Take(now_, at(100 + head, ("[2001:db8::" + std::to_string(head) + "]:1").c_str()));
  }
  EXPECT_EQ(table_.size(), 16u);
  EXPECT_TRUE(table_.Witness(now_, at(90, "20.0.0.1:90"))) << "what we saw is no hearsay";
  EXPECT_NE(table_.Find(90), nullptr);
  table_.Take(now_, at(90, "20.0.0.2:90", 2));
  EXPECT_FALSE(table_.Take(now_, at(91, "20.0.0.1:91")));
  table_.Fail(now_, 2);
  EXPECT_TRUE(table_.Take(now_, at(91, "20.0.0.1:91")));
}

TEST_F(WideTableTest, PrivateAddressesMayBeCrowded) {
  for (uint64_t head = 10; head < 60; ++head) EXPECT_TRUE(table_.Take(now_, Came(head)));
  EXPECT_EQ(table_.size(), 50u);
}

TEST_F(WideTableTest, WhatIsOldIsForgotten) {
  table_.Take(now_, Came(7, 10));
  table_.Take(now_, Went(7, 11));
  table_.Take(now_, Came(8, 10));
  table_.Sweep(now_ + WideTable::kNewsLifetime);
  EXPECT_FALSE(table_.StampOf(7));
  EXPECT_EQ(table_.StampOf(8), 10u) << "hints know their own";
  EXPECT_TRUE(table_.Take(now_, Came(7, 10)));
}

TEST_F(WideTableTest, WeAreNotInOurOwnTable) {
  EXPECT_TRUE(table_.Take(now_, Came(5 * kTop, 1))) << "but it is news";
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_FALSE(table_.Take(now_, Came(5 * kTop, 1)));
}

TEST_F(WideTableTest, Neighbourhoods) {
  Fill({1, 4, 6, 9, 14, 15});
  EXPECT_THAT(Places(table_.Nearest(14 * kTop + 1, 3)), ElementsAre(14, 15, 1));
  EXPECT_THAT(Places(table_.Nearest(0, 3)), ElementsAre(1, 15, 14));
  EXPECT_THAT(Places(table_.Around(5 * kTop, 2)), ElementsAre(4, 6, 1, 9));
  // By side, not by nearness.
  EXPECT_THAT(Places(table_.Around(13 * kTop, 1)), ElementsAre(14, 9));
  EXPECT_EQ(table_.Around(0, 4).size(), 6u) << "everybody once";
  EXPECT_THAT(Places(table_.Range(9 * kTop, 1 * kTop, 10)), ElementsAre(9, 14, 15));
  EXPECT_THAT(Places(table_.Range(9 * kTop, 1 * kTop, 2)), ElementsAre(9, 14));
  EXPECT_THAT(Places(table_.Range(6 * kTop, 6 * kTop, 10)), ElementsAre(6, 9, 14, 15, 1, 4));
  // We stand at 5: the first upwards, the second and the fourth.
  EXPECT_THAT(table_.DistancesOfRanks(), ElementsAre(1 * kTop, 4 * kTop, 10 * kTop));
}

TEST_F(WideTableTest, WhoIsWatchedComingAndGoingShows) {
  table_.Watch({6 * kTop, 9 * kTop});
  const uint64_t before = table_.watched();
  Fill({1, 4});
  EXPECT_EQ(table_.watched(), before);
  Fill({6});
  const uint64_t came = table_.watched();
  EXPECT_GT(came, before);
  table_.Fail(now_, 6 * kTop);
  const uint64_t failed = table_.watched();
  EXPECT_GT(failed, came);
  Fill({9});
  table_.SetRadius(WideTable::kMinRadius);
  EXPECT_GT(table_.watched(), failed + 1) << "a table that narrows may lose anybody";
}

TEST_F(WideTableTest, AnEmptyTableKnowsNobody) {
  EXPECT_TRUE(table_.Nearest(3, 4).empty());
  EXPECT_TRUE(table_.Around(3, 4).empty());
  EXPECT_TRUE(table_.Range(1, 1, 9).empty());
  EXPECT_TRUE(table_.DistancesOfRanks().empty());
  EXPECT_EQ(table_.Find(9), nullptr);
}

TEST_F(WideTableTest, AHintThatFailedIsGoneForAWhile) {
  table_.Take(now_, Came(7, 10));
  table_.Fail(now_, 7);
  table_.Fail(now_, 8);
  EXPECT_EQ(table_.Find(7), nullptr);
  ASSERT_EQ(table_.FailedIn(0, 9).size(), 1u);
  EXPECT_EQ(table_.FailedIn(0, 9)[0].hint.stamp, 10u);
  EXPECT_TRUE(table_.FailedIn(8, 7).empty());
  // The same word again is not believed; a later one is.
  table_.Sweep(now_ + absl::Minutes(1));
  table_.Take(now_, Came(7, 10));
  EXPECT_EQ(table_.Find(7), nullptr);
  table_.Take(now_, Came(7, 11));
  EXPECT_NE(table_.Find(7), nullptr);
  table_.Fail(now_, 7);
  table_.Sweep(now_ + WideTable::kFailedFor);
  EXPECT_TRUE(table_.FailedIn(0, 9).empty());
}

TEST_F(WideTableTest, SaysWhoWentLately) {
  table_.Take(now_, Went(7, 10));
  table_.Take(now_, Came(8, 10));
  table_.Take(now_, Went(30, 4));
  ASSERT_EQ(table_.GoneIn(5, 20).size(), 1u);
  EXPECT_EQ(table_.GoneIn(5, 20)[0].hint.head, 7u);
  EXPECT_EQ(table_.GoneIn(20, 8).size(), 2u) << "over the top";
}

TEST_F(WideTableTest, BeyondTheRadiusFewerAreKept) {
  SeededRng rng(1);
  for (int i = 0; i < 2000; ++i) table_.Take(now_, Came(rng.Next(), 1, now_));
  EXPECT_EQ(table_.size(), 2000u);
  table_.SetRadius(WideTable::kWhole / 8);
  size_t near = 0;
  size_t middle = 0;  // 1 to 2 radii away: two in three, as 1/distance has it
  size_t far = 0;     // 4 to 8 radii
  for (size_t i = 0; i < table_.size(); ++i) {
    const uint64_t distance = HeadDistance(5 * kTop, table_[i].head);
    near += distance <= table_.radius() ? 1 : 0;
    middle += distance > table_.radius() && distance <= 2 * table_.radius() ? 1 : 0;
    far += distance > 4 * table_.radius() ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(near), 250, 50) << "all of them";
  EXPECT_NEAR(static_cast<double>(middle), 250 * 0.69, 50);
  EXPECT_NEAR(static_cast<double>(far), 1000 * 0.173, 50);
  EXPECT_TRUE(table_.Covers(5 * kTop + WideTable::kWhole / 9));
  EXPECT_FALSE(table_.Covers(5 * kTop + WideTable::kWhole / 7));
  // Who is far is forgotten when nobody names it again.
  table_.Sweep(now_ + WideTable::kFarLifetime);
  EXPECT_EQ(table_.size(), near);
  table_.SetRadius(1);
  EXPECT_EQ(table_.radius(), WideTable::kMinRadius);
}

TEST_F(WideTableTest, WhatANarrowTableDroppedIsFetchedByAWiderOne) {
  EXPECT_TRUE(table_.Take(now_, Came(12 * kTop, 10)));
  EXPECT_FALSE(table_.Fetch(now_, Came(12 * kTop, 12).hint)) << "we have it";
  EXPECT_EQ(table_.StampOf(12 * kTop), 10u);
  table_.SetRadius(WideTable::kMinRadius);
  ASSERT_EQ(table_.Find(12 * kTop), nullptr);
  EXPECT_FALSE(table_.Fetch(now_, Came(12 * kTop, 10).hint)) << "still too far";
  table_.SetRadius(WideTable::kWhole);
  EXPECT_FALSE(table_.Take(now_, Came(12 * kTop, 10))) << "no news, and not passed on";
  EXPECT_FALSE(table_.Fetch(now_, Came(12 * kTop, 9).hint)) << "older than what we know";
  EXPECT_TRUE(table_.Fetch(now_, Came(12 * kTop, 10).hint));
  EXPECT_NE(table_.Find(12 * kTop), nullptr);

  EXPECT_TRUE(table_.Take(now_, Went(12 * kTop, 11)));
  EXPECT_FALSE(table_.Fetch(now_, Came(12 * kTop, 11).hint)) << "it went";
  EXPECT_TRUE(table_.Fetch(now_, Came(12 * kTop, 12).hint)) << "and came back";
}

TEST(WideTable, IsBounded) {
  Counters counters;
  const Instant now = At(absl::Seconds(1));
  WideTable table(0, counters, 200);
  SeededRng rng(1);
  for (int i = 0; i < 3000; ++i) table.Take(now, Came(rng.Next(), 1, now));
  EXPECT_LE(table.size(), 200u);
  EXPECT_GT(table.size(), 100u);
  EXPECT_LT(table.radius(), WideTable::kWhole);
  // A crowd beside us does not grow it either; the nearest stay.
  for (uint64_t i = 1; i <= 3000; ++i) table.Take(now, Came(i, 1, now));
  EXPECT_EQ(table.size(), 200u);
  EXPECT_NE(table.Find(1), nullptr);
  for (uint64_t i = 0; i < 3 * WideTable::kMaxNews; ++i) {
    table.Take(now, Went(uint64_t{1} << 63 | i, 1));
  }
  EXPECT_EQ(table.GoneIn(0, 0).size(), WideTable::kMaxNews);
}

// Whoever puts many ids beside a key has two of those who are asked for it, as of its replicas.
TEST(WideTable, OfOneNetworkTwoStandRoundAKey) {
  constexpr uint64_t kPlace = kTop / 16;
  Counters counters;
  WideTable table(0, counters);
  const auto put = [&](uint64_t place, const net::IpAddress& address) {
    HintEvent event = Came(place * kPlace);
    event.hint.endpoint = {address, 7464};
    EXPECT_TRUE(table.Take(Instant(), event));
  };
  for (uint8_t i = 0; i < 8; ++i) {
    put(50 + i, net::IpAddress::V4({45, 7, i, 1}));
    put(i < 4 ? 40 + i : 60 + i, net::IpAddress::V4({static_cast<uint8_t>(60 + i), 1, 1, 1}));
  }
  std::vector<uint64_t> places;
  for (const Hint& hint : OnEitherSide(50 * kPlace, table.Around(50 * kPlace, 4), 4)) {
    places.push_back(hint.head / kPlace);
  }
  EXPECT_THAT(places, ElementsAre(50, 51, 64, 65, 40, 41, 42, 43));
  // Where no more are known than a replica set takes, it takes all.
  EXPECT_EQ(table.Around(50 * kPlace, 8).size(), 16u);
}

}  // namespace
}  // namespace p2pd::overlay
