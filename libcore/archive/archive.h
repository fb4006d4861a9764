// Archive: the S-tracker's mind. Takes torrents in, decides what is fetched and what goes, follows
// each from its name to its last copy, and says what the engine, the tracker and the disk are to
// do.
//
// Rules: sans-I/O: what it wants done comes out as orders, what happened comes in as events of the
// engine and announces of the tracker. A hash that was denied does not come back. Announces of
// strangers are followed only where the operator allows it. A torrent is named in its folders by
// its own name, and two of one name by name and hash; the paper's rule, to refuse the second, is a
// policy. A person's submission that finds no room stays known and is fetched when there is room.
// What nobody wants sleeps (archive_sleep.cc): the engine has its name alone, and its metainfo is
// read again when somebody asks.
// Threads: one owner. Limits: below. Sources: design §7; 'S-tracker' (2017).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/availability.h"
#include "libcore/archive/change_log.h"
#include "libcore/archive/holders.h"
#include "libcore/archive/keeper.h"
#include "libcore/archive/library.h"
#include "libcore/archive/lifetimes.h"
#include "libcore/archive/shares.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/counters.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive {

// What happens to a torrent whose name another one has. Superseded is what is older and not pinned,
// when the newer is here whole and was not merely announced.
enum class SameName : uint8_t { kKeepBoth, kSupersede, kReject };
// Whose announces of unknown torrents are followed.
enum class Announced : uint8_t { kNobodys, kAllowed, kAnybodys };

struct ArchiveOptions {
  KeeperOptions keeper;
  torrent::MetainfoLimits limits;
  SameName same_name = SameName::kKeepBoth;
  Announced announced = Announced::kAllowed;
  // Organic copies below which the archive stands in every answer of the tracker and dials each
  // leecher itself.
  int target = 1;
  // Others share the work: until SetFellows names them, nothing is fetched, dropped or woken.
  bool shared = false;
  // A torrent without a peer sleeps after so long: a client that lost its connection is back by
  // then, and a torrent that is awake costs some ten kilobytes and a look a second.
  absl::Duration idle = absl::Minutes(10);
  // Announce URLs of our own tracker, whatever their path. A torrent that names others', too, does
  // not sleep: they would no longer tell of us.
  std::vector<std::string> trackers;
};

// One bit for each piece.
using Pieces = std::vector<bool>;

// How a torrent looks at one moment, as the engine sees it.
struct Look {
  torrent::InfoHash hash;
  Pieces have;
  std::vector<uint32_t> organic;  // copies of each piece, without us and members
  std::vector<uint32_t> members;
  std::vector<Holder> holders;
  uint64_t uploaded = 0;
  uint64_t downloaded = 0;
  // Bytes that its files occupy on the disk beside its pieces, if that was measured now: more for
  // the blocks of small files, less for padding (BEP 47), which is never stored.
  std::optional<int64_t> overhead;
};

