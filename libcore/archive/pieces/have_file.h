// The have file: which pieces of a torrent are kept, as bytes. The store replaces it whole and
// atomically, so it is old or new and never a mixture.
//
//   "p2pd have 1\n" | flags 1 | key of the layout 32 | pieces 4 | files 4 |
//   files × (size 8, modified 8) | bitfield | SHA-256 of all before 32          (big-endian)
//
// Rules: a have file that does not read, or is of another layout, is as good as none: the pieces
// are rubbish until they are hashed. The flag 'writing' says that files may have changed after it
// by our own hand. Threads: values. Limits: kMaxHaveFile.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/pieces/piece_set.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::pieces {

// What names a layout: piece length, paths and sizes.
pki::Sha256Digest KeyOf(const Layout& layout);

struct HaveFile {
  // A million files and two million pieces.
  static constexpr size_t kMaxSize = 20 << 20;

  struct Seen {
    uint64_t size = 0;
    int64_t modified = 0;  // 0: there is no such file
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  bool writing = false;
  pki::Sha256Digest layout;
  std::vector<Seen> files;
  PieceSet have;

  Bytes Write() const;
  static std::optional<HaveFile> Read(ByteView bytes);
  friend bool operator==(const HaveFile&, const HaveFile&) = default;
};

}  // namespace p2pd::archive::pieces
