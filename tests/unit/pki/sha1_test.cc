#include "libcore/pki/sha1.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

// FIPS 180-4, examples.
TEST(Sha1, GivesThePublishedDigests) {
  EXPECT_EQ(Hex(Sha1(AsBytes("abc")).view()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(Sha1({}).view()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(Sha1, PartsGiveTheSameAndTheHasherBeginsAnew) {
  Sha1Hasher hasher;
  for (int round = 0; round < 2; ++round) {
    hasher.Add(AsBytes("a"));
    hasher.Add(AsBytes("bc"));
    EXPECT_EQ(hasher.Finish(), Sha1(AsBytes("abc")));
  }
}

// RFC 2202 §3, cases 1, 2 and 6.
TEST(Sha1, HmacGivesThePublishedDigests) {
  EXPECT_EQ(Hex(HmacSha1(Bytes(20, 0x0b), AsBytes("Hi There")).view()),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(Hex(HmacSha1(AsBytes("Jefe"), AsBytes("what do ya want for nothing?")).view()),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(Hex(HmacSha1(Bytes(80, 0xaa),
                         AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))
                    .view()),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

}  // namespace
}  // namespace p2pd::pki