// Orders, to be carried out in their order.
struct FetchMetainfo {
  torrent::InfoHashes hashes;
  std::vector<std::string> trackers;
  std::vector<net::Endpoint> peers;
};
struct StartTorrent {
  torrent::InfoHash hash;
  Bytes metainfo;
  std::string folder;
  std::vector<std::vector<std::string>> trackers;
  std::vector<net::Endpoint> peers;
};
struct StopTorrent {
  torrent::InfoHash hash;
  bool erase = false;  // its files go too
};
// Pieces that are wanted beside those that are there, the most wanted first; the first `urgent` of
// them only one has who is there.
struct WantPieces {
  torrent::InfoHash hash;
  std::vector<uint32_t> pieces;
  size_t urgent = 0;
};
struct DropPieces {
  torrent::InfoHash hash;
  std::vector<uint32_t> pieces;
};
struct DialPeer {
  torrent::InfoHash hash;
  net::Endpoint peer;
};
// It says that it has everything: is asked for a block of a piece that is here, and OnShown
// follows.
struct ProbePeer {
  torrent::InfoHash hash;
  net::Endpoint peer;
};
// What the tracker says of us, and of other S-trackers that hold what we lack.
struct ListUs {
  torrent::InfoHash hash;
  bool holds = false;
  bool always = false;
  std::vector<net::Endpoint> others;
};
// OnTrouble follows when it cannot be.
struct SaveMetainfo {
  torrent::InfoHash hash;
  std::string file;
  Bytes metainfo;
};
struct RemoveMetainfo {
  std::string file;
};
struct SetTrackers {
  torrent::InfoHash hash;
  std::vector<std::vector<std::string>> trackers;
};
// For the other S-trackers, where there are some: which groups we hold; none at all: it is gone.
struct TellHeld {
  torrent::InfoHash hash;
  std::vector<bool> groups;
};
struct TellRoom {
  bool full = false;  // nothing new is taken
  uint64_t used = 0;  // bytes
};
struct AskToKeep {
  GroupId group;
  std::vector<MemberId> holders;
};
// Its name is all that stays loaded; `file` and `folder` are what whoever it is woken by needs.
struct SleepTorrent {
  torrent::InfoHashes hashes;
  std::string file;
  std::string folder;
};
// For the tracker: Archive::denials changed.
struct TellDenied {};
using Order = std::variant<FetchMetainfo, StartTorrent, StopTorrent, WantPieces, DropPieces,
                           DialPeer, ListUs, SaveMetainfo, RemoveMetainfo, SetTrackers, TellHeld,
                           TellRoom, AskToKeep, ProbePeer, SleepTorrent, TellDenied>;

struct TorrentView {
  TorrentRow row;
  Availability organic;
  Availability total;
  double archived = 0;  // share of the pieces that are here
  std::vector<uint32_t> copies;
  Pieces have;
  std::vector<Holder> holders;
  std::string trouble;  // what stands in its way, in words; empty: nothing
};

// What a list says of a torrent.
struct TorrentSummary {
  torrent::InfoHashes hashes;
  std::string name;
  uint64_t size = 0;
  uint32_t pieces = 0;
  TorrentState state = TorrentState::kKnown;
  bool is_private = false;
  absl::Time added;
  Availability organic;
  Availability total;
  uint32_t held = 0;   // pieces that are here
  uint32_t peers = 0;  // connected, without members
  uint32_t seeds = 0;  // of them those who have everything
  double demand = 0;
};

// The paper's counters: what is loaded and what it does.
struct ArchiveCounts {
  size_t received = 0;
  size_t downloading = 0;
  size_t seeding = 0;
  size_t uploading = 0;  // somebody took something of late
  uint64_t bytes = 0;
  uint64_t quota = 0;
};

// Paths of its files, a line each, for the words of the search; what is too long is cut off.
std::string SearchedPaths(const torrent::Metainfo& metainfo);

class Archive {
 public:
  static constexpr size_t kMaxTorrents = 100'000;
  // Orders and events that wait; beyond it the owner is not reading, which is our own bug.
  static constexpr size_t kMaxOrders = 1'000'000;
  // What is made of a hash is asked for so long.
  static constexpr absl::Duration kMetainfoPatience = absl::Minutes(10);
  // Torrents that are followed because somebody announced them and whose metainfo did not come yet;
  // and from one public network (/24, /48).
  static constexpr size_t kMaxFollowed = 1000;
  static constexpr int kMaxFollowedFromNetwork = 20;
  // What torrents cost in memory that a stranger named and that were never here whole: bytes of
  // metainfo, and kPieceCost each piece. One that would cost more in all is not taken; and one is
  // forgotten that nobody gave a piece of until it counts as lost.
  static constexpr uint64_t kMaxHearsay = 64 << 20;
  static constexpr uint64_t kPieceCost = 32;
  // A torrent whose pieces nobody has is lost after so long.
  static constexpr absl::Duration kLostAfter = absl::Minutes(10);
  // What a stranger named and nobody gives a piece of, whatever they say that they have, is
  // forgotten after so long.
  static constexpr absl::Duration kHearsayPatience = absl::Minutes(30);
  static constexpr absl::Duration kReadingPeriod = absl::Minutes(10);
  static constexpr size_t kMaxSources = 16;
  static constexpr absl::Duration kUploadingFor = absl::Seconds(10);
  // Other S-trackers that have what is wanted are dialled so often.
  static constexpr absl::Duration kRedial = absl::Seconds(10);
  // Torrents of other S-trackers whose metainfo is asked for at a time.
  static constexpr size_t kMaxHeard = 64;
  // Beyond so many awake ones those without a leecher sleep at once, the longest idle first; but
  // not before whoever woke it had the time to connect.
  static constexpr size_t kManyAwake = 500;
  static constexpr absl::Duration kAwakeAtLeast = absl::Seconds(30);
  // What strangers may wake each second: an announce costs them a packet, and us a file and a
  // handle of libtorrent's for kAwakeAtLeast.
  static constexpr size_t kWakesASecond = 100;
  // Of what the operator's list names so many are removed each second.
  static constexpr size_t kRemovalsASecond = 100;
  // Of those that sleep so many are looked at each second when something changed among the
  // S-trackers. Those that lack something wake while fewer than kMostBusy fetch; the others with a
  // need while fewer than kMostAwake are awake. The rest waits for its turn.
  static constexpr size_t kReviewsASecond = 1000;
  static constexpr size_t kMostBusy = 500;
  static constexpr size_t kMostAwake = 4 * kManyAwake;

