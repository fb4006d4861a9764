#include "libcore/overlay/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NeighboursTest : public testing::Test {
 protected:
  NeighboursTest() {
    Link(b_);
    Link(c_);
  }
  void Link(Party& other) {
    a_.links.Connect(now_, other.record);
    Exchange2(now_, a_, other);
    neighbours_.OnLinkUp(other.record.id());
  }
  static HintEvent HintOf(const Party& party, double x) {
    HintEvent out;
    out.hint.head = Head(party.record.id());
    out.hint.stamp = 1;
    out.hint.endpoint = party.at;
    Coordinate place;
    place.x = x;
    out.hint.place = place.Pack();
    return out;
  }
  Instant now_ = At(absl::Seconds(1));
  Party a_{1};
  Party b_{2};
  Party c_{3};
  Party d_{4};
  Vivaldi vivaldi_{a_.rng};
  Neighbours neighbours_{a_.links, vivaldi_};
  WideTable table_{Head(a_.record.id()), a_.counters};
};

TEST_F(NeighboursTest, KnowsWhoIsLinked) {
  EXPECT_EQ(neighbours_.Linked(Head(b_.record.id())), b_.record.id());
  EXPECT_FALSE(neighbours_.Linked(Head(d_.record.id())));
  EXPECT_EQ(neighbours_.All().size(), 2u);
  // A link that we dropped ourselves counts no more.
  a_.links.Drop(now_, b_.record.id(), false);
  EXPECT_FALSE(neighbours_.Linked(Head(b_.record.id())));
  neighbours_.Relax();
  neighbours_.OnLinkDown(c_.record.id());
  EXPECT_THAT(neighbours_.All(), IsEmpty());
}

TEST_F(NeighboursTest, OnlyLinkedNodesMoveUs) {
  Coordinate place;
  place.x = 40;
  neighbours_.Learn(d_.record.id(), place.Pack());
  neighbours_.Learn(b_.record.id(), 0);
  EXPECT_EQ(vivaldi_.samples(), 0u);
  EXPECT_EQ(neighbours_.PlaceOf(Head(b_.record.id())), 0u);
  neighbours_.Learn(b_.record.id(), place.Pack());
  const auto kept = Coordinate::Unpack(neighbours_.PlaceOf(Head(b_.record.id())));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->x, 40);
}

TEST_F(NeighboursTest, TheNextHopIsAmongThoseWhoKnowTheRoot) {
  // d is the root of its own id and has no link; b is near it by its coordinate, c is far.
  table_.Take(now_, HintOf(b_, 10));
  table_.Take(now_, HintOf(c_, 500));
  table_.Take(now_, HintOf(d_, 0));
  const auto ways = neighbours_.Towards(d_.record.id(), table_);
  EXPECT_THAT(ways, ElementsAre(b_.record.id(), c_.record.id()));
  // Who is the root is asked itself.
  EXPECT_THAT(neighbours_.Towards(c_.record.id(), table_),
              ElementsAre(c_.record.id(), b_.record.id()));
  table_.SetRadius(WideTable::kMinRadius);
  const Key far = FromHead(Head(a_.record.id()) + WideTable::kWhole);
  EXPECT_THAT(neighbours_.Towards(far, table_), IsEmpty()) << "not covered";
}

TEST_F(NeighboursTest, RoundTripsArePredictedOnceWeKnowWhereWeAre) {
  Hint hint = HintOf(d_, 100).hint;
  EXPECT_FALSE(neighbours_.RoundTripTo(hint));
  Coordinate place;
  vivaldi_.OnSample(place, absl::Milliseconds(1));
  const auto there = neighbours_.RoundTripTo(hint);
  ASSERT_TRUE(there);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(*there), 100, 5);
  hint.place = 0;
  EXPECT_FALSE(neighbours_.RoundTripTo(hint));
}

}  // namespace
}  // namespace p2pd::overlay
