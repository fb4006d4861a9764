#include "libcore/archive/archive.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"

namespace p2pd::archive {
namespace {

// Of the words of the search.
constexpr size_t kMaxPaths = 64 << 10;

std::string PathsOf(const torrent::Metainfo& metainfo) {
  std::string out;
  for (const torrent::MetainfoFile& file : metainfo.files) {
    if (file.padding) continue;
    if (out.size() > kMaxPaths) break;
    absl::StrAppend(&out, out.empty() ? "" : "\n", absl::StrJoin(file.path, "/"));
  }
  return out;
}

TorrentRow RowOf(const torrent::Metainfo& metainfo, Source source, absl::Time wall) {
  TorrentRow row;
  row.hashes = metainfo.hashes;
  row.name = metainfo.name;
  row.paths = PathsOf(metainfo);
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

// Intake.

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
  // Who asked for a hybrid by the other of its names asked for this one.
  const std::vector<torrent::InfoHash> names = row.hashes.Names();
  const bool twice = names.size() > 1 && torrents_.count(names[1]) != 0;
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
  if (known) {
    row.added = found->second.row.added;
    row.source = found->second.row.source;
    Unname(found->second);
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
  if (torrent.row.state < TorrentState::kFetching) SetState(torrent, TorrentState::kFetching);
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
  row.name = magnet.name;
  row.source = source;
  row.added = wall;
  row.state = TorrentState::kMetadata;
  const bool known = torrents_.count(KnownAs(magnet.hashes.Best())) != 0;
  P2PD_ASSIGN_OR_RETURN(const torrent::InfoHash hash, Enter(now, std::move(row), std::nullopt, {}));
  Torrent& torrent = torrents_.at(hash);
  if (known && Described(torrent)) return hash;
  FetchMetainfo fetch{magnet.hashes, magnet.trackers, {}};
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
  const absl::Status entered = Enter(now, std::move(row), *std::move(parsed), whole).status();
  if (!entered.ok()) OnTrouble(hash, entered);
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
    if (torrent.metainfo) torrent.row.paths = PathsOf(*torrent.metainfo);
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
    SetTrouble(torrent, "");
  }
  torrent.looked = torrent.seen = true;
  torrent.holders.OnLook(torrent.look.holders, torrent.row.pieces);
  for (Holder& holder : torrent.look.holders) {
    holder.trust = torrent.holders.TrustIn(now, holder.at);
  }
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
  for (size_t i = 0; i < torrent.look.organic.size(); ++i) {
    out[i] = torrent.look.organic[i] + std::max(torrent.look.members[i], out[i]);
  }
  return out;
}

void Archive::CountCopies(Torrent& torrent) const {
  const Look& look = torrent.look;
  torrent.organic = Count(look.organic);
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
    }
    return SetState(torrent, TorrentState::kLost);
  }
  const bool enough = torrent.row.archived || torrent.share_here;
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
  const uint64_t used = Used();
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
    SetTrouble(torrent, ToString(Why::kNoRoom));
    const bool nothing = wanted.groups.empty() && CountOf(torrent.look.have) == 0;
    if (nothing) SetState(torrent, TorrentState::kKnown);
  } else if (torrent.trouble == ToString(Why::kNoRoom)) {
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
