// The bootstrap cache: records of nodes that we had links with, kept on disk for the next start.
//
// Rules: who was there before and is there still comes first; who is not there now stays, since it
// may be us who are cut off; of one public network two are kept. Whoever surrounds us with nodes of
// his own for a while fills the rest of it and no more.
#pragma once

#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::overlay {

// Size on disk; what does not fit is left out.
inline constexpr size_t kMaxBootstrapCache = 16 * 1024;
inline constexpr size_t kMaxBootstrapRecords = 96;
// Of these, who stays before newcomers come in.
inline constexpr size_t kMaxBootstrapAbsent = 32;
inline constexpr int kMaxBootstrapFromNetwork = 2;

// What is to be kept of what was (`before`, the most useful first) and of those there are now.
std::vector<NodeRecord> RenewBootstrap(const std::vector<NodeRecord>& before,
                                       const std::vector<NodeRecord>& present);
Bytes SaveBootstrapCache(const std::vector<NodeRecord>& records);
// The records that verify; empty for an empty, damaged or foreign file, since a cache is only a
// help.
std::vector<NodeRecord> LoadBootstrapCache(ByteView cache);

}  // namespace p2pd::overlay
