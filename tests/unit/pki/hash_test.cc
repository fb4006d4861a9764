#include "libcore/pki/hash.h"

#include <string>

#include "gtest/gtest.h"
#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

Bytes Count(uint8_t first, size_t size) {
  Bytes out;
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(first + i));
  return out;
}

TEST(Sha256, MatchesFips180) {
  EXPECT_EQ(Hex(Sha256(AsBytes("abc")).view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256(ByteView()).view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, PartsHashAsTheirConcatenation) {
  EXPECT_EQ(Sha256({AsBytes("a"), ByteView(), AsBytes("bc")}), Sha256(AsBytes("abc")));
}

TEST(HmacSha256, MatchesRfc4231) {
  EXPECT_EQ(Hex(HmacSha256(Bytes(20, 0x0b), AsBytes("Hi There")).view()),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?")).view()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(Bytes(131, 0xaa),
                           AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))
                    .view()),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HkdfSha256, MatchesRfc5869) {
  EXPECT_EQ(Hex(HkdfSha256(Bytes(22, 0x0b), Count(0, 13), Count(0xf0, 10), 42).view()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(
      Hex(HkdfSha256(Count(0, 80), Count(0x60, 80), Count(0xb0, 80), 82).view()),
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
      "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  EXPECT_EQ(Hex(HkdfSha256(Bytes(22, 0x0b), {}, {}, 42).view()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(HkdfSha256, GivesTheLargestSizeAndNothing) {
  EXPECT_EQ(HkdfSha256(Count(0, 32), {}, {}, 8160).size(), 8160u);
  EXPECT_TRUE(HkdfSha256(Count(0, 32), {}, {}, 0).empty());
  EXPECT_DEATH(HkdfSha256(Count(0, 32), {}, {}, 8161), "check failed");
}

}  // namespace
}  // namespace p2pd::pki
