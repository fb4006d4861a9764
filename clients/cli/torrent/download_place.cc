#include "clients/cli/torrent/download_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/file.h"

namespace p2pd::cli {
namespace {

namespace fs = std::filesystem;
using archive::pieces::Extent;
using archive::pieces::FileEntry;
using archive::pieces::Piece;
using archive::pieces::PieceSet;

}  // namespace

DownloadPlace::DownloadPlace(std::string folder, const std::string& hash,
                             archive::pieces::Layout layout)
    : folder_(std::move(folder)),
      mark_(absl::StrCat(folder_, "/", kMark, hash)),
      layout_(std::move(layout)) {}

absl::Status DownloadPlace::CheckNames() const {
  for (const FileEntry& file : layout_.files()) {
    if (file.padding) continue;
    for (const absl::string_view part : absl::StrSplit(file.path, '/')) {
      if (absl::StartsWithIgnoreCase(part, kMark)) {
        return absl::InvalidArgumentError(absl::StrCat("the torrent has a file '", file.path,
                                                       "', and names that begin with ", kMark,
                                                       " are p2pctl's own"));
      }
    }
  }
  return absl::OkStatus();
}

std::string DownloadPlace::PathOf(size_t file) const {
  return absl::StrCat(folder_, "/", layout_.files()[file].path);
}

uint64_t DownloadPlace::SizeOf(size_t file) const {
  const FileEntry& entry = layout_.files()[file];
  if (entry.padding) return 0;
  fs::path path = folder_;
  std::error_code error;
  for (const absl::string_view part : absl::StrSplit(entry.path, '/')) {
    path /= std::string(part);
    if (fs::is_symlink(fs::symlink_status(path, error))) return 0;
  }
  if (!fs::is_regular_file(fs::symlink_status(path, error))) return 0;
  const uint64_t size = fs::file_size(path, error);
  return error ? 0 : size;
}

bool DownloadPlace::LiesWithin(Piece piece, size_t file) const {
  const std::vector<Extent> extents = layout_.ExtentsOf(piece);
  return std::all_of(extents.begin(), extents.end(), [&](const Extent& extent) {
    return extent.file == file || layout_.files()[extent.file].padding;
  });
}

bool DownloadPlace::IsEarlierPart(size_t file, const PieceSet& kept) const {
  const auto [first, last] = layout_.PiecesOf(file, 0, layout_.files()[file].size);
  uint64_t within = 0, proved_within = 0, proved = 0;
  for (uint32_t i = first; i < last; ++i) {
    const bool inside = (i != first && i + 1 != last) || LiesWithin(Piece(i), file);
    within += inside ? 1 : 0;
    if (!kept.Has(Piece(i))) continue;
    ++proved;
    proved_within += inside ? 1 : 0;
  }
  return proved > 0 && 2 * proved_within >= within;
}

absl::Status DownloadPlace::CheckFiles(const PieceSet& kept) const {
  const bool ours = marked();
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    const uint64_t size = SizeOf(i);
    if (size == 0) continue;
    const bool longer = size > layout_.files()[i].size;
    if (!longer && (ours || IsEarlierPart(i, kept))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        PathOf(i), " is there already, and is ", longer ? "longer than the torrent's file" : "",
        longer ? "" : "no earlier part of this download",
        ": name another folder with --dir, or let it be overwritten with --overwrite"));
  }
  return absl::OkStatus();
}

absl::Status DownloadPlace::CutFiles() const {
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    if (SizeOf(i) <= layout_.files()[i].size) continue;
    std::error_code error;
    fs::resize_file(PathOf(i), layout_.files()[i].size, error);
    if (error) return FileError(error.value(), "overwrite", PathOf(i));
  }
  return absl::OkStatus();
}

bool DownloadPlace::HasFiles() const {
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    if (SizeOf(i) > 0) return true;
  }
  return false;
}

// A link, or somebody else's file, says nothing.
bool DownloadPlace::marked() const {
  struct stat facts{};
  return !mark_.empty() && lstat(mark_.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
         facts.st_uid == geteuid();
}

absl::Status DownloadPlace::Mark() const {
  const int fd = open(mark_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return FileError(errno, "write", mark_);
  close(fd);
  return absl::OkStatus();
}

void DownloadPlace::Unmark() const {
  if (marked()) unlink(mark_.c_str());
}

}  // namespace p2pd::cli
