#include "libcore/archive/pieces/layout.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/check.h"

namespace p2pd::archive::pieces {
namespace {

// NAME_MAX of Linux' file systems, in bytes.
constexpr size_t kMaxPart = 255;

// A path that is a folder of another, or the same, is found among neighbours once "/" sorts first.
bool Clash(const std::vector<FileEntry>& files) {
  std::vector<std::string> paths;
  for (const FileEntry& file : files) {
    if (!file.padding) paths.push_back(file.path + '/');
  }
  std::sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return (x == '/' ? -1 : static_cast<unsigned char>(x)) <
             (y == '/' ? -1 : static_cast<unsigned char>(y));
    });
  });
  return std::adjacent_find(paths.begin(), paths.end(),
                            [](const std::string& a, const std::string& b) {
                              return b.compare(0, a.size(), a) == 0;
                            }) != paths.end();
}

}  // namespace

bool Layout::ValidPath(absl::string_view path) {
  if (path.size() > kMaxPath || path.find('\0') != absl::string_view::npos) return false;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == ".." || part.size() > kMaxPart) return false;
  }
  return true;
}

absl::StatusOr<Layout> Layout::Make(uint32_t piece_length, std::vector<FileEntry> files) {
  if (piece_length == 0 || piece_length > kMaxPieceLength) {
    return absl::InvalidArgumentError(absl::StrCat("a piece of ", piece_length, " bytes"));
  }
  if (files.empty() || files.size() > kMaxFiles) {
    return absl::InvalidArgumentError(absl::StrCat("a torrent of ", files.size(), " files"));
  }
  Layout out;
  out.piece_length_ = piece_length;
  for (const FileEntry& file : files) {
    if (!file.padding && !ValidPath(file.path)) {
      return absl::InvalidArgumentError("a file's path leaves its folder or cannot be one");
    }
    const uint64_t most = kMaxPieces * piece_length;
    if (file.size > most || out.total_ > most - file.size) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxPieces, " pieces"));
    }
    out.starts_.push_back(out.total_);
    out.total_ += file.size;
  }
  if (out.total_ == 0) return absl::InvalidArgumentError("a torrent without a byte");
  if (Clash(files)) return absl::InvalidArgumentError("two files of one path");
  out.pieces_ = static_cast<uint32_t>((out.total_ + piece_length - 1) / piece_length);
  out.files_ = std::move(files);
  return out;
}

uint32_t Layout::SizeOf(Piece piece) const {
  P2PD_CHECK(piece.value() < pieces_);
  const uint64_t start = uint64_t{piece.value()} * piece_length_;
  return static_cast<uint32_t>(std::min<uint64_t>(piece_length_, total_ - start));
}

bool Layout::Holds(const Range& range) const {
  if (range.piece.value() >= pieces_ || range.length == 0) return false;
  const uint32_t size = SizeOf(range.piece);
  return range.offset < size && range.length <= size - range.offset;
}

std::vector<Extent> Layout::ExtentsOf(const Range& range) const {
  P2PD_CHECK(Holds(range));
  uint64_t at = uint64_t{range.piece.value()} * piece_length_ + range.offset;
  uint64_t left = range.length;
  // The last file that starts at or before the first byte; empty ones before it are passed by.
  size_t file =
      static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), at) - starts_.begin()) -
      1;
  std::vector<Extent> out;
  for (; left > 0; ++file) {
    const uint64_t offset = at - starts_[file];
    const uint64_t take = std::min(left, files_[file].size - offset);
    if (take == 0) continue;
    out.push_back({file, offset, take});
    at += take;
    left -= take;
  }
  return out;
}

std::pair<uint32_t, uint32_t> Layout::PiecesOf(size_t file, uint64_t from, uint64_t to) const {
  P2PD_CHECK(file < files_.size());
  to = std::min(to, files_[file].size);
  if (from >= to) return {0, 0};
  const uint64_t start = starts_[file];
  return {static_cast<uint32_t>((start + from) / piece_length_),
          static_cast<uint32_t>((start + to - 1) / piece_length_ + 1)};
}

}  // namespace p2pd::archive::pieces
