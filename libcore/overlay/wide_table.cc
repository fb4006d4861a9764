#include "libcore/overlay/wide_table.h"

#include <algorithm>

namespace p2pd::overlay {
namespace {

// What one machine has: an address, of IPv6 a /64.
net::Endpoint PlaceOf(const net::Endpoint& at) {
  return {at.address.is_v4() ? at.address : at.address.Prefix(64), 0};
}

}  // namespace

size_t WideTable::At(uint64_t head) const {
  return static_cast<size_t>(std::lower_bound(heads_.begin(), heads_.end(), head) - heads_.begin());
}

const Hint* WideTable::Find(uint64_t head) const {
  const size_t at = At(head);
  return Stands(at, head) ? &(*this)[at] : nullptr;
}

bool WideTable::Keeps(uint64_t head) const {
  if (head == self_) return false;
  const uint64_t distance = HeadDistance(self_, head);
  if (distance <= radius_) return true;
  // The same heads at every node that asks, whoever it is: no dice in a table.
  const double ticket = static_cast<double>(MixHead(head, 0)) / 18446744073709551616.0;
  return ticket < static_cast<double>(radius_) / static_cast<double>(distance);
}

void WideTable::Count(const Hint& hint) {
  if (hint.endpoint.address.IsPrivate()) return;
  ++named_[hint.endpoint];
  ++named_[PlaceOf(hint.endpoint)];
}

void WideTable::Uncount(const Hint& hint) {
  if (hint.endpoint.address.IsPrivate()) return;
  for (const net::Endpoint& at : {hint.endpoint, PlaceOf(hint.endpoint)}) {
    const auto found = named_.find(at);
    if (--found->second == 0) named_.erase(found);
  }
}

bool WideTable::Crowded(const HintEvent& event) {
  const net::Endpoint& at = event.hint.endpoint;
  if (!event.there || at.address.IsPrivate() || !Keeps(event.hint.head)) return false;
  // Who is there already is not one more.
  const Hint* before = Find(event.hint.head);
  const auto others = [&](const net::Endpoint& place, bool counted) -> size_t {
    const auto found = named_.find(place);
    return found == named_.end() ? 0 : found->second - (counted ? 1 : 0);
  };
  const bool same = before != nullptr && before->endpoint == at;
  const bool same_place = before != nullptr && PlaceOf(before->endpoint) == PlaceOf(at);
  if (others(at, same) < kMaxPerEndpoint && others(PlaceOf(at), same_place) < kMaxPerAddress) {
    return false;
  }
  counters_.Add("overlay.refused_crowded_hints");
  return true;
}

void WideTable::Put(const Hint& hint) {
  const size_t at = At(hint.head);
  Count(hint);
  if (Stands(at, hint.head)) {
    Uncount(hints_[places_[at]]);
    hints_[places_[at]] = hint;
    return;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(hints_.size()));
    hints_.emplace_back();
  }
  const uint32_t place = free_.back();
  free_.pop_back();
  hints_[place] = hint;
  heads_.insert(heads_.begin() + static_cast<std::ptrdiff_t>(at), hint.head);
  places_.insert(places_.begin() + static_cast<std::ptrdiff_t>(at), place);
  Changed(hint.head);
}

void WideTable::Changed(uint64_t head) {
  if (std::binary_search(watch_.begin(), watch_.end(), head)) ++watched_;
}

void WideTable::Erase(uint64_t head) {
  const size_t at = At(head);
  if (!Stands(at, head)) return;
  Uncount(hints_[places_[at]]);
  free_.push_back(places_[at]);
  heads_.erase(heads_.begin() + static_cast<std::ptrdiff_t>(at));
  places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(at));
  Changed(head);
}

