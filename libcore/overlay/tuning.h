// Tuning: fills and betters the prefix table in the background.
//
// Near tuning asks a neighbour for its row and looks at the holes and at one more; far tuning looks
// up a random key of a random row, which samples the whole ring. A node that is found replaces
// another only when it is 10 % nearer. Five times faster in the first two minutes. Both are paid
// from the maintenance budget and idle while the leaf set is the whole ring, where there is nothing
// to find. Threads: one owner. Source: Rhea et al. 2004 §4.4 (same techniques, 10 s and 20 s).
#pragma once

#include <map>
#include <optional>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/exchange.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/membership.h"
#include "libcore/overlay/ring.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Tuning {
 public:
  static constexpr absl::Duration kNear = absl::Seconds(15);
  static constexpr absl::Duration kFar = absl::Seconds(30);
  static constexpr absl::Duration kYoung = absl::Minutes(2);
  static constexpr int kYoungFactor = 5;
  // Where hints name everybody, requests go past the prefix table: it is the way out when they
  // fail, and is looked after so much less often.
  static constexpr int kRestFactor = 4;
  static constexpr absl::Duration kLookupTimeout = absl::Seconds(4);
  // What one step costs in bytes on the wire, both ways, with one handshake: measured on the
  // simulated network, rounded up.
  static constexpr double kNearCost = 3000;
  static constexpr double kFarCost = 2500;
  // Of the maintenance budget.
  static constexpr double kShare = 0.1;
  // Entries in an answer.
  static constexpr int kMaxRow = 48;

  // `bytes_per_second` is clamped to 100..4,000 (design §3).
  Tuning(double bytes_per_second, LinkTable& links, Ring& ring, Membership& membership,
         Exchange& exchange, Rng& rng, Counters& counters);

  void SetSelf(const NodeRecord& self) { self_ = self; }
  void Start(Instant now);
  void Stop();
  // The hints cover the whole ring, or do no more.
  void SetRest(bool rest) { rest_ = rest; }
  // Steps are so many times rarer (Liveness::Calm).
  void SetCalm(int calm) { calm_ = calm; }
  void OnRowQuery(Instant now, const NodeId& from, const wire::v1::RowQuery& query);
  void OnRowList(Instant now, const NodeId& from, const wire::v1::RowList& list);
  // True when the response or failure belongs to a lookup of ours.
  bool OnResponse(Instant now, const Response& response);
  bool OnRequestFailed(const RequestFailed& failed);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

 private:
  void StepNear(Instant now);
  void StepFar(Instant now);
  // 0..highest filled row, low rows likelier: weights L, L-1, …, 1.
  int PickRow();
  absl::Duration Period(Instant now, absl::Duration mean);

  LinkTable& links_;
  Ring& ring_;
  Membership& membership_;
  Exchange& exchange_;
  Rng& rng_;
  Counters& counters_;
  TokenBucket budget_;
  std::optional<NodeRecord> self_;
  Instant started_;
  bool rest_ = false;
  int calm_ = 1;
  std::optional<Instant> next_near_;
  std::optional<Instant> next_far_;
  std::map<NodeId, int> asked_;  // whose row we asked for
  std::map<RequestId, Instant> lookups_;
};

}  // namespace p2pd::overlay
