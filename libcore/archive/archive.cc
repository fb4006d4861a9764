#include "libcore/archive/archive.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"

namespace p2pd::archive {
namespace {

constexpr absl::string_view kNoDisk = "the disk is nearly full, whatever the quota says";

bool HasAll(const Pieces& have) {
  return !have.empty() && std::find(have.begin(), have.end(), false) == have.end();
}
size_t CountOf(const Pieces& have) {
  return static_cast<size_t>(std::count(have.begin(), have.end(), true));
}

}  // namespace

Archive::Archive(const ArchiveOptions& options, Library& library, Counters& counters, Instant now)
    : options_(options),
      library_(library),
      counters_(counters),
      keeper_(options.keeper),
      lifetimes_(now),
      shares_(options.keeper.copies),
      next_keep_(now + Keeper::kPeriod) {}

// What others read.

void Archive::Say(Order order) {
  P2PD_CHECK(orders_.size() < kMaxOrders);
  orders_.push_back(std::move(order));
}

std::optional<Order> Archive::PollOrder() {
  if (orders_.empty()) return std::nullopt;
  Order out = std::move(orders_.front());
  orders_.pop_front();
  return out;
}

std::optional<TorrentView> Archive::Find(const torrent::InfoHash& name) const {
  const auto found = torrents_.find(KnownAs(name));
  if (found == torrents_.end()) return std::nullopt;
  const Torrent& torrent = found->second;
  TorrentView out;
  out.row = torrent.row;
  out.trouble = torrent.trouble;
  out.have = torrent.look.have;
  out.holders = torrent.look.holders;
  out.organic = torrent.organic;
  out.copies = CopiesElsewhere(torrent);
  for (size_t i = 0; i < out.copies.size(); ++i) out.copies[i] += torrent.look.have[i] ? 1 : 0;
  out.total = Count(out.copies);
  if (!out.have.empty()) {
    out.archived = static_cast<double>(CountOf(out.have)) / static_cast<double>(out.have.size());
  }
  return out;
}

std::vector<torrent::InfoHash> Archive::List() const {
  std::vector<torrent::InfoHash> out;
  for (const auto& [hash, torrent] : torrents_) out.push_back(hash);
  return out;
}

TorrentSummary Archive::SummaryOf(const Torrent& torrent) {
  TorrentSummary out;
  out.hashes = torrent.row.hashes;
  out.name = torrent.row.name;
  out.size = torrent.row.size;
  out.pieces = torrent.row.pieces;
  out.state = torrent.row.state;
  out.is_private = torrent.row.is_private;
  out.added = torrent.row.added;
  out.organic = torrent.organic;
  out.total = torrent.total;
  out.held = torrent.held;
  out.seeds = torrent.seeds;
  for (const Holder& holder : torrent.look.holders) out.peers += holder.member ? 0 : 1;
  out.demand = torrent.row.demand;
  return out;
}

std::vector<TorrentSummary> Archive::Summaries(const std::optional<torrent::InfoHash>& after,
                                               size_t limit) const {
  std::vector<TorrentSummary> out;
  auto at = after ? torrents_.upper_bound(*after) : torrents_.begin();
  for (; at != torrents_.end() && out.size() < limit; ++at) out.push_back(SummaryOf(at->second));
  return out;
}

std::set<std::string> Archive::Files() const {
  std::set<std::string> out;
  for (const auto& [hash, torrent] : torrents_) out.insert(torrent.row.file);
  return out;
}

std::optional<torrent::Metainfo> Archive::MetainfoOf(const torrent::InfoHash& name) const {
  const auto found = torrents_.find(KnownAs(name));
  if (found == torrents_.end()) return std::nullopt;
  if (!Sleeps(found->second)) return found->second.metainfo;
  Bytes bytes;
  absl::StatusOr<torrent::Metainfo> read = ReadFileOf(found->second, bytes);
  if (!read.ok()) return std::nullopt;
  return *std::move(read);
}

ArchiveCounts Archive::Counts(Instant now) const {
  ArchiveCounts out;
  out.quota = options_.keeper.quota;
  out.bytes = Used();
  for (const auto& [hash, torrent] : torrents_) {
    ++out.received;
    if (torrent.row.state == TorrentState::kFetching) ++out.downloading;
    if (torrent.held > 0) ++out.seeding;
    if (torrent.uploaded_at && now - *torrent.uploaded_at <= kUploadingFor) ++out.uploading;
  }
  return out;
}

absl::StatusOr<torrent::Metainfo> Archive::ReadFileOf(const Torrent& torrent, Bytes& bytes) const {
  P2PD_ASSIGN_OR_RETURN(bytes, read_(torrent.row.file));
  P2PD_ASSIGN_OR_RETURN(torrent::Metainfo parsed, torrent::ParseMetainfo(bytes, options_.limits));
  if (parsed.hashes.Best() != torrent.row.hashes.Best()) {
    return absl::DataLossError("its .torrent file is another's");
  }
  return parsed;
}

void Archive::Load(Instant now, ReadMetainfo read) {
  read_ = std::move(read);
  for (const Denial& denial : library_.Denied()) denied_.insert(denial.hash);
  if (!denied_.empty()) Say(TellDenied{});
  for (const torrent::InfoHash& hash : library_.Removed()) dismissed_.insert(hash);
  for (TorrentRow& row : library_.All()) {
    const torrent::InfoHash hash = row.hashes.Best();
    Torrent& torrent = torrents_[hash];
    torrent.row = std::move(row);
    torrent.next_reading = now;
    Name(torrent);
    if (Sleeps(torrent)) {
      torrent.look.have = std::exchange(torrent.row.held, {});
      if (torrent.look.have.empty()) torrent.look.have.assign(torrent.row.pieces, true);
      torrent.told = GroupsHeld(torrent);
      torrent.share_here = true;
      LieDown(torrent);
      Doubt(torrent);
      continue;
    }
    awake_.insert(hash);
    if (torrent.row.file.empty()) {
      // Its metainfo had not come yet.
      torrent.trackers = library_.TrackersOf(hash);
      AskForMetainfo(now, torrent);
      continue;
    }
    Bytes bytes;
    absl::StatusOr<torrent::Metainfo> parsed = ReadFileOf(torrent, bytes);
    if (!parsed.ok()) {
      // Somebody has it perhaps; what is in Files is found again then.
      torrent.trouble = std::string(parsed.status().message());
      AskForMetainfo(now, torrent);
      continue;
    }
    torrent.metainfo = *std::move(parsed);
    Begin(now, torrent, bytes);
  }
}

// What becomes of them.

void Archive::SetState(Torrent& torrent, TorrentState state) {
  if (torrent.row.state == state) return;
  torrent.row.state = state;
  Save(torrent);
  changes_.NoteState(torrent.row.hashes.Best(), state);
  if (state == TorrentState::kArchived) supersedes_.push_back(torrent.row.hashes.Best());
}

void Archive::SetTrouble(Torrent& torrent, std::string trouble) {
  if (torrent.trouble == trouble) return;
  torrent.trouble = std::move(trouble);
  changes_.NoteFigures(torrent.row.hashes.Best());
}

void Archive::Save(Torrent& torrent) {
  // At a start nobody looks what one that sleeps has.
  if (Sleeps(torrent) && !HasAll(torrent.look.have)) torrent.row.held = torrent.look.have;
  absl::Status kept = library_.Update(torrent.row);
  if (absl::IsNotFound(kept)) {
    // There was no room on disk when it came.
    if (torrent.metainfo) torrent.row.paths = SearchedPaths(*torrent.metainfo);
    kept = library_.Put(torrent.row);
    torrent.row.paths = {};
  }
  NoteKept(torrent, kept);
  torrent.row.held = {};
}

void Archive::NoteKept(Torrent& torrent, const absl::Status& status) {
  if (status.ok()) return;
  counters_.Add("archive.library_errors");
  SetTrouble(torrent, std::string(status.message()));
}

absl::Status Archive::NotKept(const absl::Status& why) {
  counters_.Add("archive.library_errors");
  return absl::FailedPreconditionError(why.message());
}

void Archive::OnTrouble(const torrent::InfoHash& hash, const absl::Status& status) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) return;
  SetTrouble(found->second, std::string(status.message()));
}

