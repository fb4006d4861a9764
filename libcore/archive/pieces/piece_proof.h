// PieceProof: what a whole piece must hash to, in v1 (SHA-1 of its bytes) and v2 (root of the tree
// over the SHA-256 of its blocks), and PieceHasher, which takes a piece block by block as it comes.
//
// Rules: blocks are of 16 KiB. In v2 the padding behind a file's end is not hashed as bytes: the
// tree's missing leaves are zero (BEP 52, "merkle tree"). Threads: values. Sources: BEP 3, 52.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::pieces {

// BEP 3, 52.
constexpr uint32_t kBlock = 16384;

// Of SHA-256 leaves, filled up with zeros to `width`, which is a power of two and not smaller than
// their number.
pki::Sha256Digest MerkleRoot(std::vector<pki::Sha256Digest> leaves, uint32_t width);

struct PieceProof {
  std::optional<pki::Sha1Digest> v1;
  struct V2 {
    pki::Sha256Digest root;
    // Leaves of the tree: blocks of a whole piece, or of a file smaller than one, up to a power of
    // two.
    uint32_t width = 1;
    // Bytes of the piece that belong to its file.
    uint32_t size = 0;
  };
  std::optional<V2> v2;

  // Nothing is there to compare with.
  bool empty() const { return !v1 && !v2; }
  // False when it is empty.
  bool Proves(ByteView piece) const;
};

// SHA-1 of a piece whose blocks come in any order: takes those that come in order, and says from
// where the rest has to be read again.
class PieceHasher {
 public:
  // Takes the bytes when they follow what was taken, and passes them by else.
  void Take(uint32_t offset, ByteView bytes);
  uint32_t next() const { return next_; }
  // Of all taken; to be called once.
  pki::Sha1Digest Finish() { return hasher_.Finish(); }

 private:
  pki::Sha1Hasher hasher_;
  uint32_t next_ = 0;
};

}  // namespace p2pd::archive::pieces
