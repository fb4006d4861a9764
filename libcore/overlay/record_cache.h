// RecordCache: node records that were verified before, found by their bytes, so that a record that
// comes by again and again costs one signature check.
//
// Rules: only verified records are kept; the newest record of a node is found by its id. Bounded:
// the oldest record goes first. Threads: one owner.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "libcore/base/counters.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::overlay {

class RecordCache {
 public:
  // Records kept; one takes about 600 bytes. Beyond it the oldest is forgotten and costs a
  // signature check again.
  static constexpr size_t kMaxRecords = 4096;

  explicit RecordCache(Counters& counters) : counters_(counters) {}

  // As NodeRecord::Parse.
  std::optional<NodeRecord> Parse(ByteView bytes);
  // The record with the largest epoch that was parsed for this node and is still kept.
  const NodeRecord* Find(const NodeId& id) const;
  // The same for the node whose id begins with `head`.
  const NodeRecord* FindHead(uint64_t head) const;

 private:
  Counters& counters_;
  std::map<NodeId, NodeRecord> newest_;
  std::deque<NodeId> order_;
};

}  // namespace p2pd::overlay