void Archive::OnTouched(Instant now, const torrent::InfoHash& hash) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end() || !found->second.metainfo) return;
  Torrent& torrent = found->second;
  Bytes bytes;
  const absl::StatusOr<torrent::Metainfo> parsed = ReadFileOf(torrent, bytes);
  if (!parsed.ok()) return SetTrouble(torrent, std::string(parsed.status().message()));
  counters_.Add("archive.torrents_touched");
  torrent.looked = false;
  torrent.wanted.clear();
  Say(StopTorrent{hash, false});
  Start(now, torrent, bytes);
}

void Archive::OnNotLoaded(const torrent::InfoHash& hash, const absl::Status& status) {
  const auto found = torrents_.find(hash);
  if (found == torrents_.end()) return;
  Torrent& torrent = found->second;
  SetTrouble(torrent, std::string(status.message()));
  if (Sleeps(torrent)) return;
  // Once it is loaded it is judged anew, and asked for what it lacks.
  torrent.wanted.clear();
  torrent.looked = false;
  SetState(torrent, TorrentState::kKnown);
}

void Archive::OnLook(Instant now, absl::Time wall, Look look) {
  const auto found = torrents_.find(look.hash);
  if (found == torrents_.end() || Sleeps(found->second)) return;
  Torrent& torrent = found->second;
  const size_t pieces = torrent.row.pieces;
  if (look.have.size() != pieces || look.organic.size() != pieces ||
      look.members.size() != pieces) {
    counters_.Add("archive.looks_misshapen");
    return;
  }
  std::set<net::Endpoint> there;
  torrent.leeching = false;
  bool met = false;
  for (const Holder& holder : look.holders) {
    there.insert(holder.at);
    if (holder.member) continue;
    met = true;
    torrent.leeching = torrent.leeching || holder.pieces < pieces;
  }
  bool member_left = false;
  for (const Holder& holder : torrent.look.holders) {
    if (there.count(holder.at) != 0) continue;
    ++gone_;
    member_left = member_left || holder.member;
  }
  // Members stay connected when there is nothing to give any more. One that lies down is not to be
  // dialled again, which would wake it: who has nobody else follows.
  if (met || look.uploaded > torrent.look.uploaded) {
    torrent.met_at = now;
  } else if (member_left) {
    torrent.met_at = now - options_.idle;
  }
  const Availability before = torrent.organic;
  const auto shown = std::tuple(before, torrent.total, torrent.held);
  if (look.uploaded > torrent.look.uploaded) {
    torrent.row.uploaded += look.uploaded - torrent.look.uploaded;
    torrent.uploaded_at = now;
  }
  if (look.downloaded > torrent.look.downloaded) {
    torrent.row.downloaded += look.downloaded - torrent.look.downloaded;
  }
  torrent.overhead = look.overhead.value_or(torrent.overhead);
  torrent.look = std::move(look);
  // One that was just loaded is judged at once; what kept it from that is over.
  if (!torrent.looked) {
    next_keep_ = now;
    if (torrent.trouble != NoRoom()) SetTrouble(torrent, "");
  }
  torrent.looked = torrent.seen = true;
  torrent.holders.OnLook(torrent.look.holders, torrent.row.pieces);
  for (Holder& holder : torrent.look.holders) {
    holder.trust = torrent.holders.TrustIn(now, holder.at);
  }
  torrent.liars = static_cast<uint32_t>(torrent.holders.Lied(now));
  CountCopies(torrent);
  if (std::tuple(torrent.organic, torrent.total, torrent.held) != shown) {
    changes_.NoteFigures(found->first);
  }
  Tell(now, torrent);
  JudgeState(now, wall, torrent);
  List(torrent);
  // On each departure and arrival, not only at the period.
  if (torrent.organic != before) next_keep_ = now;
  if (now < torrent.next_reading) return;
  torrent.next_reading = now + kReadingPeriod;
  library_.Note(found->first, {wall, torrent.organic, torrent.total}).IgnoreError();
}

