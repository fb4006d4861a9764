// The bootstrap cache: records of nodes that we had links with, kept on disk for the next start.
#pragma once

#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::overlay {

// Size on disk; what does not fit is left out, so the most useful come first.
inline constexpr size_t kMaxBootstrapCache = 16 * 1024;

Bytes SaveBootstrapCache(const std::vector<NodeRecord>& records);
// The records that verify; empty for an empty, damaged or foreign file, since a cache is only a
// help.
std::vector<NodeRecord> LoadBootstrapCache(ByteView cache);

}  // namespace p2pd::overlay
