// What a torrent looks like at one moment: pieces, copies, peers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcore/archive/pieces/piece_set.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

struct PeerSnapshot {
  net::Endpoint endpoint;
  // Where it takes connections, when it said so; port 0 else.
  net::Endpoint listens;
  bool incoming = false;
  // Of our federation.
  bool member = false;
  bool seed = false;
  bool speaks_dont_have = false;  // BEP 54
  std::string client;
  uint32_t pieces = 0;
  // Payload, bytes a second and bytes in all; `up` is from us to it.
  uint64_t up_rate = 0;
  uint64_t down_rate = 0;
  uint64_t up_total = 0;
  uint64_t down_total = 0;
};

struct TorrentSnapshot {
  torrent::InfoHashes hashes;
  // The counters of the paper's experiment: a torrent is one of downloading, seeding.
  bool has_metainfo = false;
  bool downloading = false;
  // Without hidden ones.
  pieces::PieceSet have;
  // Copies of each piece among connected peers that are no members, and among members; without us.
  std::vector<uint32_t> organic;
  std::vector<uint32_t> member;
  // Blocks of each piece that peers took from us since it was loaded.
  std::vector<uint32_t> demand;
  std::vector<PeerSnapshot> peers;
  uint64_t uploaded = 0;
  uint64_t downloaded = 0;
};

struct EngineCounters {
  uint64_t torrents = 0;  // loaded
  uint64_t sleeping = 0;
  uint64_t woken = 0;
  uint64_t connections = 0;
  uint64_t uploaded = 0;    // payload bytes
  uint64_t downloaded = 0;  // payload bytes
  uint64_t blocks_read = 0;
  uint64_t reads_refused = 0;  // of absent pieces
  uint64_t hash_failures = 0;
  uint64_t requests_held_back = 0;  // of torrents that are not served
  uint64_t private_address_refused = 0;
  uint64_t events_lost = 0;
  uint64_t bytes_waiting = 0;  // to be written
};

}  // namespace p2pd::archive::lt