std::vector<uint32_t> Archive::CopiesElsewhere(const Torrent& torrent) const {
  std::vector<uint32_t> out = HeldByFellows(torrent);
  // Of one that sleeps nobody is connected.
  const std::vector<uint32_t> organic = OrganicOf(torrent);
  for (size_t i = 0; i < organic.size(); ++i) {
    out[i] = organic[i] + std::max(torrent.look.members[i], out[i]);
  }
  return out;
}

std::vector<uint32_t> Archive::OrganicOf(const Torrent& torrent) {
  std::vector<uint32_t> out = torrent.look.organic;
  for (uint32_t& copies : out) copies -= std::min(copies, torrent.liars);
  return out;
}

void Archive::CountCopies(Torrent& torrent) const {
  const Look& look = torrent.look;
  torrent.organic = Count(OrganicOf(torrent));
  torrent.total = CountWith(CopiesElsewhere(torrent), look.have);
  torrent.held = static_cast<uint32_t>(CountOf(look.have));
  torrent.seeds = static_cast<uint32_t>(
      std::count_if(look.holders.begin(), look.holders.end(), [&torrent](const Holder& holder) {
        return !holder.member && holder.pieces == torrent.row.pieces;
      }));
}

void Archive::JudgeState(Instant now, absl::Time wall, Torrent& torrent) {
  const Look& look = torrent.look;
  bool missing = false;
  const std::vector<uint32_t> elsewhere = CopiesElsewhere(torrent);
  for (size_t i = 0; i < look.have.size(); ++i) {
    missing = missing || (!look.have[i] && elsewhere[i] == 0);
  }
  if (!missing) torrent.missing_since.reset();
  if (missing && !torrent.missing_since) torrent.missing_since = now;
  if (HasAll(look.have)) {
    SetTrouble(torrent, "");
    if (!torrent.row.archived) torrent.row.archived = wall;
    return SetState(torrent, TorrentState::kArchived);
  }
  if (torrent.missing_since && now - *torrent.missing_since >= kLostAfter) {
    if (torrent.row.state != TorrentState::kLost) {
      counters_.Add("archive.torrents_lost");
      torrent.trouble = "some of its pieces nobody has who was met";
      // Of what only a stranger spoke, and nobody gave, nothing stays.
      if (IsHearsay(torrent.row) && !torrent.row.archived && torrent.held == 0) {
        doomed_.push_back(torrent.row.hashes.Best());
      }
    }
    return SetState(torrent, TorrentState::kLost);
  }
  // Whoever says that he has it has had the time.
  if (IsHearsay(torrent.row) && !torrent.row.archived && torrent.held == 0 &&
      now - torrent.woken_at >= kHearsayPatience) {
    counters_.Add("archive.followed_in_vain");
    doomed_.push_back(torrent.row.hashes.Best());
  }
  const bool enough = torrent.row.archived || torrent.share_here;
  // There was no room for any of it.
  const bool kept_out =
      torrent.row.state == TorrentState::kKnown && torrent.wanted.empty() && torrent.held == 0;
  if (kept_out && !enough) return;
  SetState(torrent, enough ? TorrentState::kThinned : TorrentState::kFetching);
}

