// The archive's sleepers: what nobody wants is not loaded, and comes back when somebody asks.
//
// What is whole here sleeps, and where others share the work also what lacks pieces that one of
// them holds. It wakes for a leecher that announces at our tracker, for a peer that connects with
// its hash, for its removal, to be read (by the scrub, or for another S-tracker that wants it
// shown), and when a member came, went or told something by which it has pieces to fetch or to give
// up. The keeper leaves alone what sleeps: without others nobody was connected, so it is the last
// known copy, which does not go; and of what others hold it is woken when room is needed. A sleeper
// goes on telling them what it has, and keeps what it promises.
#include <algorithm>
#include <utility>

#include "libcore/archive/archive.h"

namespace p2pd::archive {

bool Archive::MayDecide() const {
  return shares_.together() ? shares_.fellows()->settled() : !options_.shared;
}

bool Archive::FoundAsleep(const Torrent& torrent) const {
  const auto among = [](const std::vector<std::string>& urls, absl::string_view at) {
    return std::any_of(urls.begin(), urls.end(),
                       [at](const std::string& url) { return torrent::AuthorityOf(url) == at; });
  };
  const auto known = [&](const std::string& url) {
    const absl::string_view at = torrent::AuthorityOf(url);
    return among(options_.trackers, at) || among(trackers_, at);
  };
  const auto& tiers = torrent.metainfo->trackers;
  return std::all_of(tiers.begin(), tiers.end(), [&known](const auto& tier) {
    return std::all_of(tier.begin(), tier.end(), known);
  });
}

Archive::Need Archive::NeedOf(const Torrent& torrent) const {
  const TorrentRow& row = torrent.row;
  // The keeper gives it up when room is needed.
  if (row.may_lose) return Need::kAttention;
  if (!shares_.together()) return torrent.held == row.pieces ? Need::kNone : Need::kAttention;
  std::vector<GroupState> groups(torrent.told.size());
  for (uint32_t i = 0; i < groups.size(); ++i) {
    groups[i].id = GroupId{row.hashes.Best(), i};
    groups[i].bytes = 1;
    groups[i].held = torrent.told[i] ? 1 : 0;
  }
  shares_.Fill(row.hashes.Best(), groups);
  Need out = Need::kNone;
  for (const GroupState& group : groups) {
    const bool ours = row.pinned || group.assigned;
    if (!group.complete()) {
      if (ours && group.members > 0) return Need::kFetch;
      if (group.members == 0) out = Need::kAttention;
    } else if (tight_ && !ours && group.members >= options_.keeper.copies) {
      out = Need::kAttention;
    }
  }
  return out;
}

bool Archive::MaySleep(Instant now, const Torrent& torrent) const {
  const TorrentState state = torrent.row.state;
  if (state != TorrentState::kArchived && state != TorrentState::kThinned) return false;
  if (!torrent.looked || torrent.leeching) return false;
  if (!torrent.wanted.empty() || !torrent.dropping.empty()) return false;
  if (now - torrent.woken_at < std::min(kAwakeAtLeast, options_.idle)) return false;
  // By them it might go when room is needed, and nobody would see them leave.
  if (torrent.holders.Verified(now) >= options_.keeper.verified) return false;
  return FoundAsleep(torrent) && NeedOf(torrent) == Need::kNone;
}

void Archive::PutToSleep(Instant now) {
  if (!read_ || !MayDecide()) return;
  const auto idle = [&](const Torrent& torrent) { return now - torrent.met_at >= options_.idle; };
  std::vector<Torrent*> quiet;
  for (const torrent::InfoHash& hash : awake_) {
    Torrent& torrent = torrents_.at(hash);
    if (awake_.size() > kManyAwake || idle(torrent)) quiet.push_back(&torrent);
  }
  std::stable_sort(quiet.begin(), quiet.end(),
                   [](const Torrent* a, const Torrent* b) { return a->met_at < b->met_at; });
  for (Torrent* const torrent : quiet) {
    if (awake_.size() <= kManyAwake && !idle(*torrent)) return;
    if (MaySleep(now, *torrent)) Sleep(*torrent);
  }
}

void Archive::Sleep(Torrent& torrent) {
  const torrent::InfoHash hash = torrent.row.hashes.Best();
  SetState(torrent, TorrentState::kDormant);
  torrent.metainfo.reset();
  Pieces have = std::move(torrent.look.have);
  torrent.look = {};
  torrent.look.hash = hash;
  torrent.look.have = std::move(have);
  torrent.looked = false;
  torrent.missing_since.reset();
  torrent.sources = {};
  torrent.holders = {};
  awake_.erase(hash);
  keeper_.Forget(hash);
  counters_.Add("archive.torrents_slept");
  LieDown(torrent);
}

void Archive::LieDown(Torrent& torrent) {
  CountCopies(torrent);
  asleep_bytes_ += HeldBytes(torrent);
  Say(SleepTorrent{torrent.row.hashes, torrent.row.file, torrent.row.folder});
  List(torrent);
}

void Archive::Wake(Instant now, Torrent& torrent) {
  Bytes bytes;
  absl::StatusOr<torrent::Metainfo> parsed = ReadFileOf(torrent, bytes);
  if (!parsed.ok()) {
    counters_.Add("archive.wakes_failed");
    SetTrouble(torrent, std::string(parsed.status().message()));
    torrent.sources = {};
    return;
  }
  asleep_bytes_ -= HeldBytes(torrent);
  counters_.Add("archive.torrents_woken");
  awake_.insert(torrent.row.hashes.Best());
  torrent.metainfo = *std::move(parsed);
  const bool whole = torrent.held == torrent.row.pieces;
  SetState(torrent, whole ? TorrentState::kArchived : TorrentState::kThinned);
  // Until the first look says otherwise, it has what it had when it fell asleep.
  Start(now, torrent, bytes);
}

void Archive::OnWoken(Instant now, const torrent::InfoHash& hash) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end() || !Sleeps(found->second)) return;
  ++woken_;
  Wake(now, found->second);
  // Who asked is there already.
  found->second.woken_at = now - kAwakeAtLeast;
}

