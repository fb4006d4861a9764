#include "libcore/store/careful_get.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/density.h"

namespace p2pd::store {
namespace {

// The newer of each slot, and with `all` those of slots that are missing.
void Merge(const std::vector<Object>& from, std::vector<Object>& into, bool all) {
  for (const Object& object : from) {
    const auto same = std::find_if(into.begin(), into.end(), [&](const Object& other) {
      return other.kind() == object.kind() && other.slot() == object.slot();
    });
    if (same == into.end()) {
      if (all) into.push_back(object);
    } else if (same->sequence() < object.sequence()) {
      *same = object;
    }
  }
}

// Those who answered cannot be the ones that keep this place.
bool Implausible(const Carrier& carrier, const GetResult& result) {
  constexpr size_t kKnown = 4;
  // A denial is what liars can do best, and honest readers seldom hear: one in ten asks twice.
  constexpr double kSparseDenial = 1.5;
  const double gap = overlay::MeanGap(carrier.self().id(), carrier.LeafSet());
  const double times = result.status.ok() ? overlay::kSparse : kSparseDenial;
  // Where our own leaf set reaches, whom we met says more than how they are spread.
  const bool sparse = !carrier.ReplicaSet(result.place) &&
                      overlay::Sparse(result.place, result.keepers, gap, times);
  return sparse ||
         overlay::Omits(result.place, result.keepers, carrier.Nearest(result.place, kKnown));
}

}  // namespace

CarefulGet::CarefulGet(GetPlan plan, Counters& counters)
    : plan_(std::move(plan)), counters_(counters), first_(plan_, counters) {}

void CarefulGet::Start(Instant now, Carrier& carrier) {
  hedge_ = now + kPatience;
  first_.Start(now, carrier);
  Step(now, carrier);
}

bool CarefulGet::Believed(const Carrier& carrier, const GetResult& result) const {
  const bool ok = result.status.ok();
  if (ok && Immutable()) return true;
  if (!ok && !absl::IsNotFound(result.status)) return false;
  return !Implausible(carrier, result);
}

void CarefulGet::Doubt(Instant now, Carrier& carrier) {
  counters_.Add("store.gets_doubted");
  survey_.emplace(plan_.key, plan_.kind, rounds_++ * Survey::kWays);
  if (second_) Merge(second_->Heard(), heard_, true);
  second_.reset();
  replies_.clear();
  survey_->Start(now, carrier);
}

void CarefulGet::AskKeepers(Instant now, Carrier& carrier) {
  GetPlan plan = plan_;
  plan.replicas = survey_->Keepers();
  plan.timeout = kSecondTimeout;
  second_.emplace(std::move(plan), counters_);
  for (const ReplyFrom& reply : replies_) second_->Learn(wall_, reply);
  second_->Start(now, carrier);
}

void CarefulGet::Step(Instant now, Carrier& carrier) {
  if (result_) return;
  if (first_.result()) {
    // Even while somebody else is asked: it was only slow.
    if (Believed(carrier, *first_.result())) return Finish(carrier);
    if (!survey_) Doubt(now, carrier);
  }
  if (!survey_ || !survey_->done()) return;
  if (!second_) AskKeepers(now, carrier);
  if (!second_->result()) return;
  if (second_->result()->status.ok() || (first_.result() && rounds_ >= kRounds)) {
    return Finish(carrier);
  }
  if (Believed(carrier, *second_->result()) && first_.result()) return Finish(carrier);
  if (rounds_ < kRounds) Doubt(now, carrier);
}

void CarefulGet::OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply) {
  if (result_) return;
  if (survey_ && survey_->OnReply(reply)) {
    replies_.push_back(reply);
    wall_ = wall;
    if (second_) second_->Learn(wall, reply);  // late, but it counts
  } else {
    first_.OnReply(now, wall, carrier, reply);
    if (second_) second_->OnReply(now, wall, carrier, reply);
  }
  Step(now, carrier);
}

void CarefulGet::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id,
                          const absl::Status& status) {
  if (result_) return;
  if (!survey_ || !survey_->OnFailed(id)) {
    first_.OnFailed(now, carrier, id, status);
    if (second_) second_->OnFailed(now, carrier, id, status);
  }
  Step(now, carrier);
}

void CarefulGet::OnTimeout(Instant now, Carrier& carrier) {
  if (result_) return;
  first_.OnTimeout(now, carrier);
  if (survey_) survey_->OnTimeout(now);
  if (second_) second_->OnTimeout(now, carrier);
  if (!first_.result() && !survey_ && now >= hedge_) Doubt(now, carrier);
  Step(now, carrier);
}

std::optional<Instant> CarefulGet::PollTimeout() const {
  if (result_) return std::nullopt;
  std::optional<Instant> next = first_.PollTimeout();
  if (!survey_) return Earliest(next, hedge_);
  next = Earliest(next, survey_->PollTimeout());
  if (second_) next = Earliest(next, second_->PollTimeout());
  return next;
}

void CarefulGet::Finish(Carrier& carrier) {
  const GetResult* first = first_.result() ? &*first_.result() : nullptr;
  const GetResult* second = second_ && second_->result() ? &*second_->result() : nullptr;
  GetResult out = second != nullptr ? *second : *first;
  if (second != nullptr && first != nullptr && first->status.ok()) {
    Merge(first->objects, out.objects, true);
    out.status = absl::OkStatus();
    if (!out.from) out.from = first->from;
  }
  // What came and was not the answer yet is newer all the same.
  Merge(first_.Heard(), out.objects, false);
  Merge(heard_, out.objects, false);
  if (second_) Merge(second_->Heard(), out.objects, false);
  // Nobody but those who are hard to believe was heard.
  if (absl::IsNotFound(out.status) && Implausible(carrier, out)) {
    out.status = absl::UnavailableError("only nodes that are not near the key deny it");
  }
  result_ = std::move(out);
}

}  // namespace p2pd::store
