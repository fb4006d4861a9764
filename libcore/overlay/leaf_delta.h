// LeafDelta: what two leaves tell each other when their hashes differ. One names whom it has by two
// bytes each; the other finds whom that one lacks, and names these in full, and whether it lacks
// somebody itself.
//
// Rules: with each comparison another salt, so that two that share a fingerprint (one pair in
// 65,536) do so once only. Threads: none of its own; plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

// Two bytes for each, in the order of `ids`.
std::string LeafFingerprints(const std::vector<NodeId>& ids, uint32_t salt);

// What another leaf named so.
class NamedLeaves {
 public:
  // An odd byte at the end counts for nothing.
  NamedLeaves(absl::string_view fingerprints, uint32_t salt);
  bool Has(const NodeId& id) const;
  // True when somebody is named who is none of `known`.
  bool HasOtherThan(const std::vector<NodeId>& known) const;

 private:
  uint16_t Of(const NodeId& id) const;
  uint32_t salt_;
  std::vector<uint16_t> named_;  // ascending
};

}  // namespace p2pd::overlay