bool Archive::Rouse(Instant now, const torrent::InfoHash& name) {
  const auto found = torrents_.find(KnownAs(name));
  if (found == torrents_.end() || !Sleeps(found->second)) return false;
  Wake(now, found->second);
  return !Sleeps(found->second);
}

size_t Archive::WakesLeft() const { return kWakesASecond - std::min(woken_, kWakesASecond); }

void Archive::Doubt(Torrent& torrent) {
  if (!Sleeps(torrent) || std::exchange(torrent.doubted, true)) return;
  doubted_.push_back(torrent.row.hashes.Best());
}

void Archive::DoubtAll() {
  for (auto& [hash, torrent] : torrents_) Doubt(torrent);
}

void Archive::NoteRoom(uint64_t used, const Plan& plan) {
  const double full = static_cast<double>(options_.keeper.quota) * options_.keeper.high_water;
  const bool tight = static_cast<double>(used) > full ||
                     std::any_of(plan.verdicts.begin(), plan.verdicts.end(),
                                 [](const Verdict& v) { return v.why == Why::kNoRoom; });
  if (std::exchange(tight_, tight) != tight && tight) DoubtAll();
}

void Archive::NoteDisk(uint64_t used) {
  KeeperOptions options = options_.keeper;
  const double share = options.high_water;
  const double left = static_cast<double>(options.quota) * share - static_cast<double>(used);
  disk_short_ = disk_room_ && static_cast<double>(*disk_room_) < left;
  if (disk_short_) {
    options.quota = std::min(
        options.quota, static_cast<uint64_t>(static_cast<double>(used + *disk_room_) / share) + 1);
  }
  keeper_.SetOptions(options);
}

void Archive::Review(Instant now) {
  if (doubted_.empty() || !MayDecide()) return;
  auto busy = static_cast<size_t>(
      std::count_if(awake_.begin(), awake_.end(), [this](const torrent::InfoHash& hash) {
        return !torrents_.at(hash).wanted.empty() || !torrents_.at(hash).looked;
      }));
  for (size_t left = std::min(doubted_.size(), kReviewsASecond); left > 0; --left) {
    const auto found = torrents_.find(doubted_.front());
    doubted_.pop_front();
    if (found == torrents_.end()) continue;
    Torrent& torrent = found->second;
    torrent.doubted = false;
    if (!Sleeps(torrent)) continue;
    const Availability before = torrent.total;
    CountCopies(torrent);
    if (torrent.total != before) changes_.NoteFigures(found->first);
    List(torrent);
    const Need need = NeedOf(torrent);
    if (need == Need::kNone) continue;
    if (need == Need::kFetch ? busy++ < kMostBusy : awake_.size() < kMostAwake) {
      Wake(now, torrent);
    } else {
      Doubt(torrent);
    }
  }
}

}  // namespace p2pd::archive
