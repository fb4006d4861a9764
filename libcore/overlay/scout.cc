#include "libcore/overlay/scout.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/density.h"
#include "libcore/overlay/table_sync.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr double kHeads = 18446744073709551616.0;  // 2^64

}  // namespace

bool Scout::Start(Instant now, RequestId id, const Key& key) {
  std::vector<NodeRecord> leaves;
  for (const auto& [leaf, record] : ring_.leaves().members()) leaves.push_back(record);
  const double gap = MeanGap(self_->id(), leaves);
  // Where a dozen nodes are half the ring, leaf sets know nearly all.
  if (leaves.empty() || gap * (kBelow + kAbove) > kWidest) return false;
  if (searches_.size() >= kMaxSearches) {
    counters_.Add("overlay.refused_searches");
    return false;
  }
  Search search;
  search.id = id;
  search.key = key;
  search.from = Head(key) - static_cast<uint64_t>(gap * kBelow * kHeads);
  search.until = Head(key) + static_cast<uint64_t>(gap * kAbove * kHeads);
  for (size_t i = 0; i < kAtOnce; ++i) AskNext(now, search);
  if (search.open.empty()) return false;
  searches_.emplace(id.value(), std::move(search));
  return true;
}

bool Scout::AskNext(Instant now, Search& search) {
  if (search.asked.size() >= kMaxAsked) return false;
  std::optional<NodeId> best;
  absl::Duration least = absl::InfiniteDuration();
  for (const NodeId& id : neighbours_.All()) {
    const bool covers = HeadDistance(Head(id), Head(search.key)) <= table_.radius();
    const auto ignorant = ignorant_.find(id);
    if (ignorant != ignorant_.end() && ignorant->second > now) continue;
    if (!covers || search.asked.count(id) != 0 || !ring_.Contains(id) || ring_.IsSuspect(id)) {
      continue;
    }
    const std::optional<absl::Duration> far = links_.RoundTripTo(id);
    if (!far || *far >= least) continue;
    best = id;
    least = *far;
  }
  if (!best) return false;
  search.asked.insert(*best);
  wire::v1::OverlayMessage message;
  wire::v1::TableQuery* query = message.mutable_table_query();
  query->set_from(search.from);
  query->set_until(search.until);
  query->set_fetch(true);
  if (!links_.Send(now, *best, Purpose::kRequest, Urgency::kReply, SerializeProto(message))) {
    return false;
  }
  search.open.insert(*best);
  search.late = std::max(search.late, now + links_.TimeoutTo(*best));
  return true;
}

bool Scout::OnTableAnswer(Instant now, const NodeId& from, const wire::v1::TableAnswer& answer) {
  const auto found = std::find_if(searches_.begin(), searches_.end(), [&](const auto& entry) {
    return entry.second.from == answer.from() && entry.second.open.count(from) != 0;
  });
  if (found == searches_.end()) return false;
  Search& search = found->second;
  search.open.erase(from);
  const auto events = ParseHintEvents(now, AsBytes(answer.events()), TableSync::kMaxAnswerEvents);
  if (!events) counters_.Add("overlay.dropped_malformed");
  std::vector<Hint> hints;
  if (events && answer.complete() &&
      HeadDistance(Head(from), Head(search.key)) <= answer.radius()) {
    const uint64_t width = ClockwiseHeads(search.from, search.until);
    for (const HintEvent& event : *events) {
      const bool asked = ClockwiseHeads(search.from, event.hint.head) < width;
      if (event.there && asked && event.hint.head != Head(self_->id())) hints.push_back(event.hint);
    }
  }
  if (hints.size() < kFewest) {
    counters_.Add("overlay.searches_refused");
    if (!answer.complete()) ignorant_[from] = now + kIgnorant;
    if (AskNext(now, search) || !search.open.empty()) return true;
    hints.clear();
  }
  End(search, std::move(hints));
  searches_.erase(found);
  return true;
}

void Scout::End(const Search& search, std::vector<Hint> hints) {
  counters_.Add(hints.empty() ? "overlay.searches_failed" : "overlay.searches_done");
  found_.push_back(Found{search.id, search.key, std::move(hints)});
}

void Scout::OnTimeout(Instant now) {
  for (auto it = searches_.begin(); it != searches_.end();) {
    Search& search = it->second;
    if (search.late > now || AskNext(now, search)) {
      ++it;
      continue;
    }
    End(search, {});
    it = searches_.erase(it);
  }
}

std::optional<Instant> Scout::PollTimeout() const {
  std::optional<Instant> out;
  for (const auto& [id, search] : searches_) out = Earliest(out, search.late);
  return out;
}

std::optional<Scout::Found> Scout::PollFound() {
  if (found_.empty()) return std::nullopt;
  Found out = std::move(found_.front());
  found_.pop_front();
  return out;
}

}  // namespace p2pd::overlay
