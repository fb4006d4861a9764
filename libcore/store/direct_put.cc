#include "libcore/store/direct_put.h"

#include <algorithm>
#include <utility>

#include "libcore/store/doubt.h"

namespace p2pd::store {
namespace {

// The answer is a few bytes.
constexpr size_t kAnswerPadding = 100;
// A letter may need a second round trip, and its receiver a moment.
constexpr double kPatience = 3;

}  // namespace

DirectPut::DirectPut(const Key& place, const Object& object, size_t wanted, size_t first_way)
    : place_(place), wanted_(wanted), survey_(place, std::nullopt, first_way) {
  survey_.Have(object);
  request_.mutable_replicate()->set_fresh(true);
  wire::v1::Replica& replica = *request_.mutable_replicate()->add_replicas();
  replica.set_place(place.ToString());
  replica.set_object(ToText(object.bytes()));
}

void DirectPut::Start(Instant now, Carrier& carrier) {
  deadline_ = now + kTimeout;
  for (NearReplica& near : carrier.NearReplicas(place_)) {
    if (asked_.size() >= kMaxHinted) break;
    if (!asked_.insert(near.target.head).second) continue;
    near.patience = near.patience * kPatience;
    pending_.emplace(carrier.AskNear(now, near, request_, kTimeout, kAnswerPadding),
                     near.target.head);
  }
  survey_.Start(now, carrier);
  AskKeepers(now, carrier);
}

void DirectPut::AskKeepers(Instant now, Carrier& carrier) {
  if (surveyed_ || !survey_.done()) return;
  surveyed_ = true;
  for (const overlay::NodeRecord& record : survey_.Keepers()) {
    if (!asked_.insert(overlay::Head(record.id())).second) continue;
    pending_.emplace(carrier.Ask(now, record, request_, deadline_ - now),
                     overlay::Head(record.id()));
  }
  CheckDone(carrier);
}

bool DirectPut::OnReply(Instant now, Carrier& carrier, const ReplyFrom& reply) {
  if (survey_.OnReply(reply)) {
    AskKeepers(now, carrier);
    return true;
  }
  if (pending_.erase(reply.id) == 0) return false;
  const wire::v1::ReplicateReply& answer = reply.reply.replicate();
  if (answer.statuses_size() == 1 && answer.statuses(0) != wire::v1::STORE_STATUS_NOT_HERE) {
    answers_.insert_or_assign(reply.from.id(), answer.statuses(0));
  }
  CheckDone(carrier);
  return true;
}

bool DirectPut::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id) {
  if (survey_.OnFailed(id)) {
    AskKeepers(now, carrier);
    return true;
  }
  const auto found = pending_.find(id);
  if (found == pending_.end()) return false;
  // A hint may be old: the survey may still name him.
  if (!surveyed_) asked_.erase(found->second);
  pending_.erase(found);
  CheckDone(carrier);
  return true;
}

void DirectPut::OnTimeout(Instant now, Carrier& carrier) {
  survey_.OnTimeout(now);
  AskKeepers(now, carrier);
  if (now >= deadline_) done_ = true;
}

std::optional<Instant> DirectPut::PollTimeout() const {
  if (done_) return std::nullopt;
  return Earliest(deadline_, survey_.PollTimeout());
}

void DirectPut::CheckDone(const Carrier& carrier) {
  if (surveyed_ && pending_.empty()) done_ = true;
  if (done_) return;
  const std::vector<overlay::NodeId> holders = Holders();
  // As long as somebody nearer may answer, more than it takes.
  done_ = holders.size() >= std::min(wanted_ + 1, kReplicas) && !FarApart(carrier, place_, holders);
}

std::vector<std::pair<overlay::NodeId, StoreStatus>> DirectPut::Nearest() const {
  std::vector<std::pair<overlay::NodeId, StoreStatus>> out(answers_.begin(), answers_.end());
  std::sort(out.begin(), out.end(), [this](const auto& a, const auto& b) {
    return overlay::Nearer(place_, a.first, b.first);
  });
  if (out.size() > kReplicas) out.resize(kReplicas);
  return out;
}

std::vector<overlay::NodeId> DirectPut::Holders() const {
  std::vector<overlay::NodeId> out;
  for (const auto& [id, status] : Nearest()) {
    if (status == wire::v1::STORE_STATUS_OK) out.push_back(id);
  }
  return out;
}

size_t DirectPut::Replicas() const { return std::min(answers_.size(), kReplicas); }

std::optional<StoreStatus> DirectPut::Refusal() const {
  std::map<StoreStatus, size_t> counts;
  for (const auto& [id, status] : Nearest()) {
    if (status != wire::v1::STORE_STATUS_OK && ++counts[status] >= kRefusals) return status;
  }
  return std::nullopt;
}

}  // namespace p2pd::store
