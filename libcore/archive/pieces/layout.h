// Where the pieces of a torrent lie in its files (BEP 3, "info dictionary"; BEP 47 for padding).
//
// All files stand one behind the other, and pieces of equal length are cut from the whole, so that
// a piece may touch many files and the last one is shorter. Padding is counted and never stored: it
// reads as zeros. Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/base/strong.h"

namespace p2pd::archive::pieces {

struct PieceTag;
// Counted from 0.
using Piece = Strong<PieceTag, uint32_t>;

struct FileEntry {
  // Below the torrent's folder, parts parted by slashes.
  std::string path;
  uint64_t size = 0;
  bool padding = false;
};

// Bytes of one file that belong to a piece.
struct Extent {
  size_t file = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// A range of one piece, in bytes from its start.
struct Range {
  Piece piece;
  uint32_t offset = 0;
  uint32_t length = 0;
};

class Layout {
 public:
  // What libtorrent takes as the largest number of pieces.
  static constexpr uint64_t kMaxPieces = 2'097'152;
  static constexpr size_t kMaxFiles = 1'000'000;
  // In bytes; the largest that a torrent is found with in the wild is 128 MiB.
  static constexpr uint32_t kMaxPieceLength = 512 << 20;
  // Of a whole path, in bytes.
  static constexpr size_t kMaxPath = 2048;

  Layout() = default;
  // InvalidArgument when a number is beyond its limit, or a path could mean something outside its
  // folder, is no path of files (see ValidPath), or comes twice.
  static absl::StatusOr<Layout> Make(uint32_t piece_length, std::vector<FileEntry> files);

  // Parts that are not empty, ".", "..", longer than 255 bytes, and hold no zero byte.
  static bool ValidPath(absl::string_view path);

  uint32_t piece_length() const { return piece_length_; }
  uint32_t pieces() const { return pieces_; }
  uint64_t total() const { return total_; }
  const std::vector<FileEntry>& files() const { return files_; }
  // Of the piece, which must be one of this layout.
  uint32_t SizeOf(Piece piece) const;
  // Whether the range is a part of one of our pieces, and not empty.
  bool Holds(const Range& range) const;
  // In the order of the bytes, padding included. The range must be held.
  std::vector<Extent> ExtentsOf(const Range& range) const;
  std::vector<Extent> ExtentsOf(Piece piece) const { return ExtentsOf({piece, 0, SizeOf(piece)}); }
  // The pieces that have a byte of file `file` in [from, to): first and one behind the last.
  std::pair<uint32_t, uint32_t> PiecesOf(size_t file, uint64_t from, uint64_t to) const;

 private:
  uint32_t piece_length_ = 0;
  uint32_t pieces_ = 0;
  uint64_t total_ = 0;
  std::vector<FileEntry> files_;
  std::vector<uint64_t> starts_;  // of each file in the whole
};

}  // namespace p2pd::archive::pieces
