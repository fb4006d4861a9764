#include "libcore/archive/pieces/piece_proof.h"

#include <gtest/gtest.h>

#include "libcore/base/rng.h"

namespace p2pd::archive::pieces {
namespace {

Bytes Random(size_t size) {
  SeededRng rng(3);
  Bytes out(size);
  rng.Fill(absl::MakeSpan(out));
  return out;
}

TEST(PieceProof, V1IsTheHashOfTheBytes) {
  Bytes bytes = Random(50'000);
  const PieceProof proof{.v1 = pki::Sha1(bytes), .v2 = {}};
  EXPECT_TRUE(proof.Proves(bytes));
  bytes[49'999] ^= 1;
  EXPECT_FALSE(proof.Proves(bytes));
  EXPECT_FALSE(PieceProof().Proves(bytes));
}

TEST(PieceProof, V2IsTheRootOverItsBlocksWithZerosForThoseThatAreMissing) {
  const Bytes bytes = Random(3 * kBlock - 5);
  const ByteView view(bytes);
  const auto leaf = [&](size_t i) { return pki::Sha256(view.subspan(i * kBlock, kBlock)); };
  const pki::Sha256Digest left = pki::Sha256({leaf(0).view(), leaf(1).view()});
  const pki::Sha256Digest right = pki::Sha256({leaf(2).view(), pki::Sha256Digest().view()});
  const pki::Sha256Digest root = pki::Sha256({left.view(), right.view()});
  PieceProof proof{.v1 = {}, .v2 = PieceProof::V2{root, 4, static_cast<uint32_t>(bytes.size())}};
  EXPECT_TRUE(proof.Proves(bytes));
  // Padding behind the file's end does not count.
  Bytes padded = bytes;
  padded.resize(4 * kBlock);
  EXPECT_TRUE(proof.Proves(padded));
  padded[0] ^= 1;
  EXPECT_FALSE(proof.Proves(padded));
  proof.v2->size = static_cast<uint32_t>(bytes.size()) + 1;
  EXPECT_FALSE(proof.Proves(bytes));
}

TEST(PieceHasher, TakesWhatComesInOrder) {
  const Bytes bytes = Random(3 * kBlock);
  const ByteView view(bytes);
  PieceHasher hasher;
  hasher.Take(0, view.subspan(0, kBlock));
  hasher.Take(2 * kBlock, view.subspan(2 * kBlock));
  EXPECT_EQ(hasher.next(), kBlock);
  hasher.Take(kBlock, view.subspan(kBlock, kBlock));
  hasher.Take(2 * kBlock, view.subspan(2 * kBlock));
  EXPECT_EQ(hasher.next(), 3 * kBlock);
  EXPECT_EQ(hasher.Finish(), pki::Sha1(bytes));
}

}  // namespace
}  // namespace p2pd::archive::pieces