template <class Drop>
void WideTable::EraseIf(const Drop& drop) {
  size_t kept = 0;
  for (size_t i = 0; i < heads_.size(); ++i) {
    if (drop(i)) {
      Uncount(hints_[places_[i]]);
      free_.push_back(places_[i]);
      continue;
    }
    heads_[kept] = heads_[i];
    places_[kept++] = places_[i];
  }
  if (kept == heads_.size()) return;
  heads_.resize(kept);
  places_.resize(kept);
  ++watched_;
}

std::optional<uint32_t> WideTable::StampOf(uint64_t head) const {
  std::optional<uint32_t> out;
  const Hint* hint = Find(head);
  if (hint != nullptr) out = hint->stamp;
  const auto news = news_.find(head);
  if (news != news_.end() && (!out || LaterStamp(news->second.stamp, *out))) {
    out = news->second.stamp;
  }
  return out;
}

std::optional<Instant> WideTable::LastNewsOf(uint64_t head) const {
  const auto found = news_.find(head);
  return found == news_.end() ? std::nullopt : std::optional(found->second.at);
}

void WideTable::Remember(Instant now, const HintEvent& event) {
  while (news_order_.size() >= kMaxNews) {
    const auto [at, head] = news_order_.front();
    news_order_.pop_front();
    const auto found = news_.find(head);
    if (found != news_.end() && found->second.at == at) news_.erase(found);
  }
  news_[event.hint.head] = News{event.hint.stamp, event.there, now};
  news_order_.emplace_back(now, event.hint.head);
}

bool WideTable::Take(Instant now, const HintEvent& event) {
  const uint64_t head = event.hint.head;
  const std::optional<uint32_t> known = StampOf(head);
  if (known && !LaterStamp(event.hint.stamp, *known)) return false;
  if (Crowded(event)) return false;
  Accept(now, event);
  return true;
}

bool WideTable::Witness(Instant now, const HintEvent& event) {
  const std::optional<uint32_t> known = StampOf(event.hint.head);
  if (known && !LaterStamp(event.hint.stamp, *known)) return false;
  Accept(now, event);
  return true;
}

bool WideTable::Fetch(Instant now, const Hint& hint) {
  if (Find(hint.head) != nullptr || !Keeps(hint.head)) return false;
  const auto news = news_.find(hint.head);
  const bool heard = news != news_.end() && !LaterStamp(hint.stamp, news->second.stamp);
  // What we heard of and dropped when the table was narrower is taken back, and nothing older.
  const bool dropped = heard && news->second.there && news->second.stamp == hint.stamp;
  if (heard && !dropped) return false;
  if (Crowded(HintEvent{true, hint})) return false;
  Accept(now, HintEvent{true, hint});
  return Find(hint.head) != nullptr;
}

void WideTable::Accept(Instant now, const HintEvent& event) {
  const uint64_t head = event.hint.head;
  Remember(now, event);
  const auto failed = failed_.find(head);
  const bool again = failed != failed_.end() && failed->second.until > now &&
                     !LaterStamp(event.hint.stamp, failed->second.stamp);
  if (!again && failed != failed_.end()) failed_.erase(failed);
  if (!event.there) {
    Erase(head);
  } else if (again) {
    counters_.Add("overlay.refused_failed_hints");
  } else if (Keeps(head)) {
    Put(event.hint);
    ShrinkToCapacity();
  } else {
    Erase(head);
    counters_.Add("overlay.refused_far_hints");
  }
}

void WideTable::Fail(Instant now, uint64_t head) {
  const Hint* hint = Find(head);
  if (hint == nullptr) return;
  if (failed_.size() >= kMaxFailed && failed_.count(head) == 0) failed_.erase(failed_.begin());
  failed_[head] = Failed{hint->stamp, now + kFailedFor};
  Erase(head);
  counters_.Add("overlay.hints_failed");
}