  // `library` and `counters` outlive it.
  Archive(const ArchiveOptions& options, Library& library, Counters& counters, Instant now);

  // What the library has, with the metainfo that its files hold (`read` gives them; an error leaves
  // the torrent known). Orders follow. What slept goes on sleeping, unread; `read` is kept for
  // when it wakes, and without it nothing sleeps.
  using ReadMetainfo = std::function<absl::StatusOr<Bytes>(const std::string& file)>;
  void Load(Instant now, ReadMetainfo read);

  // InvalidArgument or ResourceExhausted as ParseMetainfo; PermissionDenied: denied; AlreadyExists:
  // its name is another's, and the policy refuses that; FailedPrecondition: the library cannot keep
  // a magnet, and nothing of it stays. One that is here already is OK.
  absl::StatusOr<torrent::InfoHash> Submit(Instant now, absl::Time wall, ByteView metainfo,
                                           Source source);
  absl::StatusOr<torrent::InfoHash> Submit(Instant now, absl::Time wall,
                                           const torrent::Magnet& magnet, Source source);
  absl::Status Remove(Instant now, const torrent::InfoHash& name);
  // The same by hand: from now on no announce, feed or stranger's submission brings it back, only
  // who hands it in here.
  absl::Status Dismiss(Instant now, absl::Time wall, const torrent::InfoHash& name);
  // Removes it, if it is here, and refuses it from now on, by each of its names that are known.
  absl::Status Deny(Instant now, absl::Time wall, const torrent::InfoHash& hash,
                    const std::string& reason);
  // NotFound: it is not denied; FailedPrecondition: the operator's list names it.
  absl::Status Allow(const torrent::InfoHash& hash);
  // What the operator's list names is denied, too, and never listed among denials. To be called
  // after Load and whenever the list changed: what it names is removed, kRemovalsASecond of them.
  using NamesDenied = std::function<bool(const torrent::InfoHash& hash)>;
  void SetDenyList(Instant now, NamesDenied names);
  absl::Status SetPolicy(Instant now, const torrent::InfoHash& name, bool pinned, bool may_lose);

  // From the tracker. `allowed`: the operator's list names it.
  void OnSeedAnnounced(Instant now, absl::Time wall, const torrent::InfoHash& name,
                       const net::Endpoint& seed, bool allowed);
  void OnLeecherAnnounced(Instant now, const torrent::InfoHash& name, const net::Endpoint& leecher);
  // From the engine.
  void OnMetainfo(Instant now, absl::Time wall, const torrent::InfoHash& hash, ByteView metainfo);
  void OnLook(Instant now, absl::Time wall, Look look);
  void OnTrouble(const torrent::InfoHash& hash, const absl::Status& status);
  // The same, and nothing of it can be given or fetched: it is known, no more, until a look comes.
  void OnNotLoaded(const torrent::InfoHash& hash, const absl::Status& status);
  // A peer asked the engine for a torrent that slept, and the engine loaded it.
  void OnWoken(Instant now, const torrent::InfoHash& hash);
  // How many the engine may wake by itself until the next OnTimeout.
  size_t WakesLeft() const;
  // It is to be read. False: it does not sleep, or cannot be loaded.
  bool Rouse(Instant now, const torrent::InfoHash& name);
  // A piece that was kept was not what it should be when it was read, and is not offered any more.
  void OnRotted(Instant now, const torrent::InfoHash& hash, uint32_t piece);
  // Its files are not what they were: it is loaded anew, which finds out what is left.
  void OnTouched(Instant now, const torrent::InfoHash& hash);
  // Bytes that may still be written on its disk, whatever the quota says.
  void SetDiskRoom(uint64_t bytes);
  // The answer to ProbePeer.
  void OnShown(Instant now, const torrent::InfoHash& hash, const net::Endpoint& peer, Shown shown);

