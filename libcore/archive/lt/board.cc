#include "libcore/archive/lt/board.h"

#include <utility>

namespace p2pd::archive::lt {

Board::Board(uint32_t pieces)
    : pieces_(pieces), organic_(pieces), member_(pieces), demand_(pieces) {}

void Board::AddPeer(PeerKey key, PeerSnapshot peer) {
  const MutexLock lock(&mutex_);
  peers_.try_emplace(key, Entry{std::move(peer), pieces::PieceSet(pieces_)});
}

void Board::RemovePeer(PeerKey key) {
  const MutexLock lock(&mutex_);
  const auto at = peers_.find(key);
  if (at == peers_.end()) return;
  Count(at->second, -1);
  peers_.erase(at);
}

void Board::UpdatePeer(PeerKey key, const PeerSnapshot& peer) {
  const MutexLock lock(&mutex_);
  const auto at = peers_.find(key);
  if (at == peers_.end()) return;
  PeerSnapshot& old = at->second.peer;
  const PeerSnapshot before = std::exchange(old, peer);
  old.member = before.member;
  old.pieces = before.pieces;
  old.seed = before.seed;
}

void Board::SetMember(PeerKey key, bool member) {
  const MutexLock lock(&mutex_);
  const auto at = peers_.find(key);
  if (at == peers_.end() || at->second.peer.member == member) return;
  Count(at->second, -1);
  at->second.peer.member = member;
  Count(at->second, 1);
}

void Board::SetPieces(PeerKey key, const pieces::PieceSet& has) {
  const MutexLock lock(&mutex_);
  const auto at = peers_.find(key);
  if (at == peers_.end() || has.pieces() != pieces_) return;
  Count(at->second, -1);
  at->second.has = has;
  at->second.peer.pieces = has.Count();
  at->second.peer.seed = pieces_ > 0 && at->second.peer.pieces == pieces_;
  Count(at->second, 1);
}

void Board::SetPiece(PeerKey key, pieces::Piece piece, bool has) {
  const MutexLock lock(&mutex_);
  const auto at = peers_.find(key);
  if (at == peers_.end() || piece.value() >= pieces_) return;
  Entry& entry = at->second;
  if (entry.has.Has(piece) == has) return;
  if (has) {
    entry.has.Set(piece);
    ++CountsOf(entry)[piece.value()];
    ++entry.peer.pieces;
  } else {
    entry.has.Clear(piece);
    --CountsOf(entry)[piece.value()];
    --entry.peer.pieces;
  }
  entry.peer.seed = entry.peer.pieces == pieces_;
}

void Board::CountDemand(pieces::Piece piece, uint32_t blocks) {
  const MutexLock lock(&mutex_);
  if (piece.value() < pieces_) demand_[piece.value()] += blocks;
}

void Board::CountTransfer(uint64_t uploaded, uint64_t downloaded) {
  const MutexLock lock(&mutex_);
  uploaded_ += uploaded;
  downloaded_ += downloaded;
}

std::vector<net::Endpoint> Board::Listeners() const {
  std::vector<net::Endpoint> out;
  const MutexLock lock(&mutex_);
  for (const auto& [key, entry] : peers_) {
    if (entry.peer.listens.port != 0) out.push_back(entry.peer.listens);
  }
  return out;
}

void Board::Fill(TorrentSnapshot& out) const {
  const MutexLock lock(&mutex_);
  out.organic = organic_;
  out.member = member_;
  out.demand = demand_;
  out.uploaded = uploaded_;
  out.downloaded = downloaded_;
  for (const auto& [key, entry] : peers_) out.peers.push_back(entry.peer);
}

void Board::Count(const Entry& entry, int by) {
  std::vector<uint32_t>& counts = CountsOf(entry);
  for (uint32_t i = 0; i < pieces_; ++i) {
    if (entry.has.Has(pieces::Piece(i))) counts[i] += static_cast<uint32_t>(by);
  }
}

}  // namespace p2pd::archive::lt
