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

}  // namespace
}  // namespace p2pd::pki
