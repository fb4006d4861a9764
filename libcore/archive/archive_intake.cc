// The archive's door: what is handed in, found out from peers, or taken away again.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libcore/archive/archive.h"
#include "libcore/base/status.h"

namespace p2pd::archive {
namespace {

// Of the words of the search.
constexpr size_t kMaxPaths = 64 << 10;

TorrentRow RowOf(const torrent::Metainfo& metainfo, Source source, absl::Time wall) {
  TorrentRow row;
  row.hashes = metainfo.hashes;
  row.name = metainfo.name;
  row.paths = SearchedPaths(metainfo);
  row.size = metainfo.size;
  row.piece_length = metainfo.piece_length;
  row.pieces = metainfo.pieces;
  row.is_private = metainfo.is_private;
  row.source = source;
  row.added = wall;
  return row;
}

// `metainfo` with these trackers, a tier each, where it has none of its own.
Bytes WithTrackers(const torrent::Metainfo& parsed, ByteView metainfo,
                   const std::vector<std::string>& trackers) {
  if (trackers.empty() || !parsed.trackers.empty()) return ToBytes(metainfo);
  std::vector<std::vector<std::string>> tiers;
  for (const std::string& tracker : trackers) tiers.push_back({tracker});
  return torrent::WrapInfo(parsed.info, tiers);
}

}  // namespace

std::string SearchedPaths(const torrent::Metainfo& metainfo) {
  std::string out;
  for (const torrent::MetainfoFile& file : metainfo.files) {
    if (file.padding) continue;
    if (out.size() > kMaxPaths) break;
    absl::StrAppend(&out, out.empty() ? "" : "\n", absl::StrJoin(file.path, "/"));
  }
  return out;
}

absl::StatusOr<torrent::InfoHash> Archive::Enter(Instant now, TorrentRow row,
                                                 std::optional<torrent::Metainfo> metainfo,
                                                 ByteView bytes) {
  const torrent::InfoHash hash = KnownAs(row.hashes.Best());
  if (Denied(row.hashes)) {
    counters_.Add("archive.refused_denied");
    return absl::PermissionDeniedError(
        absl::StrCat("torrent ", torrent::ToHex(hash), " was denied by the operator"));
  }
  const auto found = torrents_.find(hash);
  const bool known = found != torrents_.end();
  if (!known && Dismissed(row.hashes)) {
    const bool by_hand = row.source == Source::kSubmitted || row.source == Source::kWatched ||
                         row.source == Source::kFederation;
    if (!by_hand) {
      counters_.Add("archive.refused_dismissed");
      return absl::PermissionDeniedError(
          absl::StrCat("torrent ", torrent::ToHex(hash), " was removed by the operator"));
    }
    for (const torrent::InfoHash& called : row.hashes.Names()) {
      dismissed_.erase(called);
      P2PD_RETURN_IF_ERROR(library_.ForgetRemoved(called));
    }
  }
  // Who asked for a hybrid by the other of its names asked for this one.
  const std::vector<torrent::InfoHash> names = row.hashes.Names();
  const auto asked = metainfo && names.size() > 1 ? torrents_.find(names[1]) : torrents_.end();
  const bool twice = asked != torrents_.end() && !Described(asked->second);
  if (!known && torrents_.size() - (twice ? 1 : 0) >= kMaxTorrents) {
    counters_.Add("archive.refused_full");
    return absl::ResourceExhaustedError(
        absl::StrCat("the archive has ", kMaxTorrents, " torrents, which is all that it takes"));
  }
  // Of a link the library is all that stays.
  if (!known && !metainfo) {
    const absl::Status kept = library_.Put(row);
    if (!kept.ok()) return NotKept(kept);
  }
  if (twice) Remove(now, names[1]).IgnoreError();
  if (known && (Described(found->second) || !metainfo)) return hash;
  if (metainfo) P2PD_RETURN_IF_ERROR(CheckName(row));
  if (metainfo && IsHearsay(known ? found->second.row : row)) {
    const absl::Status room = CheckHearsay(*metainfo);
    if (!room.ok()) counters_.Add("archive.refused_hearsay");
    P2PD_RETURN_IF_ERROR(room);
  }
  if (known) {
    row.added = found->second.row.added;
    row.source = found->second.row.source;
    Unname(found->second);
    // Its metainfo is asked for no more.
    if (found->second.metainfo_until) Say(StopTorrent{hash, false});
  }
  Torrent& torrent = torrents_[hash];
  awake_.insert(hash);
  torrent.row = std::move(row);
  torrent.metainfo = std::move(metainfo);
  torrent.next_reading = now;
  if (torrent.metainfo) {
    NameFolders(torrent.row);
    Say(SaveMetainfo{hash, torrent.row.file, ToBytes(bytes)});
  } else {
    changes_.NoteState(hash, torrent.row.state);
  }
  Name(torrent);
  if (torrent.metainfo) NoteKept(torrent, library_.Put(torrent.row));
  torrent.row.paths = {};
  if (torrent.metainfo) Begin(now, torrent, bytes);
  return hash;
}

void Archive::Begin(Instant now, Torrent& torrent, ByteView metainfo) {
  const torrent::InfoHash hash = torrent.row.hashes.Best();
  torrent.metainfo_until.reset();
  torrent.look.have.assign(torrent.row.pieces, false);
  torrent.told.assign(GroupsOf(torrent.row.pieces, torrent.row.piece_length), false);
  fetching_heard_.erase(hash);
  following_.erase(hash);
  Start(now, torrent, metainfo);
  if (!torrent.row.is_private) Say(TellHeld{hash, torrent.told});
  if (torrent.row.state >= TorrentState::kFetching) return;
  // It is judged as soon as it was looked at; who hands it in hears now that it has to wait.
  const uint64_t least = std::min(torrent.row.size, uint64_t{torrent.row.piece_length});
  const bool room = used_ + least <= keeper_.options().quota;
  if (!room) SetTrouble(torrent, NoRoom());
  SetState(torrent, room ? TorrentState::kFetching : TorrentState::kKnown);
}

void Archive::Start(Instant now, Torrent& torrent, ByteView metainfo) {
  const torrent::InfoHash hash = torrent.row.hashes.Best();
  torrent.woken_at = torrent.met_at = now;
  torrent.look.hash = hash;
  torrent.look.organic.assign(torrent.row.pieces, 0);
  torrent.look.members.assign(torrent.row.pieces, 0);
  CountCopies(torrent);
  Say(StartTorrent{hash, ToBytes(metainfo), torrent.row.folder, TiersOf(torrent),
                   std::exchange(torrent.sources, {})});
  next_keep_ = now;
}

absl::StatusOr<torrent::InfoHash> Archive::Submit(Instant now, absl::Time wall, ByteView metainfo,
                                                  Source source) {
  P2PD_ASSIGN_OR_RETURN(torrent::Metainfo parsed,
                        torrent::ParseMetainfo(metainfo, options_.limits));
  TorrentRow row = RowOf(parsed, source, wall);
  return Enter(now, std::move(row), std::move(parsed), metainfo);
}

absl::StatusOr<torrent::InfoHash> Archive::Submit(Instant now, absl::Time wall,
                                                  const torrent::Magnet& magnet, Source source) {
  TorrentRow row;
  row.hashes = magnet.hashes;
  // Whether the two are one torrent's its metainfo tells; a link could name another's.
  if (row.hashes.v1) row.hashes.v2.reset();
  row.name = magnet.name;
  row.source = source;
  row.added = wall;
  row.state = TorrentState::kMetadata;
  const bool known = torrents_.count(KnownAs(magnet.hashes.Best())) != 0;
  P2PD_ASSIGN_OR_RETURN(const torrent::InfoHash hash, Enter(now, std::move(row), std::nullopt, {}));
  Torrent& torrent = torrents_.at(hash);
  if (known && Described(torrent)) return hash;
  FetchMetainfo fetch{torrent.row.hashes, magnet.trackers, {}};
  for (const std::string& peer : magnet.peers) {
    if (const auto endpoint = net::Endpoint::Parse(peer)) fetch.peers.push_back(*endpoint);
  }
  torrent.sources = fetch.peers;
  torrent.trackers = magnet.trackers;
  const absl::Status kept = library_.PutTrackers(hash, torrent.trackers);
  if (!kept.ok() && !known) {
    Remove(now, hash).IgnoreError();
    return NotKept(kept);
  }
  NoteKept(torrent, kept);
  Say(std::move(fetch));
  torrent.metainfo_until = now + kMetainfoPatience;
  SetState(torrent, TorrentState::kMetadata);
  return hash;
}

void Archive::OnMetainfo(Instant now, absl::Time wall, const torrent::InfoHash& hash,
                         ByteView metainfo) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end() || Described(found->second)) return;
  absl::StatusOr<torrent::Metainfo> parsed = torrent::ParseMetainfo(metainfo, options_.limits);
  if (parsed.ok() && !parsed->hashes.Has(hash)) {
    parsed = absl::InvalidArgumentError("what peers gave is another torrent");
  }
  if (!parsed.ok()) {
    counters_.Add("archive.refused_metainfo");
    fetching_heard_.erase(hash);
    following_.erase(hash);
    found->second.metainfo_until.reset();
    OnTrouble(hash, parsed.status());
    if (IsHearsay(found->second.row)) return Remove(now, hash).IgnoreError();
    return SetState(found->second, TorrentState::kKnown);
  }
  // Peers give the info alone; where it can be had is what the link said.
  const Bytes whole = WithTrackers(*parsed, metainfo, std::exchange(found->second.trackers, {}));
  parsed = torrent::ParseMetainfo(whole, options_.limits);
  if (!parsed.ok()) return OnTrouble(hash, parsed.status());
  TorrentRow row = RowOf(*parsed, found->second.row.source, wall);
  // A torrent that was asked for by its other name goes by this one.
  if (row.hashes.Best() != hash) {
    fetching_heard_.erase(hash);
    following_.erase(hash);
    Unname(found->second);
    awake_.erase(hash);
    torrents_.erase(found);
    changes_.NoteRemoved(hash);
    library_.Erase(hash).IgnoreError();
  }
  // They stand in its file from now on.
  library_.PutTrackers(hash, {}).IgnoreError();
  // The engine stopped asking.
  if (const auto still = torrents_.find(hash); still != torrents_.end()) {
    still->second.metainfo_until.reset();
  }
  const bool hearsay = IsHearsay(row);
  const absl::Status entered = Enter(now, std::move(row), *std::move(parsed), whole).status();
  if (entered.ok()) return;
  OnTrouble(hash, entered);
  if (hearsay) return Remove(now, hash).IgnoreError();
  if (const auto still = torrents_.find(hash); still != torrents_.end()) {
    following_.erase(hash);
    SetState(still->second, TorrentState::kKnown);
  }
}

