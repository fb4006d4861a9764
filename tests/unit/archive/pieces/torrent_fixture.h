// A torrent with known bytes: files that end within pieces, an empty one, padding, and pieces that
// are no multiple of a disk's blocks.
#pragma once

#include <string>
#include <vector>

#include "libcore/archive/pieces/piece_store.h"
#include "libcore/base/check.h"
#include "libcore/base/rng.h"

namespace p2pd::archive::pieces {

struct TorrentFixture {
  explicit TorrentFixture(uint64_t seed = 1, uint32_t piece_length = 10'000)
      : layout(*Layout::Make(piece_length, {{"a/x", 25'000, false},
                                            {"empty", 0, false},
                                            {"b", 17'000, false},
                                            {".pad/3000", 3'000, true},
                                            {"a/y/z", 60'001, false}})) {
    SeededRng rng(seed);
    whole.resize(layout.total());
    rng.Fill(absl::MakeSpan(whole));
    std::fill_n(whole.begin() + 42'000, 3'000, uint8_t{0});
  }

  Bytes BytesOf(Piece piece) const {
    const size_t from = size_t{piece.value()} * layout.piece_length();
    return ToBytes(ByteView(whole).subspan(from, layout.SizeOf(piece)));
  }
  PieceProof ProofOf(Piece piece) const { return {.v1 = pki::Sha1(BytesOf(piece)), .v2 = {}}; }
  Range RangeOf(Piece piece) const { return {piece, 0, layout.SizeOf(piece)}; }
  std::vector<Piece> All() const { return PieceSet::Full(layout.pieces()).List(); }

  absl::Status Arrive(Holding& holding, Piece piece) const {
    return holding.Write(RangeOf(piece), BytesOf(piece));
  }
  absl::Status ArriveAndKeep(Holding& holding, const std::vector<Piece>& pieces) const {
    for (const Piece piece : pieces) {
      if (absl::Status status = Arrive(holding, piece); !status.ok()) return status;
    }
    return holding.Keep(pieces);
  }
  // Whether the piece can be read and is what it should be.
  bool IsRight(Holding& holding, Piece piece) const {
    Bytes got(layout.SizeOf(piece));
    return holding.Read(RangeOf(piece), absl::MakeSpan(got)).ok() && got == BytesOf(piece);
  }

  Layout layout;
  Bytes whole;
  HoldingName name{"aabbcc", "A torrent"};
};

}  // namespace p2pd::archive::pieces
