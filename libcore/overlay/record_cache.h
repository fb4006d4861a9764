// RecordCache: node records that were verified before, found by their bytes, so that a record that
// comes by again and again costs one signature check.
//
// Rules: only verified records are kept; the newest record of a node is found by its id. Bounded:
// the oldest record goes first. Threads: one owner.
#pragma once

#include <deque>
#include <optional>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
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
  // The first at or after `id`, round the ring; nullptr when nothing is kept.
  const NodeRecord* FindFrom(const NodeId& id) const;

 private:
  // Found by the bytes as they travel, so that a known record is not parsed again.
  struct ByBytes {
    using is_transparent = void;
    static ByteView View(const NodeRecord& record) { return record.bytes(); }
    static ByteView View(ByteView bytes) { return bytes; }
    template <class T>
    size_t operator()(const T& value) const {
      return absl::HashOf(View(value));
    }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return View(a) == View(b);
    }
  };
  Counters& counters_;
  absl::btree_map<NodeId, NodeRecord> newest_;
  // The same; nobody walks through it, its order is chance.
  absl::flat_hash_set<NodeRecord, ByBytes, ByBytes> known_;
  std::deque<NodeId> order_;
};

}  // namespace p2pd::overlay
