#include "libcore/overlay/record_cache.h"

namespace p2pd::overlay {

std::optional<NodeRecord> RecordCache::Parse(ByteView bytes) {
  const auto known = known_.find(bytes);
  if (known != known_.end()) return *known;
  std::optional<NodeRecord> parsed = NodeRecord::Parse(bytes);
  if (!parsed) {
    counters_.Add("overlay.dropped_bad_record");
    return std::nullopt;
  }
  const auto [newest, fresh] = newest_.try_emplace(parsed->id(), *parsed);
  if (fresh) {
    known_.insert(*parsed);
    order_.push_back(parsed->id());
    if (order_.size() <= kMaxRecords) return parsed;
    const auto oldest = newest_.find(order_.front());
    known_.erase(oldest->second);
    newest_.erase(oldest);
    order_.pop_front();
  } else if (parsed->epoch() > newest->second.epoch()) {
    known_.erase(newest->second);
    newest->second = *parsed;
    known_.insert(*parsed);
  }
  return parsed;
}

const NodeRecord* RecordCache::Find(const NodeId& id) const {
  const auto found = newest_.find(id);
  return found == newest_.end() ? nullptr : &found->second;
}

const NodeRecord* RecordCache::FindHead(uint64_t head) const {
  const auto found = newest_.lower_bound(FromHead(head));
  return found == newest_.end() || Head(found->first) != head ? nullptr : &found->second;
}

const NodeRecord* RecordCache::FindFrom(const NodeId& id) const {
  if (newest_.empty()) return nullptr;
  const auto found = newest_.lower_bound(id);
  return found == newest_.end() ? &newest_.begin()->second : &found->second;
}

}  // namespace p2pd::overlay
