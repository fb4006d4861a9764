// AntiEntropy: keeps the copies of this node and its neighbours alike. One neighbour at a time is
// asked whether both hold the same; what one of the two lacks or has in an older version is given.
//
// Rules: digests first, names of rows where digests differ, objects last. A round that moved
// nothing makes the next one later, from kFastest up to kSlowest; anything new, and any change of
// the leaf set, makes it fast again. Neighbours with whom our share of the ring has changed come
// first. What a neighbour refused is not offered to him again for a while. Threads: one owner.
// Limits: one comparison under way, kMaxRefused refusals remembered. Sources: Rhea et al. 2005
// (OpenDHT's replica synchronisation); design §4.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/store/carrier.h"
#include "libcore/store/replica_range.h"
#include "libcore/store/replica_server.h"

namespace p2pd::store {

class AntiEntropy {
 public:
  // Between two comparisons (design §4: one leaf every 5 s; §3: back off to 64 s).
  static constexpr absl::Duration kFastest = absl::Seconds(5);
  static constexpr absl::Duration kSlowest = absl::Seconds(64);
  // The same while the leaf set has just changed and copies are to be made.
  static constexpr absl::Duration kUrgent = absl::Milliseconds(250);
  static constexpr size_t kMaxRefused = 4096;
  static constexpr absl::Duration kRefusedFor = absl::Minutes(10);

  AntiEntropy(LocalStore& local, ReplicaServer& server, Rng& rng, Counters& counters);

  void OnLeafSetChanged(Instant now, const Carrier& carrier);
  // Something new is here.
  void OnChanged(Instant now);
  void OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  void OnFailed(Instant now, overlay::RequestId id);
  void OnTimeout(Instant now, absl::Time wall, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;

 private:
  // One comparison with one neighbour.
  struct Session {
    overlay::NodeRecord peer;
    std::deque<Arc> arcs;  // the first is being compared
    bool whole_ring = false;
    std::vector<RowSummary> ours;
    std::vector<std::pair<size_t, size_t>> chunks;  // of `ours`
    std::vector<wire::v1::RowTag> wanted;
    std::vector<RowSummary> to_give;
    std::optional<overlay::RequestId> pending;
    std::vector<uint64_t> given;  // tag of each object in the pending push
    bool moved = false;
  };

  RingView View(const Carrier& carrier) const;
  void Begin(Instant now, absl::Time wall, Carrier& carrier);
  void Compare(Instant now, absl::Time wall, Carrier& carrier);
  void OnCompared(Instant now, absl::Time wall, Carrier& carrier,
                  const wire::v1::CompareReply& reply);
  void Pull(Instant now, absl::Time wall, Carrier& carrier);
  void OnPulled(Instant now, absl::Time wall, Carrier& carrier, const wire::v1::PullReply& reply);
  void Give(Instant now, absl::Time wall, Carrier& carrier);
  void OnGiven(Instant now, absl::Time wall, Carrier& carrier,
               const wire::v1::ReplicateReply& reply);
  void End(Instant now, bool completed);
  std::optional<overlay::NodeRecord> NextPeer(const Carrier& carrier);
  void RememberRefused(Instant now, const overlay::NodeId& peer, uint64_t tag);
  bool IsRefused(Instant now, const overlay::NodeId& peer, uint64_t tag) const;

  LocalStore& local_;
  ReplicaServer& server_;
  Rng& rng_;
  Counters& counters_;
  absl::Duration interval_ = kFastest;
  std::optional<Instant> next_;
  std::deque<overlay::NodeId> urgent_;
  std::deque<overlay::NodeId> round_;
  std::map<overlay::NodeId, std::vector<Arc>> shared_;
  std::map<std::pair<overlay::NodeId, uint64_t>, Instant> refused_;
  std::optional<Session> session_;
};

}  // namespace p2pd::store
