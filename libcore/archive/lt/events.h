// What the engine tells its owner.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

// Loaded, and its files looked at: it serves what it has. Also after a wake by the loader.
struct TorrentReady {
  torrent::InfoHash hash;
  uint32_t pieces = 0;
  uint32_t kept = 0;
  bool woken = false;
};

// Removed or asleep, and the disk has everything.
struct TorrentGone {
  torrent::InfoHash hash;
};

// Proved, and on disk.
struct PieceFinished {
  torrent::InfoHash hash;
  pieces::Piece piece;
};

// Everything that was wanted is here.
struct WantedFinished {
  torrent::InfoHash hash;
};

struct HashFailed {
  torrent::InfoHash hash;
  pieces::Piece piece;
};

// A .torrent file made of what peers gave (BEP 9), proved by the hash. The torrent is removed.
struct MetadataReceived {
  torrent::InfoHash hash;
  Bytes metainfo;
};

struct TorrentError {
  torrent::InfoHash hash;
  // ResourceExhausted: the disk is full, nothing is fetched and everything served until SetWanted
  // says what to fetch again. DataLoss: files are gone or changed. Else what libtorrent says.
  absl::Status status;
};

struct PiecesDropped {
  torrent::InfoHash hash;
  std::vector<pieces::Piece> pieces;
  // Not OK: space was not given back; the pieces are dropped all the same.
  absl::Status status;
};

struct Scrubbed {
  torrent::InfoHash hash;
  pieces::Piece piece;
  // OK; DataLoss when it had rotted and is absent now; else why it could not be looked at.
  absl::Status status;
};

// The answer to Read; `bytes` are those of the ranges, one behind the other.
struct RangesRead {
  uint64_t id = 0;
  absl::StatusOr<Bytes> bytes;
};

// What became of asking a peer for a block that is here, by Probe.
enum class ProbeResult : uint8_t {
  kRight,
  kWrong,    // other bytes than ours
  kSilent,   // nothing in EngineOptions::probe_patience: it chokes us, refused, or does not answer
  kUnknown,  // it went, or ours could not be read
};
struct PeerProbed {
  torrent::InfoHash hash;
  net::Endpoint peer;
  ProbeResult result = ProbeResult::kUnknown;
};

// Somebody else removed or changed files of it: taken out and added again, it has what is right.
struct FilesTouched {
  torrent::InfoHash hash;
};

struct PeerConnected {
  torrent::InfoHash hash;
  net::Endpoint peer;
  bool incoming = false;
};

struct PeerDisconnected {
  torrent::InfoHash hash;
  net::Endpoint peer;
};

struct TrackerAnswered {
  torrent::InfoHash hash;
  std::string url;
  // What it said, when it refused or did not answer.
  absl::Status status;
};

using Event =
    std::variant<TorrentReady, TorrentGone, PieceFinished, WantedFinished, HashFailed,
                 MetadataReceived, TorrentError, PiecesDropped, Scrubbed, RangesRead, PeerProbed,
                 FilesTouched, PeerConnected, PeerDisconnected, TrackerAnswered>;

}  // namespace p2pd::archive::lt
