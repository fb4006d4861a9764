// Liveness: notices neighbours that are gone. Any packet counts as a sign of life; who is silent
// for an interval is pinged; who lets the first timeout pass is a suspect, and dead after two or
// three probes.
//
// Rules: who stands beside us in the ring every 5 s, up to 15 s where nobody came or went for long,
// since both sides of a corpse tell all its other leaves; the first choice of each table slot at an
// interval that adapts itself between 5 and 60 s so that a first hop fails at most 2 % of the time,
// but no oftener than kShare of the maintenance budget pays for; other leaves half as often, second
// choices a quarter as often. A suspicion makes us ask the leaves beside the suspect, if they were
// silent for a second, since machines fail together; who is silent there leads to the next. With
// the last probe of a leaf whom nobody else misses goes a ping through a third (detours.h).
// Threads: one owner. Sources: Castro et al. 2004 §3.2 (probing), design §3.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/ring.h"

namespace p2pd::overlay {

class Detours;

class Liveness {
 public:
  static constexpr absl::Duration kNeighbourInterval = absl::Seconds(5);
  static constexpr absl::Duration kMinInterval = absl::Seconds(5);
  static constexpr absl::Duration kMaxInterval = absl::Seconds(60);
  static constexpr absl::Duration kFirstInterval = absl::Seconds(20);
  // A corpse is used for half an interval in the mean, so 4 % of the checks may find one.
  static constexpr double kCorpses = 0.04;
  static constexpr absl::Duration kMinLeafInterval = absl::Seconds(20);
  // Where the leaf set did not change for so long, neighbours are checked half as often, after
  // twice as long a third as often: the next death is as far off as the last.
  static constexpr absl::Duration kCalm = absl::Minutes(5);
  static constexpr int kMostCalm = 3;
  // Below what makes the other side close an idle link (LinkTable::kIdleLifetime).
  static constexpr absl::Duration kMaxBackupInterval = absl::Minutes(2);
  // Probes wait this long or the timeout, whichever is more, then twice, then four times as long:
  // 2.1 s in all; a machine that swaps or compiles is not dead. Two, 0.9 s, where somebody else
  // says so too, and for an entry of the table: another one serves as well there.
  static constexpr absl::Duration kFirstProbe = absl::Milliseconds(300);
  static constexpr int kProbes = 3;
  static constexpr int kShortProbes = 2;
  // Whom to ask when somebody else is suspected.
  static constexpr absl::Duration kFresh = absl::Seconds(1);

  // What one check costs of our bytes and the other side's, and how much of the maintenance budget
  // checks of the prefix table may take.
  static constexpr double kPingBytes = 130;
  static constexpr double kShare = 0.15;

  Liveness(double bytes_per_second, LinkTable& links, Ring& ring, Rng& rng, Counters& counters)
      : links_(links),
        ring_(ring),
        rng_(rng),
        counters_(counters),
        ping_bytes_(kShare * bytes_per_second) {}

  // Outlives it; without them only our own way to a suspect counts.
  void SetDetours(Detours& detours) { detours_ = &detours; }
  void Start(Instant now);
  // A packet to this neighbour was not acknowledged in time.
  void Suspect(Instant now, const NodeId& id);
  // Somebody says that it is gone: checked unless we heard it within kFresh.
  void OnReport(Instant now, const NodeId& id);
  void Forget(const NodeId& id);
  void OnLeafSetChanged(Instant now);
  // 1..kMostCalm: by how much things may be looked after less often.
  int Calm(Instant now) const;
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  // How many nodes a table slot is worth: three where neighbours stay, one where they die within
  // minutes.
  size_t TableWidth() const;
  // Neighbours found dead, in the order of finding.
  std::optional<NodeId> PollDead();
  // Suspects that turned out to live.
  std::optional<NodeId> PollCleared();

 private:
  struct Probe {
    Instant since;
    Instant next;
    int sent = 0;
    int limit = kProbes;
    bool reported = false;  // somebody else says that it is gone, too
  };
  // Takes up who is new in the ring and forgets who left it.
  void Follow(Instant now);
  // It stands beside us in the ring.
  bool IsBeside(const NodeId& id) const;
  absl::Duration IntervalOf(Instant now, const NodeId& id) const;
  // Returns when it is to be checked again.
  Instant Check(Instant now, const NodeId& id);
  // False when it is being probed already, or has no link.
  bool StartProbing(Instant now, const NodeId& id, int limit);
  void StepProbe(Instant now, const NodeId& id);
  // Before the last word on a leaf another one is asked: it may be our own link that is broken.
  void AskRound(const NodeId& id, const Probe& probe);
  // It is linked and was not heard for so long.
  bool SilentFor(Instant now, const NodeId& id, absl::Duration span) const;
  // Pings a leaf that was silent for kFresh.
  void AskAgain(Instant now, const NodeId& id);

  LinkTable& links_;
  Ring& ring_;
  Rng& rng_;
  Counters& counters_;
  Detours* detours_ = nullptr;
  bool started_ = false;
  Instant changed_;  // the leaf set
  uint64_t ring_version_ = 0;
  using NextCheck = std::pair<Instant, NodeId>;
  std::vector<NextCheck> checks_;  // a heap, soonest first, one of each of followed_
  std::vector<NodeId> followed_;   // in the order of ids
  double ping_bytes_;
  absl::Duration affordable_;
  absl::Duration interval_ = kFirstInterval;
  std::map<NodeId, Probe> probes_;
  std::deque<NodeId> dead_;
  std::deque<NodeId> cleared_;
};

}  // namespace p2pd::overlay
