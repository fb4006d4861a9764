#include "libcore/session/reassembly.h"

namespace p2pd::session {

bool Reassembly::Knows(const net::Endpoint& from, const HelloFragment& fragment) const {
  return attempts_.count(Key(from, fragment.nonce, fragment.cookie)) != 0;
}

void Reassembly::Erase(std::map<Key, Attempt>::iterator it) {
  by_age_.erase({it->second.started, it->first});
  const auto source = per_source_.find(std::get<0>(it->first).address);
  if (--source->second == 0) per_source_.erase(source);
  attempts_.erase(it);
}

bool Reassembly::MakeRoom(const net::Endpoint& from, bool proved) {
  const auto source = per_source_.find(from.address);
  if (source != per_source_.end() && source->second >= kPerSource) {
    counters_.Add("session.dropped_reassembly_source_full");
    return false;
  }
  if (attempts_.size() < kTotal) return true;
  if (proved) {
    for (const auto& [started, key] : by_age_) {
      const auto it = attempts_.find(key);
      if (it->second.proved) continue;
      counters_.Add("session.dropped_reassembly_evicted");
      Erase(it);
      return true;
    }
  }
  counters_.Add("session.dropped_reassembly_full");
  return false;
}

std::optional<Reassembly::Whole> Reassembly::Add(Instant now, const net::Endpoint& from,
                                                 const HelloFragment& fragment, bool proved) {
  Key key(from, fragment.nonce, fragment.cookie);
  auto it = attempts_.find(key);
  if (it == attempts_.end()) {
    if (!MakeRoom(from, proved)) return std::nullopt;
    Attempt attempt;
    attempt.started = now;
    attempt.count = fragment.count;
    attempt.hint = fragment.hint;
    attempt.proved = proved;
    it = attempts_.emplace(key, std::move(attempt)).first;
    by_age_.insert({now, key});
    ++per_source_[from.address];
  }
  Attempt& attempt = it->second;
  if (attempt.count != fragment.count || attempt.hint != fragment.hint) {
    counters_.Add("session.dropped_reassembly_mismatch");
    return std::nullopt;
  }
  // The first copy stands: a later one could only change what was there.
  if (attempt.parts[fragment.index].empty()) attempt.parts[fragment.index] = ToBytes(fragment.part);
  Whole whole;
  for (size_t i = 0; i < attempt.count; ++i) {
    if (attempt.parts[i].empty()) return std::nullopt;
    Append(whole.sealed, attempt.parts[i]);
  }
  const size_t room = HelloCapacity(1, fragment.cookie.has_value());
  whole.wire_bytes = whole.sealed.size() + attempt.count * (net::kMaxDatagram - room);
  Erase(it);
  return whole;
}

void Reassembly::Expire(Instant now) {
  while (!by_age_.empty() && by_age_.begin()->first + kLifetime <= now) {
    counters_.Add("session.dropped_reassembly_expired");
    Erase(attempts_.find(by_age_.begin()->second));
  }
}

std::optional<Instant> Reassembly::NextExpiry() const {
  if (by_age_.empty()) return std::nullopt;
  return by_age_.begin()->first + kLifetime;
}

}  // namespace p2pd::session