  // The S-trackers that share the work; nullptr, as at first: none. Outlives the archive, or is
  // taken back. TellHeld of everything follows.
  void SetFellows(Instant now, const Fellows* fellows);
  // They came, went or changed.
  void OnFellowsChanged(Instant now);
  // One of them said something new of this torrent; to be called while TakesHeard.
  void OnHeard(Instant now, absl::Time wall, const torrent::InfoHash& hash);
  bool TakesHeard() const { return fetching_heard_.size() < kMaxHeard; }
  // The answer to AskToKeep.
  void OnPromised(Instant now, const GroupId& group, int promises);
  // One of them is about to drop the group. True: we hold it, and keep it for Shares::kPromise.
  bool MayPromise(Instant now, const GroupId& group);

  // Once a second, as the looks.
  void OnTimeout(Instant now);
  std::optional<Order> PollOrder();

  std::optional<TorrentView> Find(const torrent::InfoHash& name) const;
  std::vector<torrent::InfoHash> List() const;
  // Names of their .torrent files.
  std::set<std::string> Files() const;
  // By hash, at most `limit` of those behind `after`: who wants all asks in turns, so that none of
  // them is long.
  std::vector<TorrentSummary> Summaries(const std::optional<torrent::InfoHash>& after,
                                        size_t limit) const;
  // Of a torrent that is here.
  TorrentSummary Summary(const torrent::InfoHash& hash) const {
    return SummaryOf(torrents_.at(hash));
  }
  // Whether those connected have all of it, without us and without whom we doubt.
  bool OthersGive(Instant now, const torrent::InfoHash& hash) const;
  // nullopt: there is no such torrent, or nobody gave it yet, or its file cannot be read. Of one
  // that sleeps it reads the file.
  std::optional<torrent::Metainfo> MetainfoOf(const torrent::InfoHash& name) const;
  const ChangeLog& changes() const { return changes_; }
  // What the keeper would do now, and why; what sleeps stays.
  Plan DryRun(Instant now) const;
  ArchiveCounts Counts(Instant now) const;
  // Connections of peers, by torrent; how many in all, and as they were at the last look.
  struct Peer {
    torrent::InfoHash hash;
    Holder holder;
  };
  size_t PeerCount() const;
  std::vector<Peer> Peers(size_t limit) const;
  const ArchiveOptions& options() const { return options_; }
  bool Denied(const torrent::InfoHash& hash) const;
  bool Denied(const torrent::InfoHashes& hashes) const;
  // Those of Deny.
  const std::set<torrent::InfoHash>& denials() const { return denied_; }

