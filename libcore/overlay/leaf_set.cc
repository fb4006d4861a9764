#include "libcore/overlay/leaf_set.h"

#include <algorithm>

#include "libcore/base/codec.h"
#include "libcore/pki/hash.h"

namespace p2pd::overlay {

LeafSet::LeafSet(const NodeId& self, int per_side)
    : self_(self), per_side_(static_cast<size_t>(per_side)) {
  Recompute();
}

void LeafSet::Recompute() {
  successors_.clear();
  for (const auto& [id, record] : members_) successors_.push_back(id);
  std::sort(successors_.begin(), successors_.end(), [this](const NodeId& a, const NodeId& b) {
    return Clockwise(self_, a) < Clockwise(self_, b);
  });
  predecessors_.assign(successors_.rbegin(), successors_.rend());
  if (successors_.size() > per_side_) {
    successors_.resize(per_side_);
    predecessors_.resize(per_side_);
  }
  Bytes ids;
  for (const auto& [id, record] : members_) Append(ids, id.view());
  const pki::Sha256Digest digest = pki::Sha256(ids);
  hash_ = std::max<uint64_t>(ByteReader(digest.view()).U64(), 1);
}

bool LeafSet::Wants(const NodeId& id) const {
  if (id == self_ || Contains(id)) return false;
  if (successors_.size() < per_side_) return true;
  return Clockwise(self_, id) < Clockwise(self_, successors_.back()) ||
         Clockwise(id, self_) < Clockwise(predecessors_.back(), self_);
}

LeafSet::Change LeafSet::Insert(const NodeRecord& record) {
  Change out;
  const auto found = members_.find(record.id());
  if (found != members_.end()) {
    if (record.epoch() > found->second.epoch()) found->second = record;
    return out;
  }
  if (!Wants(record.id())) return out;
  members_.emplace(record.id(), record);
  Recompute();
  out.added = true;
  for (const auto& [id, member] : members_) {
    const bool kept = std::count(successors_.begin(), successors_.end(), id) != 0 ||
                      std::count(predecessors_.begin(), predecessors_.end(), id) != 0;
    if (!kept) out.evicted.push_back(id);
  }
  for (const NodeId& id : out.evicted) members_.erase(id);
  if (!out.evicted.empty()) Recompute();
  return out;
}

bool LeafSet::Remove(const NodeId& id) {
  if (members_.erase(id) == 0) return false;
  Recompute();
  return true;
}

const NodeRecord* LeafSet::Find(const NodeId& id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

bool LeafSet::Whole() const { return members_.size() < 2 * per_side_; }

bool LeafSet::Covers(const Key& key) const {
  if (Whole()) return true;
  return Clockwise(self_, key) <= Clockwise(self_, successors_.back()) ||
         Clockwise(key, self_) <= Clockwise(predecessors_.back(), self_);
}

}  // namespace p2pd::overlay
