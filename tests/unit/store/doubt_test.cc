#include "libcore/store/doubt.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/store/fake_carrier.h"

namespace p2pd::store {
namespace {

std::vector<overlay::NodeId> Ids(const FakeCarrier& carrier, size_t first, size_t last) {
  std::vector<overlay::NodeId> out;
  for (size_t i = first; i < last; ++i) out.push_back(carrier.nodes()[i].id());
  return out;
}

TEST(DoubtTest, WhomWeMetSaysMoreThanHints) {
  FakeCarrier carrier{9};
  const std::vector<size_t> order = carrier.ByDistance(Key());
  const auto may_keep = [&](size_t rank) {
    return MayKeep(carrier, Key(), carrier.nodes()[order[rank]].id());
  };
  carrier.near = {order[1], order[2]};
  EXPECT_EQ(KnownKeepers(carrier, Key()).size(), 9u);
  carrier.responsible = false;
  EXPECT_EQ(KnownKeepers(carrier, Key()).size(), 2u);
  EXPECT_TRUE(may_keep(2));
  EXPECT_TRUE(may_keep(0)) << "nearer than they are, and too new to be known";
  EXPECT_FALSE(may_keep(3));
  carrier.near.clear();
  EXPECT_TRUE(may_keep(3)) << "nothing is known";
}

TEST(DoubtTest, HalfOfTheKnownHaveToBeAmongTheVoices) {
  FakeCarrier carrier{20};
  carrier.responsible = false;
  const std::vector<size_t> order = carrier.ByDistance(Key());
  const auto most_missing = [&](size_t first, size_t last) {
    std::vector<overlay::NodeId> voices;
    for (size_t i = first; i < last; ++i) voices.push_back(carrier.nodes()[order[i]].id());
    return MostMissing(carrier, Key(), voices);
  };
  carrier.near = {order.begin(), order.begin() + 8};
  EXPECT_FALSE(most_missing(4, 12));
  EXPECT_TRUE(most_missing(5, 13));
  EXPECT_FALSE(most_missing(5, 8)) << "three voices say nothing";
  carrier.near = {order.begin(), order.begin() + 3};
  EXPECT_FALSE(most_missing(5, 13)) << "nor do three hints";
  carrier.near = {order.begin() + 6, order.begin() + 14};
  EXPECT_FALSE(most_missing(0, 8)) << "who stands beyond the voices need not be one";
}

TEST(DoubtTest, ColludersStandFarApart) {
  FakeCarrier carrier{100};
  carrier.responsible = false;
  std::vector<overlay::NodeId> ids = Ids(carrier, 0, 100);
  std::sort(ids.begin(), ids.end());
  const Key key = ids[50];
  EXPECT_FALSE(FarApart(carrier, key, {ids.begin() + 46, ids.begin() + 54}));
  std::vector<overlay::NodeId> far;
  for (size_t i = 30; i < 70; i += 5) far.push_back(ids[i]);
  EXPECT_TRUE(FarApart(carrier, key, far));
  // Whom hints name may stand a little farther apart.
  carrier.near = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_TRUE(Agree(carrier, key, Ids(carrier, 2, 8)));
  EXPECT_TRUE(Agree(carrier, key, Ids(carrier, 2, 10)));
  EXPECT_FALSE(Agree(carrier, key, Ids(carrier, 3, 11)));
  EXPECT_TRUE(FarApart(carrier, key, far));
  carrier.responsible = true;
  EXPECT_FALSE(FarApart(carrier, key, far)) << "our leaf set reaches";
}

}  // namespace
}  // namespace p2pd::store