void Archive::List(Torrent& torrent) {
  const torrent::InfoHash hash = torrent.row.hashes.Best();
  const bool holds = torrent.held > 0;
  std::vector<net::Endpoint> others;
  if (shares_.together() && torrent.held < torrent.row.pieces) {
    others = shares_.fellows()->HoldersAt(hash);
  }
  const bool always =
      (holds || !others.empty()) && torrent.organic.whole < static_cast<uint32_t>(options_.target);
  if (holds == torrent.listed && always == torrent.listed_always && others == torrent.others) {
    return;
  }
  torrent.listed = holds;
  torrent.listed_always = always;
  torrent.others = others;
  for (const auto& name : torrent.row.hashes.Names()) Say(ListUs{name, holds, always, others});
}

void Archive::AddGroups(Instant now, const torrent::InfoHash& hash, const Torrent& torrent,
                        std::vector<GroupState>& out) const {
  const torrent::Metainfo& metainfo = *torrent.metainfo;
  const uint32_t each = PiecesInGroup(metainfo.piece_length);
  const int verified = torrent.holders.Verified(now);
  const int doubted = torrent.holders.Doubted(now);
  const double leaves = lifetimes_.ChanceToLeave(options_.keeper.reaction);
  for (uint32_t first = 0; first < metainfo.pieces; first += each) {
    GroupState group;
    group.id = GroupId{hash, first / each};
    group.organic = std::numeric_limits<int>::max();
    group.members = std::numeric_limits<int>::max();
    group.obtainable = true;
    for (uint32_t i = first; i < std::min(first + each, metainfo.pieces); ++i) {
      group.bytes += metainfo.PieceSize(i);
      if (torrent.look.have[i]) group.held += metainfo.PieceSize(i);
      group.organic = std::min(group.organic, static_cast<int>(torrent.look.organic[i]));
      group.members = std::min(group.members, static_cast<int>(torrent.look.members[i]));
      const bool somebody = torrent.look.organic[i] + torrent.look.members[i] > 0;
      group.obtainable = group.obtainable && (torrent.look.have[i] || somebody);
    }
    group.organic = std::max(group.organic - doubted, 0);
    group.verified = verified;
    group.pinned = torrent.row.pinned;
    group.may_lose = torrent.row.may_lose;
    group.demand = 1 + torrent.row.demand;
    group.chance_to_leave = leaves;
    out.push_back(group);
  }
}

