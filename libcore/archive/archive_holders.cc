// The archive and those who hold what it holds: who is asked to show it, who is believed, and what
// rotted here.
#include "absl/strings/str_cat.h"
#include "libcore/archive/archive.h"

namespace p2pd::archive {

void Archive::Probe(Instant now, Torrent& torrent) {
  // Without anything here there is nothing to compare with.
  if (!torrent.looked || torrent.held == 0) return;
  while (const auto peer = torrent.holders.Poll(now)) {
    counters_.Add("archive.probes_sent");
    Say(ProbePeer{torrent.row.hashes.Best(), *peer});
  }
}

void Archive::OnShown(Instant now, const torrent::InfoHash& hash, const net::Endpoint& peer,
                      Shown shown) {
  if (shown == Shown::kRight) counters_.Add("archive.probes_right");
  if (shown == Shown::kWrong) counters_.Add("archive.probes_wrong");
  if (shown == Shown::kSilent) counters_.Add("archive.probes_unanswered");
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) return;
  found->second.holders.OnShown(now, peer, shown);
  // Somebody on whom we relied, perhaps, is none.
  if (shown == Shown::kWrong) next_keep_ = now;
}

bool Archive::OthersGive(Instant now, const torrent::InfoHash& hash) const {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) return false;
  const Torrent& torrent = found->second;
  // Without liars it is counted.
  const int doubted = torrent.holders.Doubted(now) - torrent.holders.Lied(now);
  return static_cast<int>(torrent.organic.whole) > doubted;
}

void Archive::OnRotted(Instant now, const torrent::InfoHash& hash, uint32_t piece) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end() || piece >= found->second.row.pieces) return;
  Torrent& torrent = found->second;
  SetTrouble(torrent, absl::StrCat("piece ", piece, " had rotted on the disk"));
  // What was asked for may have been all of the group but this one.
  torrent.wanted.erase(piece / PiecesInGroup(torrent.row.piece_length));
  next_keep_ = now;
}

size_t Archive::PeerCount() const {
  size_t out = 0;
  for (const torrent::InfoHash& hash : awake_) out += torrents_.at(hash).look.holders.size();
  return out;
}

std::vector<Archive::Peer> Archive::Peers(size_t limit) const {
  std::vector<Peer> out;
  for (const torrent::InfoHash& hash : awake_) {
    for (const Holder& holder : torrents_.at(hash).look.holders) {
      if (out.size() == limit) return out;
      out.push_back({hash, holder});
    }
  }
  return out;
}

}  // namespace p2pd::archive
