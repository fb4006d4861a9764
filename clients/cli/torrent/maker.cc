#include "clients/cli/torrent/maker.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/torrent/tracker_urls.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"

namespace p2pd::cli {
namespace {

namespace fs = std::filesystem;

// The file that stands there would be hashed, and then be another one.
bool LiesWithin(const std::string& file, const std::string& folder) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(file, error);
  const fs::path outer = fs::weakly_canonical(folder, error);
  if (error || !fs::is_directory(outer, error)) return !error && inner == outer;
  const auto [end, unused] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

absl::Status Judge(const MakeOptions& options) {
  if (!options.out.empty() && LiesWithin(options.out, options.path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.out, " lies within ", options.path,
                     " and would become a part of it: name another place"));
  }
  P2PD_RETURN_IF_ERROR(CheckTrackers(options.trackers));
  for (const std::string& url : options.web_seeds) {
    if (archive::lt::IsWebSeedUrl(url)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", url, "' is no web seed: one begins with http:// or https://"));
  }
  if (options.piece_length > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError("a piece is a power of two from 16 KiB to 128 MiB");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MadeTorrent> MakeTorrent(const MakeOptions& options,
                                        const std::function<void(uint32_t, uint32_t)>& progress) {
  P2PD_RETURN_IF_ERROR(Judge(options));
  archive::lt::CreateRequest request;
  request.path = options.path;
  request.piece_length = static_cast<uint32_t>(options.piece_length);
  if (options.hybrid) request.format = archive::lt::TorrentFormat::kHybrid;
  for (const std::string& url : options.trackers) request.trackers.push_back({url});
  request.web_seeds = options.web_seeds;
  request.comment = options.comment;
  request.is_private = options.is_private;
  P2PD_ASSIGN_OR_RETURN(const archive::lt::CreatedTorrent made,
                        archive::lt::CreateTorrent(request, [&](uint32_t done, uint32_t all) {
                          progress(done, all);
                          return true;
                        }));
  P2PD_ASSIGN_OR_RETURN(const archive::lt::TorrentFacts facts,
                        archive::lt::ReadTorrent(made.metainfo));
  MadeTorrent out;
  out.metainfo = std::string(AsText(made.metainfo));
  out.name = facts.name;
  out.hash = archive::torrent::ToHex(made.hashes.Best());
  if (made.hashes.v1) out.hash_v1 = archive::torrent::ToHex(*made.hashes.v1);
  if (made.hashes.v2) out.hash_v2 = Hex(made.hashes.v2->view());
  out.magnet =
      archive::torrent::ToLink({made.hashes, facts.name, options.trackers, options.web_seeds, {}});
  out.piece_length = made.piece_length;
  out.pieces = made.pieces;
  out.bytes = made.bytes;
  return out;
}

}  // namespace p2pd::cli