std::vector<GroupState> Archive::Groups(Instant now) const {
  std::vector<GroupState> out;
  for (const torrent::InfoHash& hash : awake_) {
    const Torrent& torrent = torrents_.at(hash);
    if (!torrent.metainfo || !torrent.looked) continue;
    std::vector<GroupState> groups;
    AddGroups(now, hash, torrent, groups);
    if (!torrent.row.is_private) shares_.Fill(hash, groups);
    for (GroupState& group : groups) {
      group.obtainable = group.obtainable || group.members > 0;
      out.push_back(std::move(group));
    }
  }
  return out;
}

uint64_t Archive::HeldBytes(const Torrent& torrent) {
  const TorrentRow& row = torrent.row;
  uint64_t held = uint64_t{torrent.held} * row.piece_length;
  const Pieces& have = torrent.look.have;
  if (!have.empty() && have.back()) held -= uint64_t{row.piece_length} * row.pieces - row.size;
  const int64_t all = static_cast<int64_t>(held) + torrent.overhead;
  return static_cast<uint64_t>(std::max<int64_t>(all, 0));
}

uint64_t Archive::Used() const {
  uint64_t used = asleep_bytes_;
  for (const torrent::InfoHash& hash : awake_) used += HeldBytes(torrents_.at(hash));
  return used;
}

std::string Archive::NoRoom() const {
  return disk_short_ ? std::string(kNoDisk) : ToString(Why::kNoRoom);
}

void Archive::SetDiskRoom(uint64_t bytes) { disk_room_ = bytes; }

Plan Archive::DryRun(Instant now) const { return keeper_.Decide(now, Groups(now), Used()); }

