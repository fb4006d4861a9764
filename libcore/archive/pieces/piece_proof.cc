#include "libcore/archive/pieces/piece_proof.h"

#include <algorithm>
#include <bit>

#include "libcore/base/check.h"

namespace p2pd::archive::pieces {
namespace {

std::vector<pki::Sha256Digest> LeavesOf(ByteView bytes) {
  std::vector<pki::Sha256Digest> leaves;
  for (size_t at = 0; at < bytes.size(); at += kBlock) {
    leaves.push_back(pki::Sha256(bytes.subspan(at, kBlock)));
  }
  return leaves;
}

}  // namespace

// BEP 52: a node is the hash of its two children.
pki::Sha256Digest MerkleRoot(std::vector<pki::Sha256Digest> leaves, uint32_t width) {
  P2PD_CHECK(std::has_single_bit(width) && leaves.size() <= width && !leaves.empty());
  leaves.resize(width);
  while (leaves.size() > 1) {
    for (size_t i = 0; i < leaves.size() / 2; ++i) {
      leaves[i] = pki::Sha256({leaves[2 * i].view(), leaves[2 * i + 1].view()});
    }
    leaves.resize(leaves.size() / 2);
  }
  return leaves[0];
}

bool PieceProof::Proves(ByteView piece) const {
  if (!v1 && !v2) return false;
  if (v1 && pki::Sha1(piece) != *v1) return false;
  if (!v2) return true;
  if (v2->size == 0 || v2->size > piece.size()) return false;
  return MerkleRoot(LeavesOf(piece.subspan(0, v2->size)), v2->width) == v2->root;
}

void PieceHasher::Take(uint32_t offset, ByteView bytes) {
  if (offset != next_) return;
  hasher_.Add(bytes);
  next_ += static_cast<uint32_t>(bytes.size());
}

}  // namespace p2pd::archive::pieces
