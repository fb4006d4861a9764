// Shares: which groups of pieces are ours to keep among the S-trackers that share the work, and
// what they and we promised about the rest.
//
// Rules: a group is kept by the first `copies` members in the order of its placement, where who has
// no room and does not hold it is passed by. Nobody drops what another only says that it holds: he
// asks the holders for a promise first. A holder that means to drop the group itself promises
// nothing, and whoever promised keeps the group for kPromise, so that of two who rely on each other
// one at least keeps it, whatever each believes about who is there. Threads: one owner. Limits:
// kMaxPromises.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "libcore/archive/fellows.h"
#include "libcore/archive/keeper.h"
#include "libcore/base/time.h"

namespace p2pd::archive {

class Shares {
 public:
  // Of ours, from the moment we gave it.
  static constexpr absl::Duration kPromise = absl::Minutes(10);
  // Of others: dropped later than that would be near the end of what they promised, their clock's
  // drift and the way back included.
  static constexpr absl::Duration kFresh = absl::Seconds(30);
  // Who asked others for a promise gives none himself for so long, which outlives kFresh, and asks
  // again after the keeper's period only: two who would drop the same take turns.
  static constexpr absl::Duration kLeaving = absl::Seconds(40);
  static constexpr size_t kMaxPromises = 1'000'000;

  // `copies` of each group, or as many as there are members.
  explicit Shares(int copies) : copies_(copies) {}

  // nullptr: alone, and everything is ours. Outlives it.
  void SetFellows(const Fellows* fellows) { fellows_ = fellows; }
  const Fellows* fellows() const { return fellows_; }
  bool together() const { return fellows_ != nullptr; }

  // Of all groups of one torrent in their order: whose they are, and how many others hold each.
  void Fill(const torrent::InfoHash& torrent, std::vector<GroupState>& groups) const;
  // How many others say that they hold each of `groups` groups.
  std::vector<int> Held(const torrent::InfoHash& torrent, size_t groups) const;
  std::vector<MemberId> HoldersOf(const GroupId& group) const;

  // We mean to drop it, and ask.
  void Leave(Instant now, const GroupId& group);
  bool Asked(Instant now, const GroupId& group) const;
  // So many promised when we asked.
  void NotePromises(Instant now, const GroupId& group, int promises);
  // Enough did, and lately.
  bool Relied(Instant now, const GroupId& group) const;
  // Another asks us, and we hold it.
  bool Promise(Instant now, const GroupId& group);
  bool Promised(Instant now, const GroupId& group) const;

  void Forget(const torrent::InfoHash& torrent) { orders_.erase(torrent); }
  // What is over goes.
  void OnTimeout(Instant now);

 private:
  // The first members of each group's placement, as indices into Fellows::Present.
  struct Order {
    uint64_t generation = 0;
    size_t depth = 0;
    std::vector<uint8_t> members;
  };
  const Order& OrderOf(const torrent::InfoHash& torrent, size_t groups) const;
  struct Leaving {
    Instant at;
    int promises = 0;
  };

  const int copies_;
  const Fellows* fellows_ = nullptr;
  // What Place says costs a hash a member: it is remembered until the members change.
  mutable std::map<torrent::InfoHash, Order> orders_;
  std::map<GroupId, Leaving> leaving_;
  std::map<GroupId, Instant> promised_;  // until when
};

}  // namespace p2pd::archive