void WideTable::Sweep(Instant now) {
  while (!news_order_.empty() && news_order_.front().first + kNewsLifetime <= now) {
    const auto [at, head] = news_order_.front();
    news_order_.pop_front();
    const auto found = news_.find(head);
    if (found != news_.end() && found->second.at == at) news_.erase(found);
  }
  std::erase_if(failed_, [now](const auto& entry) { return entry.second.until <= now; });
  if (radius_ == kWhole) return;
  EraseIf([this, now](size_t index) {
    return !Covers(heads_[index]) && (*this)[index].learnt + kFarLifetime <= now;
  });
}

void WideTable::SetRadius(uint64_t radius) {
  radius_ = std::clamp(radius, kMinRadius, kWhole);
  EraseIf([this](size_t index) { return !Keeps(heads_[index]); });
}

void WideTable::ShrinkToCapacity() {
  while (size() > capacity_) {
    if (radius_ == kMinRadius) {
      // A crowd next to us: who is farthest goes.
      const auto farthest =
          std::max_element(heads_.begin(), heads_.end(), [this](uint64_t a, uint64_t b) {
            return HeadDistance(self_, a) < HeadDistance(self_, b);
          });
      Erase(*farthest);
      counters_.Add("overlay.refused_hints_full");
      continue;
    }
    SetRadius(radius_ - radius_ / 8);
    counters_.Add("overlay.hints_narrowed");
  }
}

std::vector<Hint> WideTable::Around(uint64_t position, size_t per_side) const {
  const size_t size = heads_.size();
  const size_t start = At(position);
  const auto hint_at = [&](size_t i) -> const Hint& { return (*this)[(start + i) % size]; };
  const Outwards way = WalkOutwards(position, size, per_side, hint_at);
  std::vector<Hint> out;
  for (const size_t i : way.above) out.push_back(hint_at(i));
  for (const size_t i : way.below) out.push_back(hint_at(i));
  std::sort(out.begin(), out.end(), [position](const Hint& a, const Hint& b) {
    const uint64_t to_a = HeadDistance(position, a.head);
    const uint64_t to_b = HeadDistance(position, b.head);
    return to_a != to_b ? to_a < to_b : a.head < b.head;
  });
  return out;
}

std::vector<Hint> WideTable::Nearest(uint64_t position, size_t count) const {
  std::vector<Hint> out = Around(position, count);
  if (out.size() > count) out.resize(count);
  return out;
}

std::vector<Hint> WideTable::Range(uint64_t from, uint64_t to, size_t most) const {
  std::vector<Hint> out;
  if (most == 0) return out;
  Walk(from, to, [&](const Hint& hint) {
    out.push_back(hint);
    return out.size() < most;
  });
  return out;
}

std::vector<uint64_t> WideTable::DistancesOfRanks() const {
  std::vector<uint64_t> out;
  const size_t size = heads_.size();
  const size_t ours = At(self_);
  for (size_t rank = 1; rank <= size; rank *= 2) {
    out.push_back(ClockwiseHeads(self_, heads_[(ours + rank - 1) % size]));
  }
  return out;
}

std::vector<HintEvent> WideTable::GoneIn(uint64_t from, uint64_t to) const {
  std::vector<HintEvent> out;
  const auto take = [&out](auto it, auto end) {
    for (; it != end; ++it) {
      if (it->second.there) continue;
      HintEvent& event = out.emplace_back();
      event.there = false;
      event.hint.head = it->first;
      event.hint.stamp = it->second.stamp;
    }
  };
  if (from < to) {
    take(news_.lower_bound(from), news_.lower_bound(to));
  } else {
    // Over the top; lower heads first.
    take(news_.begin(), news_.lower_bound(to));
    take(news_.lower_bound(from), news_.end());
  }
  return out;
}

std::vector<HintEvent> WideTable::FailedIn(uint64_t from, uint64_t to) const {
  std::vector<HintEvent> out;
  for (const auto& [head, failed] : failed_) {
    if (!Within(from, to, head)) continue;
    HintEvent& event = out.emplace_back();
    event.there = false;
    event.hint.head = head;
    event.hint.stamp = failed.stamp;
  }
  return out;
}

}  // namespace p2pd::overlay
