// PutOperation: one put, seen from who puts: to the root, again when too few copies stand; and
// to each replica itself when the root is silent, or says what cannot be so.
//
// States: locating (a large object needs the root's record first; a refresh asks whether the object
// stands there and is done when it does) → putting → waiting (before the
// next attempt) → done; beside the first two, once there is doubt, copies of our own (direct_put).
// Rules: those who say that they keep it have to be able to be the nearest (doubt.h); a refusal, or
// 'it stands', counts of those who are. Limits: kAttempts attempts, kPutTimeout in all. Threads:
// one owner.
#pragma once

#include <optional>
#include <set>

#include "absl/status/status.h"
#include "libcore/store/carrier.h"
#include "libcore/store/direct_put.h"

namespace p2pd::store {

struct PutPlan {
  Key place;
  Object object;
  int wanted = 5;
  // An owner's refresh: the replicas keep the object among themselves, and it is sent only if the
  // root has lost it.
  bool refresh = false;
};

struct PutResult {
  absl::Status status;
  int acks = 0;
  int replicas = 0;
  // Why the replicas refused; STORE_STATUS_OK when they did not.
  StoreStatus refusal = wire::v1::STORE_STATUS_OK;
  // It failed because the disk of somebody who is to keep it took nothing.
  bool disk_failed = false;
};

class PutOperation {
 public:
  static constexpr int kAttempts = 4;
  static constexpr absl::Duration kPutTimeout = absl::Seconds(12);
  // A root answers after 1.5 s with what stands; by then somebody dropped the request.
  static constexpr absl::Duration kPatience = absl::Seconds(2);

  explicit PutOperation(PutPlan plan) : plan_(std::move(plan)) {}

  void Start(Instant now, Carrier& carrier);
  void OnReply(Instant now, Carrier& carrier, const ReplyFrom& reply);
  void OnFailed(Instant now, Carrier& carrier, overlay::RequestId id, const absl::Status& status);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;
  const std::optional<PutResult>& result() const { return result_; }
  const PutPlan& plan() const { return plan_; }

 private:
  void Attempt(Instant now, Carrier& carrier);
  void OnRootReply(Instant now, Carrier& carrier, const ReplyFrom& reply);
  void OnPutReply(Instant now, Carrier& carrier, const ReplyFrom& reply);
  bool Doubtful(const Carrier& carrier, const std::vector<overlay::NodeId>& holders) const;
  void GoDirect(Instant now, Carrier& carrier);
  void JudgeDirect(Instant now, const Carrier& carrier);
  // How many copies have to stand.
  int Needed() const;
  void NoteReplicas(const Carrier& carrier, size_t claimed);
  void TryAgain(Instant now, const absl::Status& why, bool disk_failed = false);
  void Finish(absl::Status status, StoreStatus refusal);
  StoreRequest Request() const;

  PutPlan plan_;
  Instant deadline_;
  int attempts_ = 0;
  std::optional<overlay::RequestId> pending_;
  std::optional<Instant> next_attempt_;
  std::optional<DirectPut> direct_;  // while it is under way
  size_t rounds_ = 0;                // of them
  std::optional<Instant> hedge_;     // until when the root is waited for alone
  absl::Status last_;
  bool disk_failed_ = false;                         // as of `last_`
  StoreStatus refused_ = wire::v1::STORE_STATUS_OK;  // by the root, which our own copies may mend
  int best_acks_ = 0;
  int replicas_ = 0;
  std::optional<PutResult> result_;
};

}  // namespace p2pd::store
