// Keeper: what an S-tracker fetches and what may go, group of pieces by group of pieces, within a
// quota.
//
// Rules: what is kept is what lowers the chance of loss most for each byte: the chance that all
// other holders leave before we would notice and fetch, times how much the torrent is wanted.
// The last known copy never goes, unless the torrent's policy says that it may be lost; then the
// loss is announced, not silent. A group goes only when, for the holding time without a break,
// `verified` holders of all of it were there (who showed a block of it, holders.h; a network
// counts once) and organic availability was `drop_at` or more; and only when room is
// needed. What went comes back only when organic availability falls to `fetch_at`, and only what is
// as rare takes another's place: between the two marks nothing happens, so that nothing is fetched
// and dropped by turns. A crowd that is there for an hour does not count: a group is as common as
// it was over the last hours, or as it is now if that is less. Used bytes stay below the quota
// always: whoever obeys a plan drops before it fetches.
// A plan says why for each group, so that a dry run is the same code. No I/O, no clock, no chance.
// Threads: one owner. Sources: design §7; utility of replicas as in Chun et al. 2006 (Carbonite).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libcore/archive/placement.h"
#include "libcore/base/time.h"

namespace p2pd::archive {

struct KeeperOptions {
  // Bytes on disk; 0: none may be fetched.
  uint64_t quota = 0;
  // Shares of the quota above which things go, and down to which.
  double high_water = 0.95;
  double low_water = 0.90;
  // Members that keep each group (design §7: min(2, members)).
  int copies = 1;
  // Verified holders without whom nothing goes.
  int verified = 3;
  // Organic copies at which a group may go, and at which it comes back.
  int drop_at = 4;
  int fetch_at = 2;
  absl::Duration holding_time = absl::Minutes(30);
  // From a departure to the end of a fetch that makes good for it.
  absl::Duration reaction = absl::Seconds(70);
};

// How things stand with one group; the caller counts.
struct GroupState {
  GroupId id;
  uint64_t bytes = 0;
  // Of them on our disk; all of them: we have it.
  uint64_t held = 0;
  // The least of its pieces, without us and other members.
  int organic = 0;
  int verified = 0;
  // Other members that say that they have all of it.
  int members = 0;
  // Whether those whom we are connected to have what we lack.
  bool obtainable = false;
  // Placement says that we are to have it.
  bool assigned = true;
  // What the torrent's policy says: stays in any case; may be lost.
  bool pinned = false;
  bool may_lose = false;
  // It does not go at this moment, whatever else speaks for it: other S-trackers rely on it, or
  // have not promised to keep theirs.
  bool stays = false;
  // How much it is wanted: 1 for nobody asked, more for each request.
  double demand = 1;
  // That one organic holder leaves within `reaction` (Lifetimes).
  double chance_to_leave = 0.01;

  bool complete() const { return held >= bytes; }
};

enum class Decision { kKeep, kFetch, kDrop, kWait };
enum class Why {
  kLastCopy,       // kept: nobody else has it
  kPinned,         // kept or fetched: the operator wants it
  kAssigned,       // kept or fetched: it is our share
  kTooFewHolders,  // kept: not enough verified holders, or not for long enough
  kRoomEnough,     // kept: nothing has to go
  kRare,           // fetched: organic availability fell to the low mark
  kOthersKeepIt,   // dropped, or not fetched: enough others have it
  kMembersKeepIt,  // dropped: as many other S-trackers have it as shall, and promise to keep it
  kOthersShare,    // not fetched: other S-trackers are to have it
  kNoRoom,         // not fetched: nothing that is worth less may go
  kNobodyHasIt,    // not fetched: those who are there do not have it
  kMayBeLost,      // dropped although nobody else has it: so says its policy
};
std::string ToString(Decision decision);
std::string ToString(Why why);

struct Verdict {
  GroupId id;
  Decision decision = Decision::kKeep;
  Why why = Why::kAssigned;
  // What we lower the chance of loss by, times demand, a GiB.
  double value = 0;
  // Holders that are there and showed that they have it.
  int verified = 0;
};

struct Plan {
  // In the order of `groups`.
  std::vector<Verdict> verdicts;
  uint64_t fetch_bytes = 0;
  uint64_t drop_bytes = 0;
};

class Keeper {
 public:
  static constexpr absl::Duration kPeriod = absl::Seconds(60);
  // What is fetched in place of something has to be worth so many times as much.
  static constexpr double kBetter = 2;
  // How common a group usually is, is a geometric mean over so long.
  static constexpr absl::Duration kUsually = absl::Hours(4);

  explicit Keeper(const KeeperOptions& options) : options_(options) {}

  void SetOptions(const KeeperOptions& options) { options_ = options; }
  const KeeperOptions& options() const { return options_; }

  // `used` are bytes on disk, with what is being fetched. The same answer for the same input: call
  // it for a dry run as often as you like; `Note` is what time does.
  Plan Decide(Instant now, const std::vector<GroupState>& groups, uint64_t used) const;
  // Takes notice of how things stand: since when a group could go. Before each Decide.
  void Note(Instant now, const std::vector<GroupState>& groups);
  // It went, by our plan: it comes back at the low mark only.
  void NoteDropped(const GroupId& group) { dropped_.insert(group); }
  void Forget(const torrent::InfoHash& torrent);

  // Whether enough others than S-trackers hold it for it to go.
  bool SafeByHolders(const GroupState& group) const;
  // `organic` copies are counted on.
  static double ValueOf(const GroupState& group, double organic);

 private:
  class Planner;
  double CountedOn(const GroupState& group) const;
  bool Safe(const GroupState& group) const;
  bool MayGo(Instant now, const GroupState& group) const;

  KeeperOptions options_;
  struct Usual {
    double log = 0;   // of the copies and one
    double last = 0;  // the same, since `at`
    Instant at;
  };
  std::map<GroupId, Instant> safe_since_;
  std::map<GroupId, Usual> usual_;
  std::set<GroupId> dropped_;
};

}  // namespace p2pd::archive
