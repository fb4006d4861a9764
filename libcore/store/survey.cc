#include "libcore/store/survey.h"

#include <algorithm>
#include <set>

namespace p2pd::store {

void Survey::Start(Instant now, Carrier& carrier) {
  started_ = true;
  deadline_ = now + kTimeout;
  if (auto known = carrier.ReplicaSet(place_)) {
    answers_.push_back(*std::move(known));
    done_ = true;
    return;
  }
  StoreRequest request;
  wire::v1::GetRequest& get = *request.mutable_get();
  get.set_place(place_.ToString());
  if (kind_) get.add_kinds(*kind_);
  get.set_max_bytes(static_cast<uint32_t>(kMaxRoutedAnswer));
  get.set_want_replicas(true);
  if (have_) {
    wire::v1::RowName& name = *get.add_have();
    name.set_kind(have_->kind());
    name.set_slot(ToText(have_->slot()));
    name.set_sequence(have_->sequence().value());
  }
  overlay::RouteOptions options;
  options.timeout = kTimeout;
  options.any_replica = true;
  // Whom hints name is asked beside.
  options.prompt = false;
  for (size_t way = 0; way < kWays; ++way) {
    options.way = first_way_ + way;
    pending_.emplace(carrier.Route(now, place_, request, options), way);
  }
}

bool Survey::OnReply(const ReplyFrom& reply) {
  if (pending_.erase(reply.id) == 0) return false;
  std::vector<overlay::NodeRecord> named = {reply.from};
  for (const std::string& bytes : reply.reply.get().replicas()) {
    const auto record = overlay::NodeRecord::Parse(AsBytes(bytes));
    if (record) named.push_back(*record);
  }
  std::sort(named.begin(), named.end(),
            [this](const overlay::NodeRecord& a, const overlay::NodeRecord& b) {
              return overlay::Nearer(place_, a.id(), b.id());
            });
  if (named.size() > kMaxPerAnswer) {
    named.erase(named.begin() + static_cast<std::ptrdiff_t>(kMaxPerAnswer), named.end());
  }
  answers_.push_back(std::move(named));
  CheckDone();
  return true;
}

bool Survey::OnFailed(overlay::RequestId id) {
  if (pending_.erase(id) == 0) return false;
  CheckDone();
  return true;
}

void Survey::CheckDone() { done_ = done_ || pending_.empty() || answers_.size() >= kEnough; }

void Survey::OnTimeout(Instant now) {
  if (started_ && now >= deadline_) done_ = true;
}

std::optional<Instant> Survey::PollTimeout() const {
  if (!started_ || done_) return std::nullopt;
  return deadline_;
}

std::vector<overlay::NodeRecord> Survey::Keepers() const {
  std::vector<overlay::NodeRecord> out;
  std::set<overlay::NodeId> taken;
  for (size_t i = 0; i < kMaxPerAnswer; ++i) {
    for (const auto& answer : answers_) {
      if (i >= answer.size() || out.size() >= kMaxKeepers) continue;
      if (taken.insert(answer[i].id()).second) out.push_back(answer[i]);
    }
  }
  return out;
}

}  // namespace p2pd::store