 private:
  struct Torrent {
    TorrentRow row;
    std::optional<torrent::Metainfo> metainfo;
    Look look;
    bool looked = false;  // since it is awake
    bool seen = false;    // once, in this run
    // Of the look, or when it fell asleep.
    Availability organic;
    Availability total;
    uint32_t held = 0;
    int64_t overhead = 0;  // as it was measured last
    uint32_t seeds = 0;
    std::set<uint32_t> wanted;  // groups
    Holders holders;
    uint32_t liars = 0;  // connected, and shown not to have what they say: everything
    std::optional<Instant> metainfo_until;
    std::vector<net::Endpoint> sources;  // who gave the metainfo may have the rest
    std::vector<std::string> trackers;   // of the magnet, until the metainfo is here
    std::optional<Instant> missing_since;
    std::optional<Instant> uploaded_at;
    Instant next_reading;
    std::string trouble;
    bool listed_always = false;
    bool listed = false;
    std::vector<net::Endpoint> others;  // that are listed with us
    std::vector<bool> told;             // groups that the other S-trackers believe here
    bool share_here = false;            // among them: all of ours is
    Instant next_dial;
    bool doubted = false;         // while it sleeps: it is among doubted_
    Instant woken_at;             // or loaded for the first time
    Instant met_at;               // somebody was connected
    bool leeching = false;        // somebody is who lacks something
    std::set<uint32_t> dropping;  // groups that were to be dropped and are not seen to be gone
  };
  using Torrents = std::map<torrent::InfoHash, Torrent>;
  // What one torrent is to fetch by a plan.
  struct Wanted {
    std::vector<Verdict> groups;
    bool refused = false;  // some of it, for want of room
  };

  absl::StatusOr<torrent::InfoHash> Enter(Instant now, TorrentRow row,
                                          std::optional<torrent::Metainfo> metainfo,
                                          ByteView bytes);
  std::vector<torrent::InfoHash> OthersNamed(const TorrentRow& row) const;
  // A stranger named it: ResourceExhausted where it is more than strangers may fill.
  static bool IsHearsay(const TorrentRow& row);
  absl::Status CheckHearsay(const torrent::Metainfo& metainfo) const;
  // AlreadyExists where the policy refuses a torrent of a name that another one has.
  absl::Status CheckName(const TorrentRow& row) const;
  // Where the policy says so, what came to be here whole takes the place of older ones of its name.
  void Supersede(Instant now);
  bool FolderTaken(const std::string& folder, const torrent::InfoHash& by) const;
  void NameFolders(TorrentRow& row) const;
  bool MayFollow(const net::Endpoint& seed) const;
  bool Dismissed(const torrent::InfoHashes& hashes) const;
  // Of those who were met, for as long as kMetainfoPatience.
  void AskForMetainfo(Instant now, Torrent& torrent);
  void GiveUpMetainfo(Instant now);
  void Begin(Instant now, Torrent& torrent, ByteView metainfo);
  void Start(Instant now, Torrent& torrent, ByteView metainfo);
  // The metainfo that its file holds.
  absl::StatusOr<torrent::Metainfo> ReadFileOf(const Torrent& torrent, Bytes& bytes) const;
  // Where others find it by its name and its folder's.
  void Name(const Torrent& torrent);
  void Unname(const Torrent& torrent);
  void SetState(Torrent& torrent, TorrentState state);
  void Save(Torrent& torrent);
  void NoteKept(Torrent& torrent, const absl::Status& kept);
  // The answer to who handed in what could not be kept, and may do so again.
  absl::Status NotKept(const absl::Status& why);

  static bool Sleeps(const Torrent& torrent) { return torrent.row.state == TorrentState::kDormant; }
  // Its metainfo is known; of one that sleeps it is in the file alone.
  static bool Described(const Torrent& torrent) { return torrent.metainfo || Sleeps(torrent); }
  // Whether who shares the work is known.
  bool MayDecide() const;
  bool MaySleep(Instant now, const Torrent& torrent) const;
  // Who looks for it asks our tracker, or another S-tracker's, and no other.
  bool FoundAsleep(const Torrent& torrent) const;
  // Why a torrent without peers is awake nevertheless.
  enum class Need : uint8_t {
    kNone,
    kAttention,  // it lacks what nobody is known to keep, or may go
    kFetch,      // others have what it is to have
  };
  Need NeedOf(const Torrent& torrent) const;
  void PutToSleep(Instant now);
  void Sleep(Torrent& torrent);
  // Says what there is to say of one that sleeps already; it has what look.have says.
  void LieDown(Torrent& torrent);
  // A file that does not read leaves it asleep, with its trouble.
  void Wake(Instant now, Torrent& torrent);
  // It is to be looked at, if it sleeps.
  void Doubt(Torrent& torrent);
  void DoubtAll();
  void Review(Instant now);

