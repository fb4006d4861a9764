#include "libcore/archive/pieces/piece_set.h"

#include <bit>

#include "libcore/base/check.h"

namespace p2pd::archive::pieces {
namespace {

uint8_t BitOf(Piece piece) { return static_cast<uint8_t>(0x80u >> (piece.value() % 8)); }

}  // namespace

PieceSet PieceSet::Full(uint32_t pieces) {
  PieceSet out(pieces);
  for (uint8_t& byte : out.bits_) byte = 0xff;
  if (pieces % 8 != 0) out.bits_.back() = static_cast<uint8_t>(0xff00u >> (pieces % 8));
  return out;
}

std::optional<PieceSet> PieceSet::FromBytes(uint32_t pieces, ByteView bytes) {
  PieceSet out(pieces);
  if (bytes.size() != out.bits_.size()) return std::nullopt;
  out.bits_.assign(bytes.begin(), bytes.end());
  if (pieces % 8 != 0 && (out.bits_.back() & (0xffu >> (pieces % 8))) != 0) return std::nullopt;
  return out;
}

bool PieceSet::Has(Piece piece) const {
  return piece.value() < pieces_ && (bits_[piece.value() / 8] & BitOf(piece)) != 0;
}

void PieceSet::Set(Piece piece) {
  P2PD_CHECK(piece.value() < pieces_);
  bits_[piece.value() / 8] |= BitOf(piece);
}

void PieceSet::Clear(Piece piece) {
  P2PD_CHECK(piece.value() < pieces_);
  bits_[piece.value() / 8] &= static_cast<uint8_t>(~BitOf(piece));
}

uint32_t PieceSet::Count() const {
  uint32_t count = 0;
  for (const uint8_t byte : bits_) count += static_cast<uint32_t>(std::popcount(byte));
  return count;
}

std::vector<Piece> PieceSet::List() const {
  std::vector<Piece> out;
  for (uint32_t i = 0; i < pieces_; ++i) {
    if (Has(Piece(i))) out.push_back(Piece(i));
  }
  return out;
}

}  // namespace p2pd::archive::pieces
