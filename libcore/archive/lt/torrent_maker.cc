#include "libcore/archive/lt/torrent_maker.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/file_storage.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/archive/lt/convert.h"
#include "libcore/archive/pieces/piece_proof.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::archive::lt {
namespace {

namespace fs = std::filesystem;
namespace lts = libtorrent;

constexpr uint32_t kLargestPiece = 128 << 20;
// Of those that we choose.
constexpr uint32_t kSmallestFitting = 64 << 10;
constexpr uint32_t kLargestFitting = 16 << 20;
constexpr uint64_t kFittingPieces = 4096;

absl::Status StatusOf(const lts::error_code& error, const std::string& path) {
  if (error.category() == lts::system_category() || error.category() == lts::generic_category()) {
    return FileError(error.value(), "read", path);
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
}

// By name, so that the same folder makes the same torrent everywhere. Links are passed by: what
// they lead to is not what was named.
absl::Status AddFiles(const fs::path& path, lts::file_storage& files) {
  std::error_code error;
  std::vector<fs::path> found;
  if (fs::is_regular_file(path, error)) {
    found.push_back(path);
  } else {
    fs::recursive_directory_iterator at(path, error);
    fs::path last = path;
    for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
      last = at->path();
      if (at->symlink_status(error).type() == fs::file_type::regular) found.push_back(last);
    }
    // A folder that cannot be read would be missing without a word.
    if (error) return FileError(error.value(), "read", last.string());
  }
  std::sort(found.begin(), found.end());
  for (const fs::path& file : found) {
    const uint64_t size = fs::file_size(file, error);
    if (error) return FileError(error.value(), "look at", file.string());
    files.add_file(file.lexically_relative(path.parent_path()).string(),
                   static_cast<int64_t>(size));
  }
  return absl::OkStatus();
}

void Describe(const CreateRequest& request, lts::create_torrent& torrent) {
  for (size_t tier = 0; tier < request.trackers.size(); ++tier) {
    for (const std::string& url : request.trackers[tier]) {
      torrent.add_tracker(url, static_cast<int>(tier));
    }
  }
  for (const std::string& url : request.web_seeds) torrent.add_url_seed(url);
  if (!request.comment.empty()) torrent.set_comment(request.comment.c_str());
  torrent.set_creator(request.created_by.c_str());
  torrent.set_priv(request.is_private);
}

absl::StatusOr<Bytes> Make(const CreateRequest& request,
                           const std::function<bool(uint32_t, uint32_t)>& progress) {
  fs::path path = fs::absolute(request.path).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();  // "folder/"
  lts::file_storage files;
  P2PD_RETURN_IF_ERROR(AddFiles(path, files));
  if (files.num_files() == 0 || files.total_size() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.path, ": no bytes to make a torrent of"));
  }
  const auto total = static_cast<uint64_t>(files.total_size());
  lts::create_torrent torrent(
      files,
      static_cast<int>(request.piece_length == 0 ? FittingPieceLength(total)
                                                 : request.piece_length),
      request.format == TorrentFormat::kV1 ? lts::create_torrent::v1_only : lts::create_flags_t{});
  Describe(request, torrent);
  const auto count = static_cast<uint32_t>(torrent.num_pieces());
  // The only way out of libtorrent's hashing is an exception; it is caught a few lines below.
  struct Cancelled : std::exception {};
  const auto told = [&](lts::piece_index_t piece) {
    const auto done = static_cast<uint32_t>(static_cast<int>(piece)) + 1;
    // lint: allow(libtorrent's hashing ends early by an exception alone)
    if (progress && !progress(done, count)) throw Cancelled();
  };
  lts::error_code error;
  try {
    lts::set_piece_hashes(torrent, path.parent_path().string(), told, error);
  } catch (const Cancelled&) {
    return absl::CancelledError("stopped");
  }
  if (error) return StatusOf(error, request.path);
  std::vector<char> out;
  lts::bencode(std::back_inserter(out), torrent.generate());
  return Bytes(out.begin(), out.end());
}

}  // namespace

uint32_t FittingPieceLength(uint64_t bytes) {
  uint32_t length = kSmallestFitting;
  while (length < kLargestFitting && bytes > kFittingPieces * length) length *= 2;
  return length;
}

absl::StatusOr<CreatedTorrent> CreateTorrent(
    const CreateRequest& request, const std::function<bool(uint32_t, uint32_t)>& progress) {
  if (request.piece_length != 0 &&
      (!std::has_single_bit(request.piece_length) || request.piece_length < pieces::kBlock ||
       request.piece_length > kLargestPiece)) {
    return absl::InvalidArgumentError("a piece is a power of two from 16 KiB to 128 MiB");
  }
  std::error_code error;
  if (!fs::exists(request.path, error)) {
    return FileError(error ? error.value() : ENOENT, "read", request.path);
  }
  try {
    P2PD_ASSIGN_OR_RETURN(Bytes metainfo, Make(request, progress));
    P2PD_ASSIGN_OR_RETURN(const TorrentFacts facts, ReadTorrent(metainfo));
    return CreatedTorrent{std::move(metainfo), facts.hashes, facts.layout.piece_length(),
                          facts.layout.pieces(), facts.layout.total()};
  } catch (const lts::system_error& thrown) {
    return StatusOf(thrown.code(), request.path);
  } catch (const std::exception& thrown) {
    return absl::InvalidArgumentError(absl::StrCat(request.path, ": ", thrown.what()));
  }
}

absl::StatusOr<TorrentFacts> ReadTorrent(ByteView metainfo, const std::vector<std::string>& paths) {
  if (metainfo.size() > Engine::kMaxMetainfo) {
    return absl::InvalidArgumentError("a metainfo of more than 10 MiB");
  }
  P2PD_ASSIGN_OR_RETURN(const auto info, ParseMetainfo(metainfo));
  TorrentFacts out;
  out.hashes = FromLibtorrent(info->info_hashes());
  out.name = info->name();
  out.is_private = info->priv();
  P2PD_ASSIGN_OR_RETURN(out.layout, LayoutOf(*info, paths));
  for (const lts::announce_entry& entry : info->trackers()) {
    if (out.trackers.size() <= entry.tier) out.trackers.resize(entry.tier + 1);
    out.trackers[entry.tier].push_back(entry.url);
  }
  for (const lts::web_seed_entry& entry : info->web_seeds()) out.web_seeds.push_back(entry.url);
  return out;
}

}  // namespace p2pd::archive::lt