  // Of each piece, with peers and other S-trackers, by what is seen and by what they say.
  std::vector<uint32_t> CopiesElsewhere(const Torrent& torrent) const;
  // Of each piece among the peers, without liars.
  static std::vector<uint32_t> OrganicOf(const Torrent& torrent);
  void CountCopies(Torrent& torrent) const;
  static TorrentSummary SummaryOf(const Torrent& torrent);
  void SetTrouble(Torrent& torrent, std::string trouble);
  void JudgeState(Instant now, absl::Time wall, Torrent& torrent);
  void List(Torrent& torrent);
  // Those who say that they have everything are asked to show it.
  void Probe(Instant now, Torrent& torrent);
  std::vector<GroupState> Groups(Instant now) const;
  void AddGroups(Instant now, const torrent::InfoHash& hash, const Torrent& torrent,
                 std::vector<GroupState>& out) const;
  static uint64_t HeldBytes(const Torrent& torrent);
  uint64_t Used() const;
  // Why there is no room, in words.
  std::string NoRoom() const;
  void Keep(Instant now);
  // Whether what sleeps and might go is needed.
  void NoteRoom(uint64_t used, const Plan& plan);
  // The quota is what the disk has, where that is less; nothing goes for that.
  void NoteDisk(uint64_t used);
  // Asks those on whom a drop would rely, and marks what stays until they promised.
  void Ask(Instant now, std::vector<GroupState>& groups);
  void NoteShares(const std::vector<GroupState>& groups, const Plan& plan);
  // Groups of which it has all.
  static std::vector<bool> GroupsHeld(const Torrent& torrent);
  void Tell(Instant now, Torrent& torrent);
  void DialFellows(Instant now, Torrent& torrent);
  // Its own, and the other S-trackers' behind (BEP 12).
  std::vector<std::vector<std::string>> TiersOf(const Torrent& torrent) const;
  // Copies of each piece among the other S-trackers, by what they say.
  std::vector<uint32_t> HeldByFellows(const Torrent& torrent) const;
  void Drop(Instant now, const Verdict& verdict);
  void Want(Torrent& torrent, Wanted wanted);
  std::vector<uint32_t> PiecesOf(const Torrent& torrent, const GroupId& group, bool held) const;
  void RemoveDoomed(Instant now);
  void Say(Order order);
  // Best of the torrent that is here by either of its names; `name` where there is none.
  const torrent::InfoHash& KnownAs(const torrent::InfoHash& name) const;

  ArchiveOptions options_;
  Library& library_;
  Counters& counters_;
  Keeper keeper_;
  Lifetimes lifetimes_;
  Shares shares_;
  Torrents torrents_;
  ReadMetainfo read_;
  // All but those that sleep; what is done each second is done with these alone.
  std::set<torrent::InfoHash> awake_;
  // Those that sleep and are to be looked at, in turns.
  std::deque<torrent::InfoHash> doubted_;
  uint64_t asleep_bytes_ = 0;
  uint64_t used_ = 0;   // when the keeper looked last: to add it up takes a while
  size_t woken_ = 0;    // by strangers, since the last OnTimeout
  bool tight_ = false;  // room has to be made
  // By the torrent's name and by its folder.
  std::multimap<std::string, torrent::InfoHash> named_;
  std::set<torrent::InfoHash> fetching_heard_;
  // Torrents of which a stranger's announce is all that is known, and his network.
  std::map<torrent::InfoHash, net::IpAddress> following_;
  std::vector<torrent::InfoHash> supersedes_;  // came to be here whole
  std::vector<std::string> trackers_;          // of the other S-trackers
  bool full_ = false;
  std::optional<uint64_t> disk_room_;  // none: nobody said
  bool disk_short_ = false;            // it is less than the quota leaves
  // Of hybrids: by the second of their names.
  std::map<torrent::InfoHash, torrent::InfoHash> other_names_;
  std::set<torrent::InfoHash> denied_;
  std::set<torrent::InfoHash> dismissed_;
  NamesDenied deny_list_;
  std::deque<torrent::InfoHash> doomed_;  // it names them
  std::deque<Order> orders_;
  ChangeLog changes_;
  Instant next_keep_;
  size_t gone_ = 0;  // holders that left since the keeper looked
};

}  // namespace p2pd::archive
