#include "libcore/overlay/tuning.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr double kMinBudget = 100;
constexpr double kMaxBudget = 4000;
// A node that idled may catch up with this many seconds' worth at once.
constexpr double kBurstSeconds = 60;

}  // namespace

Tuning::Tuning(double bytes_per_second, LinkTable& links, Ring& ring, Membership& membership,
               Exchange& exchange, Rng& rng, Counters& counters)
    : links_(links),
      ring_(ring),
      membership_(membership),
      exchange_(exchange),
      rng_(rng),
      counters_(counters),
      budget_(
          kShare * std::clamp(bytes_per_second, kMinBudget, kMaxBudget),
          std::max(kShare * std::clamp(bytes_per_second, kMinBudget, kMaxBudget) * kBurstSeconds,
                   kNearCost)) {}

void Tuning::Start(Instant now) {
  started_ = now;
  next_near_ = now + Period(now, kNear);
  next_far_ = now + Period(now, kFar);
}

void Tuning::Stop() {
  next_near_.reset();
  next_far_.reset();
}

absl::Duration Tuning::Period(Instant now, absl::Duration mean) {
  if (now - started_ < kYoung) return rng_.Jitter(mean / kYoungFactor);
  return rng_.Jitter(mean * calm_ * (rest_ ? kRestFactor : 1));
}

int Tuning::PickRow() {
  const std::vector<int> rows = ring_.table().Rows();
  const int levels = rows.empty() ? 1 : rows.back() + 1;
  auto ticket =
      static_cast<int>(rng_.Below(static_cast<uint64_t>(levels) * (uint64_t(levels) + 1) / 2));
  for (int row = 0; row < levels; ++row) {
    ticket -= levels - row;
    if (ticket < 0) return row;
  }
  return 0;
}

void Tuning::StepNear(Instant now) {
  next_near_ = now + Period(now, kNear);
  // Round trips change; the order in the slots follows.
  std::vector<NodeId> members;
  for (const RoutingTable::Entry* entry : ring_.table().All()) {
    members.push_back(entry->record.id());
  }
  for (const NodeId& id : members) ring_.Refresh(id);
  if (ring_.leaves().Whole() || !ring_.active()) return;
  const int row = PickRow();
  const std::vector<const RoutingTable::Entry*> entries = ring_.table().Row(row);
  if (entries.empty()) return;
  if (!budget_.TryTake(now, kNearCost)) {
    counters_.Add("overlay.tuning_postponed");
    return;
  }
  const NodeId to = entries[rng_.Below(entries.size())]->record.id();
  asked_[to] = row;
  wire::v1::OverlayMessage message;
  message.mutable_row_query()->set_row(static_cast<uint32_t>(row));
  links_.Send(now, to, Purpose::kTable, SerializeProto(message));
}

void Tuning::OnRowQuery(Instant now, const NodeId& from, const wire::v1::RowQuery& query) {
  if (query.row() >= static_cast<uint32_t>(kDigits)) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  wire::v1::OverlayMessage message;
  wire::v1::RowList* list = message.mutable_row_list();
  list->set_row(query.row());
  for (const RoutingTable::Entry* entry : ring_.table().Row(static_cast<int>(query.row()))) {
    if (entry->record.id() == from || list->members_size() >= kMaxRow) continue;
    list->add_members(Head(entry->record.id()));
  }
  links_.Send(now, from, Purpose::kTable, SerializeProto(message));
}

void Tuning::OnRowList(Instant now, const NodeId& from, const wire::v1::RowList& list) {
  if (asked_.erase(from) == 0 || list.members_size() > kMaxRow) {
    counters_.Add("overlay.dropped_unasked_row");
    return;
  }
  membership_.OfferHeads(now, from, list.members(), true);
}

void Tuning::StepFar(Instant now) {
  next_far_ = now + Period(now, kFar);
  if (ring_.leaves().Whole() || !ring_.active()) return;
  if (!budget_.TryTake(now, kFarCost)) {
    counters_.Add("overlay.tuning_postponed");
    return;
  }
  const int row = PickRow();
  // Our own prefix, then chance.
  Key key = rng_.Make<Key>();
  for (int i = 0; i < row; ++i) {
    const auto index = static_cast<size_t>(i / 2);
    const int shift = i % 2 == 0 ? 4 : 0;
    uint8_t& byte = key.mutable_view()[index];
    byte = static_cast<uint8_t>((byte & ~(15 << shift)) | (Digit(self_->id(), i) << shift));
  }
  Exchange::RouteCall call;
  call.key = key;
  call.payload = SerializeProto(wire::v1::OverlayProbe());
  call.options.timeout = kLookupTimeout;
  lookups_[exchange_.Route(now, std::move(call))] = now;
}

bool Tuning::OnResponse(Instant now, const Response& response) {
  if (lookups_.erase(response.id) == 0) return false;
  membership_.Offer(now, response.from, true);
  return true;
}

bool Tuning::OnRequestFailed(const RequestFailed& failed) { return lookups_.erase(failed.id) != 0; }

void Tuning::OnTimeout(Instant now) {
  if (next_near_ && *next_near_ <= now) StepNear(now);
  if (next_far_ && *next_far_ <= now) StepFar(now);
}

std::optional<Instant> Tuning::PollTimeout() const { return Earliest(next_near_, next_far_); }

}  // namespace p2pd::overlay
