#include "libcore/base/bits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Bits, TheFirstIsTheHighestOfTheFirstByte) {
  EXPECT_THAT(PackBits({}), IsEmpty());
  EXPECT_THAT(PackBits({true, false, false, false, false, false, false, true, false, true}),
              ElementsAre(0x81, 0x40));
  EXPECT_EQ(BytesOfBits(8), 1u);
  EXPECT_EQ(BytesOfBits(9), 2u);
}

TEST(Bits, WhatIsMissingIsNotSet) {
  const Bytes bytes = {0xff};
  EXPECT_THAT(UnpackBits(bytes, 3), ElementsAre(true, true, true));
  EXPECT_EQ(UnpackBits(bytes, 20).size(), 20u);
  EXPECT_FALSE(UnpackBits(bytes, 20)[8]);
  const std::vector<bool> bits = {false, true, true, false, true, false,
                                  true,  true, true, false, true};
  EXPECT_EQ(UnpackBits(PackBits(bits), bits.size()), bits);
}

}  // namespace
}  // namespace p2pd
