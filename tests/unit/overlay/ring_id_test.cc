#include "libcore/overlay/ring_id.h"

#include <gtest/gtest.h>

#include <array>

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

// Against arithmetic byte by byte, with many equal and extreme bytes.
TEST(RingId, ClockwiseOfAnyBytes) {
  SeededRng rng(3);
  const auto make = [&rng] {
    RingId out;
    for (uint8_t& byte : out.mutable_view()) {
      constexpr std::array<uint8_t, 4> kBytes = {0, 1, 254, 255};
      byte = kBytes[rng.Below(kBytes.size())];
    }
    return out;
  };
  for (int i = 0; i < 5000; ++i) {
    const RingId a = make();
    const RingId b = make();
    RingId want;
    int borrow = 0;
    for (size_t at = RingId::kSize; at-- > 0;) {
      const int difference = int{b[at]} - int{a[at]} - borrow;
      borrow = difference < 0 ? 1 : 0;
      want.mutable_view()[at] = static_cast<uint8_t>(difference + (borrow << 8));
    }
    ASSERT_EQ(Clockwise(a, b), want);
    ASSERT_EQ(a <=> b, a.array() <=> b.array());
    const RingId key = make();
    const auto to_a = std::min(Clockwise(key, a), Clockwise(a, key));
    const auto to_b = std::min(Clockwise(key, b), Clockwise(b, key));
    ASSERT_EQ(Distance(key, a), to_a);
    ASSERT_EQ(Nearer(key, a, b), to_a != to_b ? to_a < to_b : a < b);
  }
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
