#include "libcore/overlay/scout.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

bool Scout::Start(Instant now, RequestId id, const Key& key) {
  if (searches_.size() - errands_ >= kMaxSearches) {
    counters_.Add("overlay.refused_searches");
    return false;
  }
  Search search;
  search.id = id;
  search.key = key;
  if (!AskFirst(now, search) && !SendOut(now, search)) return false;
  searches_.emplace(next_search_++, std::move(search));
  return true;
}

bool Scout::RunErrand(Instant now, const NodeId& from, const Key& key) {
  if (errands_ >= kMaxErrands) {
    counters_.Add("overlay.refused_errands");
    return false;
  }
  Search search;
  search.errand = from;
  search.key = key;
  search.asked.insert(from);
  if (!AskFirst(now, search)) return false;
  counters_.Add("overlay.errands");
  ++errands_;
  searches_.emplace(next_search_++, std::move(search));
  return true;
}

bool Scout::AskFirst(Instant now, Search& search) {
  for (size_t i = 0; i < kNearUs; ++i) Ask(now, search, NearUs(now, search));
  Ask(now, search, NearKey(now, search));
  return !search.open.empty();
}

bool Scout::SendOut(Instant now, Search& search) {
  if (search.errand || std::exchange(search.sent_out, true)) return false;
  std::vector<std::pair<absl::Duration, NodeId>> quickest;
  for (const NodeId& id : neighbours_.All()) {
    const std::optional<absl::Duration> far = links_.RoundTripTo(id);
    const bool silent = search.open.count(id) != 0 || ring_.IsSuspect(id);
    if (far && !silent && ring_.Contains(id)) quickest.emplace_back(*far, id);
  }
  std::sort(quickest.begin(), quickest.end());
  if (quickest.size() > kMessengers) quickest.resize(kMessengers);
  bool sent = false;
  for (const auto& [far, id] : quickest) sent |= Send(now, search, id, true);
  return sent;
}

std::vector<NodeId> Scout::Askable(Instant now, const Search& search, uint64_t likely) const {
  std::vector<NodeId> out;
  for (const NodeId& id : neighbours_.All()) {
    const auto found = reaches_.find(id);
    const bool known = found != reaches_.end() && found->second.until > now;
    const uint64_t radius = known ? found->second.radius : likely;
    const bool sees = HeadDistance(Head(id), Head(search.key)) <= radius;
    if (search.asked.count(id) == 0 && sees && ring_.Contains(id) && !ring_.IsSuspect(id)) {
      out.push_back(id);
    }
  }
  return out;
}

std::optional<NodeId> Scout::NearUs(Instant now, const Search& search) const {
  std::optional<NodeId> best;
  absl::Duration least = absl::InfiniteDuration();
  // Half of what is likely: widths differ, and who is quick is worth asking only if he knows.
  for (const NodeId& id : Askable(now, search, std::min(table_.radius() / 2, kLikely / 2))) {
    const absl::Duration far = links_.RoundTripTo(id).value_or(least);
    if (far >= least) continue;
    best = id;
    least = far;
  }
  return best;
}

std::optional<NodeId> Scout::NearKey(Instant now, const Search& search) const {
  const std::vector<NodeId> askable = Askable(now, search, kLikely);
  const auto nearest =
      std::min_element(askable.begin(), askable.end(), [&](const NodeId& a, const NodeId& b) {
        return HeadDistance(Head(a), Head(search.key)) < HeadDistance(Head(b), Head(search.key));
      });
  return nearest == askable.end() ? std::nullopt : std::optional(*nearest);
}

bool Scout::Ask(Instant now, Search& search, const std::optional<NodeId>& whom) {
  return whom && search.asked.size() < kMaxAsked && Send(now, search, *whom, false);
}

bool Scout::Send(Instant now, Search& search, const NodeId& whom, bool pass_on) {
  search.asked.insert(whom);
  wire::v1::OverlayMessage message;
  message.mutable_hint_query()->set_key(search.key.ToString());
  message.mutable_hint_query()->set_pass_on(pass_on);
  if (!links_.Send(now, whom, Purpose::kRequest, SerializeProto(message))) return false;
  search.open.insert(whom);
  search.late = std::max(search.late, now + (pass_on ? 2 : 1) * links_.TimeoutTo(whom));
  return true;
}

