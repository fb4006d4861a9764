// DownloadPlace: what stands where a download's files go, before anything is fetched.
//
// Rules: a file that was there before is gone over when an earlier run of the same download left
// its mark in the folder, or when at least half of the pieces that lie within it prove: it is the
// torrent's, from elsewhere, broken off or rotten. Any other is the caller's own, whom a stranger's
// torrent must not cost a file. One that is longer than the torrent says is never an earlier part.
// No torrent may bring a mark. Links are not followed; the piece store refuses them.
// Threads: one owner. Sources: none; the mark is ours.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/pieces/piece_set.h"

namespace p2pd::cli {

class DownloadPlace {
 public:
  // What names of marks begin with; the hash follows.
  static constexpr absl::string_view kMark = ".p2pctl-";

  DownloadPlace() = default;
  // `folder` is there; `hash` is the torrent's, in hexadecimal.
  DownloadPlace(std::string folder, const std::string& hash, archive::pieces::Layout layout);

  // InvalidArgument when a path of the torrent could be a mark.
  absl::Status CheckNames() const;
  // InvalidArgument, which names the file, when one that is there is no earlier part. `kept` are
  // the pieces that proved.
  absl::Status CheckFiles(const archive::pieces::PieceSet& kept) const;
  // Cuts files that are longer than the torrent's.
  absl::Status CutFiles() const;
  // Whether any of the torrent's files is there.
  bool HasFiles() const;

  bool marked() const;
  absl::Status Mark() const;
  void Unmark() const;

 private:
  std::string PathOf(size_t file) const;
  // Bytes of the file; 0 when there is none, or something else.
  uint64_t SizeOf(size_t file) const;
  // Whether no other file has bytes of the piece.
  bool LiesWithin(archive::pieces::Piece piece, size_t file) const;
  bool IsEarlierPart(size_t file, const archive::pieces::PieceSet& kept) const;

  std::string folder_;
  std::string mark_;
  archive::pieces::Layout layout_;
};

}  // namespace p2pd::cli
