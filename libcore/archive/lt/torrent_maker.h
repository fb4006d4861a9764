// Makes a torrent of a file or folder (BEP 3, 52), and reads what a torrent is made of, by
// libtorrent's rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/pieces/piece_proof.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::lt {

enum class TorrentFormat : uint8_t { kV1, kHybrid };

struct CreateRequest {
  std::string path;
  // A power of two, 16 KiB to 128 MiB; 0: what FittingPieceLength says.
  uint32_t piece_length = 0;
  TorrentFormat format = TorrentFormat::kV1;
  TrackerTiers trackers;
  std::vector<std::string> web_seeds;
  std::string comment;
  std::string created_by = "p2pd";
  bool is_private = false;
};

struct CreatedTorrent {
  Bytes metainfo;
  torrent::InfoHashes hashes;
  uint32_t piece_length = 0;
  uint32_t pieces = 0;
  uint64_t bytes = 0;
};

// The smallest power of two from 64 KiB to 16 MiB that makes at most 4,096 pieces of so many bytes:
// a .torrent file of less than 100 KB, and 256 KiB for the paper's 964.54 MB.
uint32_t FittingPieceLength(uint64_t bytes);

// Hashes everything below `path`, links left out (but `path` itself may be one): blocks for as long
// as the disk takes. `progress` (pieces done, of how many) is
// called from this thread and ends the work by returning false: Cancelled then. NotFound,
// PermissionDenied also when one file of a folder cannot be read, InvalidArgument.
absl::StatusOr<CreatedTorrent> CreateTorrent(
    const CreateRequest& request, const std::function<bool(uint32_t, uint32_t)>& progress);

// What is in a .torrent file, judged by libtorrent's parser. InvalidArgument.
struct TorrentFacts {
  torrent::InfoHashes hashes;
  std::string name;
  bool is_private = false;
  // With paths that may be used as they are.
  pieces::Layout layout;
  TrackerTiers trackers;
  std::vector<std::string> web_seeds;
};
// `paths` as in AddRequest.
absl::StatusOr<TorrentFacts> ReadTorrent(ByteView metainfo,
                                         const std::vector<std::string>& paths = {});

}  // namespace p2pd::archive::lt