absl::Status Archive::Remove(Instant now, const torrent::InfoHash& name) {
  const torrent::InfoHash hash = KnownAs(name);
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) {
    return absl::NotFoundError(absl::StrCat("no torrent ", torrent::ToHex(hash)));
  }
  // First of all, or it would be back after a restart.
  P2PD_RETURN_IF_ERROR(library_.Erase(hash));
  // What erases its files has to know them.
  if (Sleeps(found->second)) Wake(now, found->second);
  for (const auto& called : found->second.row.hashes.Names()) {
    Say(ListUs{called, false, false, {}});
  }
  Say(StopTorrent{hash, true});
  Say(TellHeld{hash, {}});
  if (!found->second.row.file.empty()) Say(RemoveMetainfo{found->second.row.file});
  if (Sleeps(found->second)) asleep_bytes_ -= HeldBytes(found->second);
  Unname(found->second);
  awake_.erase(hash);
  torrents_.erase(found);
  fetching_heard_.erase(hash);
  following_.erase(hash);
  changes_.NoteRemoved(hash);
  keeper_.Forget(hash);
  shares_.Forget(hash);
  next_keep_ = now;
  return absl::OkStatus();
}

absl::Status Archive::SetPolicy(Instant now, const torrent::InfoHash& name, bool pinned,
                                bool may_lose) {
  const torrent::InfoHash hash = KnownAs(name);
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) {
    return absl::NotFoundError(absl::StrCat("no torrent ", torrent::ToHex(hash)));
  }
  found->second.row.pinned = pinned;
  found->second.row.may_lose = may_lose;
  Save(found->second);
  changes_.NoteFigures(hash);
  Doubt(found->second);
  next_keep_ = now;
  return absl::OkStatus();
}

}  // namespace p2pd::archive