void Scout::OnHintQuery(Instant now, const NodeId& from, const wire::v1::HintQuery& query) {
  const auto key = Key::FromView(AsBytes(query.key()));
  if (!key) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  KeepLinked(inlets_);
  if (!inlets_.try_emplace(from, TokenBucket(kRate, kBurst)).first->second.TryTake(now, 1)) {
    counters_.Add("overlay.refused_hint_queries");
    return;
  }
  const Knowledge known = knows_(*key);
  if (known.hints.empty() && query.pass_on() && RunErrand(now, from, *key)) return;
  Answer(now, from, *key, known);
}

void Scout::Answer(Instant now, const NodeId& to, const Key& key, const Knowledge& known) {
  ByteWriter events;
  for (const Hint& hint : known.hints) {
    if (hint.head != Head(to)) WriteHintEvent(now, HintEvent{true, hint}, events);
  }
  wire::v1::OverlayMessage message;
  message.mutable_hint_answer()->set_key(key.ToString());
  message.mutable_hint_answer()->set_events(ToText(events.bytes()));
  message.mutable_hint_answer()->set_radius(known.radius);
  links_.Send(now, to, Purpose::kAnswer, SerializeProto(message));
}

void Scout::OnHintAnswer(Instant now, const NodeId& from, const wire::v1::HintAnswer& answer) {
  const auto key = Key::FromView(AsBytes(answer.key()));
  const auto found = std::find_if(searches_.begin(), searches_.end(), [&](const auto& entry) {
    return key == entry.second.key && entry.second.open.count(from) != 0;
  });
  if (found == searches_.end()) {
    counters_.Add("overlay.dropped_unasked_hints");
    return;
  }
  Search& search = found->second;
  search.open.erase(from);
  // Who names nobody does not see the key, whatever he says.
  const bool sees = HeadDistance(Head(from), Head(search.key)) <= answer.radius();
  const uint64_t radius = sees && answer.events().empty() ? 0 : answer.radius();
  KeepLinked(reaches_);
  reaches_[from] = Reach{radius, now + (radius == 0 ? kYoung : kRemembered)};
  if (!search.ended) Judge(now, AsBytes(answer.events()), search);
  if (search.ended && search.open.empty()) Forget(found);
}

void Scout::Judge(Instant now, ByteView encoded, Search& search) {
  const auto events = ParseHintEvents(now, encoded, 2 * kPerSide);
  if (!events) counters_.Add("overlay.dropped_malformed");
  std::vector<Hint> hints;
  for (const HintEvent& event : events.value_or(std::vector<HintEvent>())) {
    if (event.there) hints.push_back(event.hint);
  }
  if (hints.size() >= kFewest) return End(now, search, std::move(hints));
  counters_.Add("overlay.searches_refused");
  if (Ask(now, search, NearKey(now, search)) || !search.open.empty()) return;
  if (!SendOut(now, search)) End(now, search, {});
}

void Scout::OnLinkDown(const NodeId& id) {
  reaches_.erase(id);
  inlets_.erase(id);
}

void Scout::End(Instant now, Search& search, std::vector<Hint> hints) {
  search.ended = true;
  if (search.errand) {
    return Answer(now, *search.errand, search.key, {std::move(hints), knows_(search.key).radius});
  }
  counters_.Add(hints.empty() ? "overlay.searches_failed" : "overlay.searches_done");
  found_.push_back(Found{*search.id, search.key, std::move(hints)});
}

std::map<uint64_t, Scout::Search>::iterator Scout::Forget(
    std::map<uint64_t, Search>::iterator search) {
  errands_ -= search->second.errand ? 1 : 0;
  return searches_.erase(search);
}

void Scout::OnTimeout(Instant now) {
  for (auto it = searches_.begin(); it != searches_.end();) {
    Search& search = it->second;
    if (search.late <= now && !search.ended && !Ask(now, search, NearKey(now, search)) &&
        !SendOut(now, search)) {
      End(now, search, {});
    }
    it = search.late > now ? std::next(it) : Forget(it);
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
