// Board: what libtorrent's thread knows of a torrent's peers, where the owner can read it. Copies
// of each piece are counted here, since libtorrent stops counting once it has everything.
//
// Rules: a peer counts once it has shown its pieces. A message that names a piece twice counts
// once; one that takes back a piece that was not there counts nothing. A peer that turns out to be
// a member of the federation moves its copies over.
// Threads: any; held for a look.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "libcore/archive/lt/snapshot.h"
#include "libcore/archive/pieces/piece_set.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::lt {

class Board {
 public:
  // Of one connection.
  using PeerKey = uint64_t;

  // 0 while the metainfo is not known.
  explicit Board(uint32_t pieces);

  uint32_t pieces() const { return pieces_; }
  void AddPeer(PeerKey key, PeerSnapshot peer);
  void RemovePeer(PeerKey key);
  // Replaces all but its pieces and `member`.
  void UpdatePeer(PeerKey key, const PeerSnapshot& peer);
  void SetMember(PeerKey key, bool member);
  void SetPieces(PeerKey key, const pieces::PieceSet& has);
  void SetPiece(PeerKey key, pieces::Piece piece, bool has);
  // Blocks of the piece that were asked for.
  void CountDemand(pieces::Piece piece, uint32_t blocks);
  void CountTransfer(uint64_t uploaded, uint64_t downloaded);
  std::vector<net::Endpoint> Listeners() const;

  // Adds what stands here to a snapshot.
  void Fill(TorrentSnapshot& out) const;

 private:
  struct Entry {
    PeerSnapshot peer;
    pieces::PieceSet has;
  };
  std::vector<uint32_t>& CountsOf(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return entry.peer.member ? member_ : organic_;
  }
  void Count(const Entry& entry, int by) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint32_t pieces_;
  mutable Mutex mutex_;
  std::map<PeerKey, Entry> peers_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> organic_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> member_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> demand_ ABSL_GUARDED_BY(mutex_);
  uint64_t uploaded_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t downloaded_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace p2pd::archive::lt
