#include "libcore/archive/pieces/have_file.h"

#include <gtest/gtest.h>

namespace p2pd::archive::pieces {
namespace {

HaveFile Example() {
  HaveFile out;
  out.writing = true;
  out.layout = pki::Sha256(AsBytes("layout"));
  out.files = {{1000, 5}, {0, 0}, {~uint64_t{0}, -1}};
  out.have = PieceSet(11);
  out.have.Set(Piece(10));
  return out;
}

TEST(HaveFile, ReadsWhatItWrote) { EXPECT_EQ(HaveFile::Read(Example().Write()), Example()); }

TEST(HaveFile, EveryOtherByteIsRefused) {
  const Bytes good = Example().Write();
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(HaveFile::Read(bad).has_value()) << i;
    EXPECT_FALSE(HaveFile::Read(ByteView(good).subspan(0, i)).has_value()) << i;
  }
}

TEST(HaveFile, ALayoutIsNamedByPieceLengthPathsAndSizes) {
  const auto key = [](uint32_t length, const char* path, uint64_t size, bool padding) {
    return KeyOf(*Layout::Make(length, {{path, size, padding}, {"z", 1, false}}));
  };
  EXPECT_EQ(key(16, "a", 5, false), key(16, "a", 5, false));
  EXPECT_NE(key(16, "a", 5, false), key(32, "a", 5, false));
  EXPECT_NE(key(16, "a", 5, false), key(16, "b", 5, false));
  EXPECT_NE(key(16, "a", 5, false), key(16, "a", 6, false));
  EXPECT_NE(key(16, "a", 5, false), key(16, "a", 5, true));
}

}  // namespace
}  // namespace p2pd::archive::pieces
