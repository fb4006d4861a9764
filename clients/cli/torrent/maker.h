// What `p2pctl torrent create` does: judges the caller's wishes and makes a .torrent file of a file
// or folder. Needs no daemon. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace p2pd::cli {

struct MakeOptions {
  std::string path;
  // Where it is going to be written: must not lie within `path`. Empty: nowhere.
  std::string out;
  // Bytes, a power of two from 16 KiB to 128 MiB; 0: one that fits.
  uint64_t piece_length = 0;
  // For clients of BitTorrent v1 and v2; else v1 alone.
  bool hybrid = false;
  bool is_private = false;             // BEP 27
  std::vector<std::string> trackers;   // the best first; each a tier of its own (BEP 12)
  std::vector<std::string> web_seeds;  // BEP 19
  std::string comment;
};

struct MadeTorrent {
  std::string metainfo;
  std::string name;
  std::string hash;     // by which trackers know it, 40 hex digits
  std::string hash_v1;  // empty for none
  std::string hash_v2;  // 64 hex digits, empty for none
  std::string magnet;
  uint32_t piece_length = 0;
  uint32_t pieces = 0;
  uint64_t bytes = 0;  // padding included
};

// Reads everything: blocks for as long as the disk takes. `progress` (pieces done, of how many) is
// called from this thread. InvalidArgument for wishes and files that no torrent is made of,
// NotFound and PermissionDenied for what cannot be read: one sentence for a person.
absl::StatusOr<MadeTorrent> MakeTorrent(const MakeOptions& options,
                                        const std::function<void(uint32_t, uint32_t)>& progress);

}  // namespace p2pd::cli
