#include "libcore/session/replay_cache.h"

#include <algorithm>

namespace p2pd::session {

bool ReplayCache::Fresh(absl::Time now, absl::Time hello_time) const {
  if (hello_time < now - kWindow || hello_time > now + kWindow) return false;
  return hello_time >= floor_;
}

const ReplayCache::Entry* ReplayCache::Find(const Key& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

void ReplayCache::Drop(std::map<Key, Entry>::iterator it) {
  by_time_.erase({it->second.time, it->first});
  entries_.erase(it);
}

void ReplayCache::Add(absl::Time now, const Key& key, const Entry& entry) {
  const auto old = entries_.find(key);
  if (old != entries_.end()) Drop(old);
  while (!by_time_.empty() && by_time_.begin()->first < now - kWindow) {
    Drop(entries_.find(by_time_.begin()->second));
  }
  if (entries_.size() >= kMaxEntries) {
    // Just above the one that goes: that one is not believed without a cookie any more.
    floor_ = std::max(floor_, by_time_.begin()->first + absl::Milliseconds(1));
    Drop(entries_.find(by_time_.begin()->second));
  }
  entries_.emplace(key, entry);
  by_time_.insert({entry.time, key});
}

}  // namespace p2pd::session
