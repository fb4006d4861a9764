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
  carrier.near = {1, 2};
  EXPECT_EQ(KnownKeepers(carrier, Key()).size(), 9u);
  carrier.responsible = false;
  EXPECT_EQ(KnownKeepers(carrier, Key()).size(), 2u);
  EXPECT_TRUE(MayKeep(carrier, Key(), carrier.nodes()[2].id()));
  EXPECT_FALSE(MayKeep(carrier, Key(), carrier.nodes()[3].id()));
  carrier.near.clear();
  EXPECT_TRUE(MayKeep(carrier, Key(), carrier.nodes()[3].id())) << "nothing is known";
}

TEST(DoubtTest, HalfOfTheKnownHaveToBeAmongTheVoices) {
  FakeCarrier carrier{20};
  carrier.responsible = false;
  carrier.near = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_FALSE(MostMissing(carrier, Key(), Ids(carrier, 4, 12)));
  EXPECT_TRUE(MostMissing(carrier, Key(), Ids(carrier, 5, 13)));
  EXPECT_FALSE(MostMissing(carrier, Key(), Ids(carrier, 5, 8))) << "three voices say nothing";
  carrier.near = {0, 1, 2};
  EXPECT_FALSE(MostMissing(carrier, Key(), Ids(carrier, 5, 13))) << "nor do three hints";
}

TEST(DoubtTest, WhoStandsBeyondTheVoicesNeedNotBeOne) {
  FakeCarrier carrier{20};
  carrier.responsible = false;
  const std::vector<size_t> order = carrier.ByDistance(Key());
  std::vector<overlay::NodeId> voices;
  for (size_t rank = 0; rank < 8; ++rank) voices.push_back(carrier.nodes()[order[rank]].id());
  // Nearest first, those known are two of the voices and six who stand farther than any of them.
  carrier.near = {order.begin() + 6, order.begin() + 14};
  EXPECT_FALSE(MostMissing(carrier, Key(), voices));
  // Of voices that stand farther, all whom we know ought to be.
  carrier.near = {order.begin(), order.begin() + 8};
  voices.clear();
  for (size_t rank = 6; rank < 14; ++rank) voices.push_back(carrier.nodes()[order[rank]].id());
  EXPECT_TRUE(MostMissing(carrier, Key(), voices));
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
