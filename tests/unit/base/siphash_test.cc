#include "libcore/base/siphash.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"

namespace p2pd {
namespace {

SipHashKey PaperKey() {
  SipHashKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  return key;
}

// The reference implementation's table: messages 00, 00 01, … under the key 00 01 … 0f, written
// with the least significant byte first.
TEST(SipHash, AgreesWithThePublishedVectors) {
  constexpr absl::string_view kVectors[] = {
      "310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d",
      "2d7efbd796666785", "b7877127e09427cf", "8da699cd64557618",
      "cee3fe586e46c9cb", "37d1018bf50002ab", "6224939a79f5f593"};
  Bytes message;
  for (const absl::string_view vector : kVectors) {
    uint8_t big_endian[8];
    StoreBigEndian64(__builtin_bswap64(SipHash24(PaperKey(), message)), big_endian);
    EXPECT_EQ(Hex(big_endian), vector) << message.size();
    message.push_back(static_cast<uint8_t>(message.size()));
  }
}

// Appendix A of the paper, step by step to this result.
TEST(SipHash, AgreesWithThePapersExample) {
  Bytes message;
  for (uint8_t i = 0; i < 15; ++i) message.push_back(i);
  EXPECT_EQ(SipHash24(PaperKey(), message), 0xa129ca6149be45e5u);
}

TEST(SipHash, DependsOnTheKey) {
  SipHashKey other = PaperKey();
  other[15] ^= 1;
  EXPECT_NE(SipHash24(PaperKey(), AsBytes("x")), SipHash24(other, AsBytes("x")));
}

}  // namespace
}  // namespace p2pd
