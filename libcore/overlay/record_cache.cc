#include "libcore/overlay/record_cache.h"

#include "libcore/overlay/wire.h"
#include "libcore/pki/ed25519.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

// The id that the bytes claim, unverified: where to look for a verified copy.
std::optional<NodeId> ClaimedId(ByteView bytes) {
  if (bytes.size() > NodeRecord::kMaxBytes) return std::nullopt;
  wire::v1::SignedNodeRecord outer;
  wire::v1::NodeRecordBody body;
  if (!ParseProto(bytes, outer) || !ParseProto(AsBytes(outer.body()), body)) return std::nullopt;
  const auto key = pki::Ed25519Public::FromView(AsBytes(body.key()));
  if (!key) return std::nullopt;
  return NodeIdOf(*key);
}

}  // namespace

std::optional<NodeRecord> RecordCache::Parse(ByteView bytes) {
  const std::optional<NodeId> claimed = ClaimedId(bytes);
  if (!claimed) {
    counters_.Add("overlay.dropped_bad_record");
    return std::nullopt;
  }
  const auto found = newest_.find(*claimed);
  if (found != newest_.end() && ByteView(found->second.bytes()) == bytes) return found->second;
  std::optional<NodeRecord> parsed = NodeRecord::Parse(bytes);
  if (!parsed) {
    counters_.Add("overlay.dropped_bad_record");
    return std::nullopt;
  }
  if (found == newest_.end()) {
    newest_.emplace(parsed->id(), *parsed);
    order_.push_back(parsed->id());
    if (order_.size() > kMaxRecords) {
      newest_.erase(order_.front());
      order_.pop_front();
    }
  } else if (parsed->epoch() > found->second.epoch()) {
    found->second = *parsed;
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

}  // namespace p2pd::overlay
