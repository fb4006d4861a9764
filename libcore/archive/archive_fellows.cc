// The archive among others: what it tells the S-trackers that share the work, and what it makes of
// what they say.
#include <algorithm>
#include <map>
#include <utility>

#include "libcore/archive/archive.h"

namespace p2pd::archive {
namespace {

// After something of the others' was heard: many torrents may be told of in a row.
constexpr absl::Duration kHeardPause = absl::Seconds(1);
// Full ends this share of the quota below where it began.
constexpr double kFullBand = 0.05;

}  // namespace

void Archive::SetFellows(Instant now, const Fellows* fellows) {
  shares_.SetFellows(fellows);
  next_keep_ = now;
  DoubtAll();
  if (fellows == nullptr) return;
  full_ = false;
  for (const auto& [hash, torrent] : torrents_) {
    if (Described(torrent) && !torrent.row.is_private) Say(TellHeld{hash, torrent.told});
  }
}

void Archive::OnFellowsChanged(Instant now) {
  next_keep_ = now;
  DoubtAll();
  if (!shares_.together()) return;
  std::vector<std::string> trackers = shares_.fellows()->Trackers();
  if (trackers == trackers_) return;
  trackers_ = std::move(trackers);
  for (const torrent::InfoHash& hash : awake_) {
    const Torrent& torrent = torrents_.at(hash);
    if (torrent.metainfo) Say(SetTrackers{hash, TiersOf(torrent)});
  }
}

std::vector<std::vector<std::string>> Archive::TiersOf(const Torrent& torrent) const {
  std::vector<std::vector<std::string>> out = torrent.metainfo->trackers;
  // A private torrent is announced where its maker said, and nowhere else (BEP 27).
  if (torrent.row.is_private) return out;
  for (const std::string& url : trackers_) {
    const bool known = std::any_of(out.begin(), out.end(), [&url](const auto& tier) {
      return std::find(tier.begin(), tier.end(), url) != tier.end();
    });
    if (!known) out.push_back({url});
  }
  return out;
}

void Archive::OnHeard(Instant now, absl::Time wall, const torrent::InfoHash& hash) {
  if (!shares_.together() || Denied(hash)) return;
  const auto found = torrents_.find(hash);
  if (found != torrents_.end() && Described(found->second)) {
    Doubt(found->second);
    next_keep_ = std::min(next_keep_, now + kHeardPause);
    return;
  }
  const std::vector<net::Endpoint> sources = shares_.fellows()->SourcesOf(hash);
  if (sources.empty() || (found != torrents_.end() && found->second.metainfo_until)) return;
  TorrentRow row;
  row.hashes.v1 = hash;
  row.source = Source::kFederation;
  row.added = wall;
  if (!Enter(now, std::move(row), std::nullopt, {}).ok()) return;
  Torrent& torrent = torrents_.at(hash);
  torrent.metainfo_until = now + kMetainfoPatience;
  torrent.sources = sources;
  fetching_heard_.insert(hash);
  SetState(torrent, TorrentState::kMetadata);
  Say(FetchMetainfo{torrent.row.hashes, {}, sources});
}

std::vector<bool> Archive::GroupsHeld(const Torrent& torrent) {
  const TorrentRow& row = torrent.row;
  std::vector<bool> out(GroupsOf(row.pieces, row.piece_length), true);
  const uint32_t each = PiecesInGroup(row.piece_length);
  for (uint32_t i = 0; i < row.pieces; ++i) {
    if (!torrent.look.have[i]) out[i / each] = false;
  }
  return out;
}

void Archive::Tell(Instant now, Torrent& torrent) {
  std::vector<bool> groups = GroupsHeld(torrent);
  std::erase_if(torrent.dropping, [&](uint32_t group) {
    return PiecesOf(torrent, {torrent.row.hashes.Best(), group}, true).empty();
  });
  if (groups == torrent.told) return;
  torrent.told = std::move(groups);
  const size_t wanted = torrent.wanted.size();
  std::erase_if(torrent.wanted, [&](uint32_t group) { return torrent.told[group]; });
  if (wanted != 0 && torrent.wanted.empty()) next_keep_ = now;
  // A member that hears of a torrent fetches it, and one that is private is for those whom its
  // tracker names (BEP 27): whoever was handed it meets the others there.
  if (!torrent.row.is_private) Say(TellHeld{torrent.row.hashes.Best(), torrent.told});
}

void Archive::Ask(Instant now, std::vector<GroupState>& groups) {
  for (GroupState& group : groups) group.stays = shares_.Promised(now, group.id);
  const Plan plan = keeper_.Decide(now, groups, Used());
  for (const Verdict& verdict : plan.verdicts) {
    if (verdict.decision != Decision::kDrop || verdict.why != Why::kMembersKeepIt) continue;
    if (shares_.Asked(now, verdict.id)) continue;
    shares_.Leave(now, verdict.id);
    Say(AskToKeep{verdict.id, shares_.HoldersOf(verdict.id)});
  }
  for (GroupState& group : groups) {
    const bool alone = keeper_.SafeByHolders(group) || group.may_lose;
    group.stays = group.stays || (!alone && !shares_.Relied(now, group.id));
  }
}

void Archive::NoteShares(const std::vector<GroupState>& groups, const Plan& plan) {
  std::map<torrent::InfoHash, bool> here;
  for (size_t i = 0; i < groups.size(); ++i) {
    bool& all = here.try_emplace(groups[i].id.torrent, true).first->second;
    const bool lacks = plan.verdicts[i].decision == Decision::kFetch ||
                       (plan.verdicts[i].decision == Decision::kWait && groups[i].assigned);
    all = all && !lacks;
  }
  for (const auto& [hash, all] : here) torrents_.at(hash).share_here = all;
  const auto quota = static_cast<double>(options_.keeper.quota);
  const uint64_t used = Used();
  const double share = static_cast<double>(used) / std::max(quota, 1.0);
  full_ = share > options_.keeper.low_water - (full_ ? kFullBand : 0);
  Say(TellRoom{full_, used});
}

void Archive::DialFellows(Instant now, Torrent& torrent) {
  if (!shares_.together() || torrent.row.is_private) return;
  if (torrent.wanted.empty() || torrent.next_dial > now) return;
  torrent.next_dial = now + kRedial;
  const torrent::InfoHash hash = torrent.row.hashes.Best();
  for (const net::Endpoint& source : shares_.fellows()->SourcesOf(hash)) {
    const bool there = std::any_of(torrent.look.holders.begin(), torrent.look.holders.end(),
                                   [&source](const Holder& holder) { return holder.at == source; });
    if (!there) Say(DialPeer{hash, source});
  }
}

std::vector<uint32_t> Archive::HeldByFellows(const Torrent& torrent) const {
  std::vector<uint32_t> out(torrent.look.have.size(), 0);
  if (!shares_.together() || torrent.row.is_private) return out;
  const std::vector<int> held = shares_.Held(torrent.row.hashes.Best(), torrent.told.size());
  const uint32_t each = PiecesInGroup(torrent.row.piece_length);
  for (uint32_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint32_t>(held[i / each]);
  return out;
}

void Archive::OnPromised(Instant now, const GroupId& group, int promises) {
  shares_.NotePromises(now, group, promises);
  if (shares_.Relied(now, group)) next_keep_ = now;
}

bool Archive::MayPromise(Instant now, const GroupId& group) {
  const auto found = torrents_.find(group.torrent);
  if (found == torrents_.end() || !Described(found->second)) return false;
  Torrent& torrent = found->second;
  if (torrent.row.is_private) return false;
  const bool holds = group.index < torrent.told.size() && torrent.told[group.index];
  if (!holds) return false;
  // What it had when the daemon ended is not good enough for others to drop theirs.
  if (!torrent.seen && Sleeps(torrent)) Wake(now, torrent);
  return torrent.seen && shares_.Promise(now, group);
}

}  // namespace p2pd::archive
