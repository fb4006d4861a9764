// A set of pieces, one bit each, written as peers write it (BEP 3, "bitfield"): the first piece is
// the highest bit of the first byte, and the bits behind the last piece are zero. Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libcore/archive/pieces/layout.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::pieces {

class PieceSet {
 public:
  PieceSet() = default;
  explicit PieceSet(uint32_t pieces) : pieces_(pieces), bits_((pieces + 7) / 8) {}
  static PieceSet Full(uint32_t pieces);
  // nullopt unless the bytes are exactly a bitfield of that many pieces.
  static std::optional<PieceSet> FromBytes(uint32_t pieces, ByteView bytes);

  uint32_t pieces() const { return pieces_; }
  ByteView bytes() const { return bits_; }
  // False for what lies beyond.
  bool Has(Piece piece) const;
  // The piece must not lie beyond.
  void Set(Piece piece);
  void Clear(Piece piece);
  uint32_t Count() const;
  bool IsFull() const { return Count() == pieces_; }
  std::vector<Piece> List() const;
  friend bool operator==(const PieceSet&, const PieceSet&) = default;

 private:
  uint32_t pieces_ = 0;
  Bytes bits_;
};

}  // namespace p2pd::archive::pieces
