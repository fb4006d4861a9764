// Watch: our ears in libtorrent. Its plugins note what peers have and say, speak BEP 54 for us, and
// ask peers for blocks that libtorrent would not ask for since they are here.
//
// Threads: libtorrent's own. Sources: BEP 10, 54; libtorrent/extensions.hpp.
#pragma once

#include <atomic>
#include <functional>
#include <libtorrent/extensions.hpp>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/time.h"
#include "libcore/archive/lt/board.h"
#include "libcore/archive/lt/event_box.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

class PeerWatch;

struct WatchCounts {
  std::atomic<uint64_t> connections = 0;
  std::atomic<uint64_t> uploaded = 0;
  std::atomic<uint64_t> downloaded = 0;
  std::atomic<uint64_t> hash_failures = 0;
  std::atomic<uint64_t> held_back = 0;
};

// What the plugins of one torrent share.
struct WatchedTorrent {
  torrent::InfoHash id;
  std::shared_ptr<Board> board;  // owners: this, and the torrent's place on disk
  EventBox* events = nullptr;
  WatchCounts* counts = nullptr;
  std::function<bool(const net::Endpoint&)> is_member;
  std::function<void(pieces::Piece)> passed;
  absl::Duration probe_patience;
  // What a peer gave that was asked by ProbePeer; nothing in time: nullopt.
  std::function<void(const net::Endpoint&, const pieces::Range&, std::optional<Bytes>)> probed;
  std::set<PeerWatch*> peers;
  std::atomic<bool> served = true;
};

// Tells all peers that speak BEP 54 that the pieces are gone.
void SayDontHave(const WatchedTorrent& torrent, const std::vector<pieces::Piece>& pieces);
// Unchokes those who were choked while it was not served: where the slots have no limit libtorrent
// never looks whom it could unchoke.
void ServeAgain(const WatchedTorrent& torrent);
// Asks again who is a member.
void RefreshMembers(const WatchedTorrent& torrent);

// Asks the peer for the block, past libtorrent; false: it is not there, or is being asked.
bool ProbePeer(const WatchedTorrent& torrent, const net::Endpoint& peer,
               const pieces::Range& block);

std::shared_ptr<libtorrent::torrent_plugin> WatchTorrent(std::shared_ptr<WatchedTorrent> torrent);

}  // namespace p2pd::archive::lt
