// The archive where it hears of announces: torrents that it follows because a client announced
// them, and leechers that it meets.
#include <algorithm>
#include <utility>

#include "libcore/archive/archive.h"

namespace p2pd::archive {

void Archive::OnSeedAnnounced(Instant now, absl::Time wall, const torrent::InfoHash& name,
                              const net::Endpoint& seed, bool allowed) {
  const torrent::InfoHash hash = KnownAs(name);
  const auto found = torrents_.find(hash);
  if (found != torrents_.end()) {
    if (Sleeps(found->second)) return;
    Torrent& torrent = found->second;
    if (!torrent.metainfo && torrent.sources.size() < kMaxSources) torrent.sources.push_back(seed);
    // Those before it did not give it.
    if (!torrent.metainfo && !torrent.metainfo_until) return AskForMetainfo(now, torrent);
    return Say(DialPeer{hash, seed});
  }
  const bool follow = options_.announced == Announced::kAnybodys ||
                      (options_.announced == Announced::kAllowed && allowed);
  if (!follow || Denied(hash) || torrents_.size() >= kMaxTorrents || !MayFollow(seed)) {
    counters_.Add("archive.announces_not_followed");
    return;
  }
  TorrentRow row;
  row.hashes.v1 = hash;
  row.source = Source::kAnnounced;
  row.added = wall;
  row.state = TorrentState::kMetadata;
  if (!Enter(now, std::move(row), std::nullopt, {}).ok()) return;
  Torrent& torrent = torrents_.at(hash);
  torrent.sources = {seed};
  following_.emplace(hash, net::NetworkOf(seed.address));
  AskForMetainfo(now, torrent);
}

bool Archive::MayFollow(const net::Endpoint& seed) const {
  if (following_.size() >= kMaxFollowed) return false;
  if (seed.address.IsPrivate()) return true;
  const net::IpAddress network = net::NetworkOf(seed.address);
  return std::count_if(following_.begin(), following_.end(), [&](const auto& entry) {
           return entry.second == network;
         }) < kMaxFollowedFromNetwork;
}

bool Archive::IsHearsay(const TorrentRow& row) {
  return row.source == Source::kAnnounced || row.source == Source::kOverlay;
}

absl::Status Archive::CheckHearsay(const torrent::Metainfo& metainfo) const {
  if (metainfo.size > options_.keeper.quota) {
    return absl::ResourceExhaustedError(
        "it is larger than the quota: of such ones parts are kept only of what the operator hands "
        "in");
  }
  const auto cost = [](const torrent::Metainfo& of) {
    return of.info.size() + kPieceCost * of.pieces;
  };
  uint64_t sum = cost(metainfo);
  for (const torrent::InfoHash& hash : awake_) {
    const Torrent& torrent = torrents_.at(hash);
    const bool counts = IsHearsay(torrent.row) && torrent.metainfo && !torrent.row.archived;
    if (counts) sum += cost(*torrent.metainfo);
  }
  if (sum <= kMaxHearsay) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "too much was named by strangers and is not here whole: wait, or hand it in yourself");
}

void Archive::AskForMetainfo(Instant now, Torrent& torrent) {
  torrent.metainfo_until = now + kMetainfoPatience;
  SetState(torrent, TorrentState::kMetadata);
  Say(FetchMetainfo{torrent.row.hashes, torrent.trackers, torrent.sources});
}

void Archive::GiveUpMetainfo(Instant now) {
  std::vector<torrent::InfoHash> late;
  for (const torrent::InfoHash& hash : awake_) {
    const Torrent& torrent = torrents_.at(hash);
    if (torrent.metainfo_until && *torrent.metainfo_until <= now) late.push_back(hash);
  }
  for (const torrent::InfoHash& hash : late) {
    fetching_heard_.erase(hash);
    following_.erase(hash);
    Torrent& torrent = torrents_.at(hash);
    // Of what only a stranger spoke nothing stays.
    const bool hearsay = IsHearsay(torrent.row) || torrent.row.source == Source::kFederation;
    if (hearsay && torrent.row.file.empty()) {
      counters_.Add("archive.followed_in_vain");
      Remove(now, hash).IgnoreError();
      continue;
    }
    torrent.metainfo_until.reset();
    torrent.trouble = "nobody who was met gave its metainfo";
    Say(StopTorrent{hash, false});
    SetState(torrent, TorrentState::kKnown);
  }
}

void Archive::OnLeecherAnnounced(Instant now, const torrent::InfoHash& name,
                                 const net::Endpoint& leecher) {
  const torrent::InfoHash hash = KnownAs(name);
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) return;
  Torrent& torrent = found->second;
  if (!torrent.listed || !torrent.listed_always) return;
  if (!Sleeps(torrent)) return Say(DialPeer{hash, leecher});
  if (WakesLeft() == 0) return counters_.Add("archive.wakes_refused");
  ++woken_;
  torrent.sources = {leecher};
  Wake(now, torrent);
}

}  // namespace p2pd::archive