void Archive::Keep(Instant now) {
  if (!MayDecide()) return;
  next_keep_ = now + Keeper::kPeriod;
  size_t present = 0;
  for (const torrent::InfoHash& hash : awake_) {
    present += torrents_.at(hash).look.holders.size();
  }
  lifetimes_.Observe(now, present, std::exchange(gone_, 0));
  std::vector<GroupState> groups = Groups(now);
  keeper_.Note(now, groups);
  if (shares_.together()) Ask(now, groups);
  const uint64_t used = used_ = Used();
  NoteDisk(used);
  Plan plan = keeper_.Decide(now, groups, used);
  if (shares_.together()) NoteShares(groups, plan);
  NoteRoom(used, plan);
  // Room is made before it is filled.
  for (const Verdict& verdict : plan.verdicts) {
    if (verdict.decision == Decision::kDrop) Drop(now, verdict);
  }
  std::map<torrent::InfoHash, Wanted> wanted;
  for (const Verdict& verdict : plan.verdicts) {
    Wanted& of_it = wanted[verdict.id.torrent];
    if (verdict.decision == Decision::kFetch) of_it.groups.push_back(verdict);
    of_it.refused = of_it.refused || verdict.why == Why::kNoRoom;
  }
  for (auto& [hash, of_it] : wanted) Want(torrents_.at(hash), std::move(of_it));
}

std::vector<uint32_t> Archive::PiecesOf(const Torrent& torrent, const GroupId& group,
                                        bool held) const {
  const uint32_t each = PiecesInGroup(torrent.row.piece_length);
  const uint32_t first = group.index * each;
  std::vector<uint32_t> out;
  for (uint32_t i = first; i < std::min(first + each, torrent.row.pieces); ++i) {
    if (torrent.look.have[i] == held) out.push_back(i);
  }
  return out;
}

void Archive::Drop(Instant now, const Verdict& verdict) {
  shares_.Leave(now, verdict.id);
  Torrent& torrent = torrents_.at(verdict.id.torrent);
  torrent.dropping.insert(verdict.id.index);
  DropPieces drop{verdict.id.torrent, PiecesOf(torrent, verdict.id, true)};
  counters_.Add("archive.pieces_dropped", drop.pieces.size());
  if (verdict.why == Why::kMayBeLost) counters_.Add("archive.groups_given_up");
  keeper_.NoteDropped(verdict.id);
  Say(std::move(drop));
}

void Archive::Want(Torrent& torrent, Wanted wanted) {
  if (wanted.refused) {
    SetTrouble(torrent, NoRoom());
    const bool nothing = wanted.groups.empty() && CountOf(torrent.look.have) == 0;
    if (nothing) SetState(torrent, TorrentState::kKnown);
  } else if (torrent.trouble == ToString(Why::kNoRoom) || torrent.trouble == kNoDisk) {
    SetTrouble(torrent, "");
  }
  std::set<uint32_t> groups;
  for (const Verdict& verdict : wanted.groups) groups.insert(verdict.id.index);
  if (groups == torrent.wanted) return;
  torrent.wanted = std::move(groups);
  torrent.next_dial = Instant::Min();
  const bool begins = !torrent.wanted.empty() && torrent.row.state == TorrentState::kKnown;
  if (begins) SetState(torrent, TorrentState::kFetching);
  std::stable_sort(wanted.groups.begin(), wanted.groups.end(),
                   [](const Verdict& a, const Verdict& b) { return a.value > b.value; });
  WantPieces want{torrent.row.hashes.Best(), {}, 0};
  for (const Verdict& verdict : wanted.groups) {
    const std::vector<uint32_t> missing = PiecesOf(torrent, verdict.id, false);
    want.pieces.insert(want.pieces.end(), missing.begin(), missing.end());
  }
  // First what only one has, who is the submitter most often.
  const auto rest = std::stable_partition(
      want.pieces.begin(), want.pieces.end(),
      [&torrent](uint32_t piece) { return torrent.look.organic[piece] == 1; });
  want.urgent = static_cast<size_t>(rest - want.pieces.begin());
  Say(std::move(want));
}

void Archive::OnTimeout(Instant now) {
  RemoveDoomed(now);
  for (const torrent::InfoHash& hash : awake_) {
    Torrent& torrent = torrents_.at(hash);
    DialFellows(now, torrent);
    Probe(now, torrent);
  }
  GiveUpMetainfo(now);
  Supersede(now);
  shares_.OnTimeout(now);
  woken_ = 0;
  Review(now);
  if (next_keep_ <= now) Keep(now);
  PutToSleep(now);
}

}  // namespace p2pd::archive
