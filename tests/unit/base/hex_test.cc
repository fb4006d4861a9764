#include "libcore/base/hex.h"

#include <gtest/gtest.h>

namespace p2pd {
namespace {

TEST(Hex, WritesLowerCase) {
  EXPECT_EQ(Hex(Bytes{0x00, 0x0f, 0xa0, 0xff}), "000fa0ff");
  EXPECT_EQ(Hex(ByteView()), "");
}

TEST(Hex, ReadsBothCases) {
  EXPECT_EQ(FromHex("000fA0Ff"), (Bytes{0x00, 0x0f, 0xa0, 0xff}));
  EXPECT_EQ(FromHex(""), Bytes());
}

TEST(Hex, RefusesOddLengthAndForeignCharacters) {
  for (const absl::string_view text :
       {"0", "abc", "0g", "g0", " 0", "0x", "/0", ":0", "@0", "`0"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
  EXPECT_EQ(FromHex(absl::string_view("0\0", 2)), std::nullopt);
}

TEST(Hex, EveryByteSurvives) {
  for (int i = 0; i < 256; ++i) {
    const Bytes byte = {static_cast<uint8_t>(i)};
    EXPECT_EQ(FromHex(Hex(byte)), byte);
  }
}

}  // namespace
}  // namespace p2pd
