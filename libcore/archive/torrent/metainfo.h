// Metainfo: what a .torrent file says, judged before anything else of ours sees it.
//
// Rules: a stranger wrote it. What it costs is bounded before it is read; names of files that could
// leave their folder, clash with each other or confuse a person's terminal are refused or made
// harmless, so that whoever writes files by this has nothing left to check; links (BEP 47) are
// refused. Bytes of the info dictionary are never changed, since their hash is the torrent's name.
// Threads: values. Limits: below. Sources: BEP 3, 12, 19, 27, 47, 52.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::torrent {

struct MetainfoLimits {
  size_t bytes = 10 << 20;
  uint32_t pieces = 2'000'000;
  size_t files = 100'000;
  uint64_t size = uint64_t{1} << 46;  // of all files
  size_t trackers = 64;
  size_t web_seeds = 64;
};

struct MetainfoFile {
  // Below the torrent's folder; each a plain name.
  std::vector<std::string> path;
  uint64_t size = 0;
  uint64_t offset = 0;  // of its first byte among all
  // Nothing but zeros that bring the next file to the border of a piece (BEP 47): not stored.
  bool padding = false;
};

struct Metainfo {
  InfoHashes hashes;
  std::string name;
  // A folder of `name` holds the files; else `name` is the only file.
  bool folder = false;
  uint32_t piece_length = 0;
  uint32_t pieces = 0;
  uint64_t size = 0;  // with padding
  std::vector<MetainfoFile> files;
  bool is_private = false;  // BEP 27
  // v1: 20 bytes a piece; empty for a v2 torrent.
  Bytes piece_hashes;
  // Tiers of announce addresses (BEP 12).
  std::vector<std::vector<std::string>> trackers;
  std::vector<std::string> web_seeds;  // BEP 19
  std::string comment;
  std::string created_by;
  int64_t created = 0;  // seconds since 1970; 0: unknown
  Bytes info;           // the dictionary, as it came

  // Bytes in piece `index`; the last one is shorter.
  uint32_t PieceSize(uint32_t index) const;
};

// InvalidArgument where it is no metainfo that we take, ResourceExhausted where it is beyond the
// limits; the message says what is wrong with which part, in words for a person.
absl::StatusOr<Metainfo> ParseMetainfo(ByteView bytes, const MetainfoLimits& limits = {});
// The same for an info dictionary alone, as peers give it (BEP 9).
absl::StatusOr<Metainfo> ParseInfo(ByteView info, const MetainfoLimits& limits = {});
// A metainfo file around an info dictionary that came without one. With v2 it lacks the piece
// layers.
Bytes WrapInfo(ByteView info, const std::vector<std::vector<std::string>>& trackers);

// "HOST:PORT" of an announce URL, as it is written; empty: it is none.
absl::string_view AuthorityOf(absl::string_view url);

// A name that may stand in a folder: `name` without what is no text, separators, control characters
// and what leads elsewhere; at most kMaxName bytes, and never empty.
inline constexpr size_t kMaxName = 240;
inline constexpr size_t kMaxDepth = 32;
std::string PlainName(absl::string_view name);

}  // namespace p2pd::archive::torrent
