// Liveness: notices neighbours that are gone. Any packet counts as a sign of life; who is silent
// for an interval is pinged; who lets the first timeout pass is a suspect, and dead after three
// probes.
//
// Rules: immediate leaf neighbours every 5 s, the others at an interval that adapts itself between
// 5 and 60 s so that at most 2 % of checks find a corpse. A suspicion makes us ask all leaves that
// were silent for a second, since machines fail together. Threads: one owner. Sources: Castro et
// al. 2004 §3.2 (probing), design §3.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/ring.h"

namespace p2pd::overlay {

class Liveness {
 public:
  static constexpr absl::Duration kNeighbourInterval = absl::Seconds(5);
  static constexpr absl::Duration kMinInterval = absl::Seconds(5);
  static constexpr absl::Duration kMaxInterval = absl::Seconds(60);
  static constexpr absl::Duration kFirstInterval = absl::Seconds(20);
  // How often the silent are looked for.
  static constexpr absl::Duration kCheck = absl::Seconds(1);
  // Probes wait this long or the timeout, whichever is more, then twice, then four times as long:
  // 2.1 s in all; a machine that swaps or compiles is not dead.
  static constexpr absl::Duration kFirstProbe = absl::Milliseconds(300);
  static constexpr int kProbes = 3;
  // Whom to ask when somebody else is suspected.
  static constexpr absl::Duration kFresh = absl::Seconds(1);

  Liveness(LinkTable& links, Ring& ring, Rng& rng, Counters& counters)
      : links_(links), ring_(ring), rng_(rng), counters_(counters) {}

  void Start(Instant now) { next_check_ = now + kCheck; }
  // A packet to this neighbour was not acknowledged in time, or somebody says that it is gone.
  void Suspect(Instant now, const NodeId& id);
  void Forget(const NodeId& id);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  // Neighbours found dead, in the order of finding.
  std::optional<NodeId> PollDead();
  // Suspects that turned out to live.
  std::optional<NodeId> PollCleared();

 private:
  struct Probe {
    Instant since;
    Instant next;
    int sent = 0;
  };
  void PingSilent(Instant now);
  void StepProbe(Instant now, const NodeId& id);

  LinkTable& links_;
  Ring& ring_;
  Rng& rng_;
  Counters& counters_;
  std::optional<Instant> next_check_;
  std::optional<Instant> asked_all_;
  absl::Duration interval_ = kFirstInterval;
  std::map<NodeId, Probe> probes_;
  std::deque<NodeId> dead_;
  std::deque<NodeId> cleared_;
};

}  // namespace p2pd::overlay
