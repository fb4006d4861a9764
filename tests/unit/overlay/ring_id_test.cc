#include "libcore/overlay/ring_id.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"

namespace p2pd::overlay {
namespace {

RingId Id(absl::string_view head, char fill = '0') {
  std::string hex(head);
  hex.resize(40, fill);
  return *RingIdFromHex(hex);
}

TEST(RingId, ClockwiseBorrowsAndWraps) {
  EXPECT_EQ(ToHex(Clockwise(Id("01"), Id("03"))), ToHex(Id("02")));
  EXPECT_EQ(ToHex(Clockwise(Id("ff"), Id("01"))), ToHex(Id("02")));
  EXPECT_EQ(ToHex(Clockwise(Id("0000000000000000000000000000000000000001"), RingId())),
            std::string(40, 'f'));
  EXPECT_EQ(Clockwise(Id("12"), Id("12")), RingId());
}

TEST(RingId, DistanceIsTheShorterWayAndSymmetric) {
  SeededRng rng(1);
  for (int i = 0; i < 100; ++i) {
    const auto a = rng.Make<RingId>();
    const auto b = rng.Make<RingId>();
    EXPECT_EQ(Distance(a, b), Distance(b, a));
    EXPECT_LE(Distance(a, b), Id("80"));
  }
  EXPECT_EQ(Distance(Id("ff"), Id("01")), Id("02"));
}

TEST(RingId, EveryKeyHasOneRoot) {
  // Equally far on both sides: the smaller id.
  EXPECT_TRUE(Nearer(Id("20"), Id("10"), Id("30")));
  EXPECT_FALSE(Nearer(Id("20"), Id("30"), Id("10")));
  EXPECT_FALSE(Nearer(Id("20"), Id("30"), Id("30")));
  EXPECT_TRUE(Nearer(Id("00"), Id("fe"), Id("03")));
}

TEST(RingId, Digits) {
  const RingId id = Id("a1b2");
  EXPECT_EQ(Digit(id, 0), 10);
  EXPECT_EQ(Digit(id, 1), 1);
  EXPECT_EQ(Digit(id, 3), 2);
  EXPECT_EQ(SharedDigits(id, Id("a1b3")), 3);
  EXPECT_EQ(SharedDigits(id, Id("a1c2")), 2);
  EXPECT_EQ(SharedDigits(id, Id("b1b2")), 0);
  EXPECT_EQ(SharedDigits(id, id), 40);
}

TEST(RingId, Hex) {
  EXPECT_EQ(Short(Id("a1b2c3d4e5")), "a1b2c3d4");
  EXPECT_FALSE(RingIdFromHex("a1").has_value());
  EXPECT_FALSE(RingIdFromHex(std::string(40, 'g')).has_value());
  EXPECT_EQ(RingIdFromHex(std::string(40, 'A')), RingIdFromHex(std::string(40, 'a')));
}

}  // namespace
}  // namespace p2pd::overlay
