#include "libcore/store/careful_get.h"

#include <algorithm>
#include <utility>

#include "libcore/store/doubt.h"

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

// A denial is what liars can do best, and honest readers seldom hear: one in ten asks twice.
constexpr double kSparseDenial = 1.5;

// Those who answered, and stand `sparse` times farther apart than others, cannot be the ones that
// keep this place.
bool Implausible(const Carrier& carrier, const GetVoices& voices, bool denial, double sparse) {
  constexpr size_t kKnown = 4;
  const auto& [place, keepers, left_out] = voices;
  // Hardly anybody but many of one network, as no replica set is.
  const bool crowd = left_out > 0 && keepers.size() < overlay::kFewestForDensity;
  return crowd || FarApart(carrier, place, keepers, sparse) ||
         // The nearest by round trip are some of the eight.
         ((denial || !Agree(carrier, place, keepers)) &&
          overlay::Omits(place, keepers, carrier.Nearest(place, kKnown))) ||
         (denial && MostMissing(carrier, place, keepers));
}

bool Implausible(const Carrier& carrier, const GetResult& result, double sparse_denial) {
  if (result.status.ok()) {
    return Implausible(carrier, result.voices.back(), false, overlay::kSparse);
  }
  return std::any_of(result.voices.begin(), result.voices.end(), [&](const GetVoices& v) {
    return Implausible(carrier, v, true, sparse_denial);
  });
}

Key PlaceOfPlan(const GetPlan& plan) {
  return plan.second_place ? SecondPlace(plan.key) : plan.key;
}

}  // namespace

CarefulGet::Leg::Leg(GetPlan plan, Counters& counters, size_t first_way)
    : survey(PlaceOfPlan(plan), plan.kind, first_way), get(std::move(plan), counters) {}

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
  return !Implausible(carrier, result, kSparseDenial);
}

// By whom it was asked last, at all its places.
bool CarefulGet::Denied(const Carrier& carrier) const {
  const double sparse = rounds_ < kRounds ? kSparseDenial : kSparseAtLast;
  const auto denied = [&](const std::optional<GetResult>& result) {
    return result && absl::IsNotFound(result->status) && !Implausible(carrier, *result, sparse);
  };
  if (denied(first_.result())) return true;
  return !legs_.empty() && std::all_of(legs_.begin(), legs_.end(),
                                       [&](const Leg& leg) { return denied(leg.get.result()); });
}

void CarefulGet::Doubt(Instant now, Carrier& carrier) {
  counters_.Add("store.gets_doubted");
  const size_t first_way = rounds_++ * Survey::kWays;
  for (const Leg& leg : legs_) Merge(leg.get.Heard(), heard_, true);
  legs_.clear();
  GetPlan plan = plan_;
  plan.thorough = true;
  plan.timeout = kSecondTimeout;
  legs_.emplace_back(plan, counters_, first_way);
  if (!plan_.kind || HasSecondPlace(*plan_.kind)) {
    plan.second_place = true;
    legs_.emplace_back(plan, counters_, first_way);
  }
  for (Leg& leg : legs_) {
    leg.get.Start(now, carrier);
    leg.survey.Start(now, carrier);
  }
  // Who named a version has to bring it.
  legs_.front().get.Widen(now, carrier, first_.Debtors(), false);
}

void CarefulGet::Step(Instant now, Carrier& carrier) {
  if (result_) return;
  if (first_.result()) {
    // Even while somebody else is asked: it was only slow.
    if (Believed(carrier, *first_.result())) return Finish(carrier);
    if (legs_.empty()) Doubt(now, carrier);
  }
  if (legs_.empty()) return;
  for (Leg& leg : legs_) {
    if (leg.surveyed || !leg.survey.done()) continue;
    leg.surveyed = true;
    leg.get.Widen(now, carrier, leg.survey.Keepers(), true);
  }
  const std::optional<GetResult>& at_first = legs_.front().get.result();
  if (at_first && at_first->status.ok()) return Finish(carrier);
  for (const Leg& leg : legs_) {
    if (!leg.get.result()) return;
    if (leg.get.result()->status.ok()) return Finish(carrier);
  }
  // The first may yet bring it.
  if (!first_.result()) return;
  if (Denied(carrier) || rounds_ >= kRounds) return Finish(carrier);
  Doubt(now, carrier);
}

void CarefulGet::OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply) {
  if (result_) return;
  bool surveyed = false;
  for (Leg& leg : legs_) {
    if (!leg.survey.OnReply(reply)) continue;
    surveyed = true;
    leg.get.Learn(wall, reply);  // late, but it counts
  }
  if (!surveyed) {
    first_.OnReply(now, wall, carrier, reply);
    for (Leg& leg : legs_) leg.get.OnReply(now, wall, carrier, reply);
  }
  Step(now, carrier);
}

void CarefulGet::OnFound(Instant now, Carrier& carrier, overlay::RequestId id,
                         std::vector<NearReplica> near) {
  if (result_) return;
  first_.OnFound(now, carrier, id, std::move(near));
  Step(now, carrier);
}

void CarefulGet::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id,
                          const absl::Status& status) {
  if (result_) return;
  bool surveyed = false;
  for (Leg& leg : legs_) surveyed = leg.survey.OnFailed(id) || surveyed;
  if (!surveyed) {
    first_.OnFailed(now, carrier, id, status);
    for (Leg& leg : legs_) leg.get.OnFailed(now, carrier, id, status);
  }
  Step(now, carrier);
}

void CarefulGet::OnTimeout(Instant now, Carrier& carrier) {
  if (result_) return;
  first_.OnTimeout(now, carrier);
  for (Leg& leg : legs_) {
    leg.survey.OnTimeout(now);
    leg.get.OnTimeout(now, carrier);
  }
  if (!first_.result() && legs_.empty() && now >= hedge_) Doubt(now, carrier);
  Step(now, carrier);
}

std::optional<Instant> CarefulGet::PollTimeout() const {
  if (result_) return std::nullopt;
  std::optional<Instant> next = first_.PollTimeout();
  if (legs_.empty()) return Earliest(next, hedge_);
  for (const Leg& leg : legs_) {
    next = Earliest(next, Earliest(leg.survey.PollTimeout(), leg.get.PollTimeout()));
  }
  return next;
}

void CarefulGet::Finish(const Carrier& carrier) {
  // The answer of the first place is the answer, if there is one.
  const GetResult* base = nullptr;
  for (const Leg& leg : legs_) {
    const std::optional<GetResult>& result = leg.get.result();
    if (result && (base == nullptr || (!base->status.ok() && result->status.ok()))) {
      base = &*result;
    }
  }
  const GetResult* first = first_.result() ? &*first_.result() : nullptr;
  GetResult out = base != nullptr ? *base : *first;
  if (base != nullptr && base != &*legs_.front().get.result() && out.status.ok()) {
    out.heal_first_place = true;
  }
  if (base != nullptr && first != nullptr && first->status.ok()) {
    Merge(first->objects, out.objects, true);
    out.status = absl::OkStatus();
    if (!out.from) out.from = first->from;
  }
  // What came and was not the answer yet is newer all the same.
  Merge(first_.Heard(), out.objects, false);
  Merge(heard_, out.objects, false);
  for (const Leg& leg : legs_) Merge(leg.get.Heard(), out.objects, false);
  // Nobody but those who are hard to believe was heard.
  if (absl::IsNotFound(out.status) && !Denied(carrier)) {
    out.status = absl::UnavailableError("only nodes that are not near the key deny it");
  }
  result_ = std::move(out);
}

}  // namespace p2pd::store
