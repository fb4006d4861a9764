// SwarmState: the swarm table as bytes, so that a restart does not empty every swarm.
//
// Rules: ages are written, not times, and the wall clock's time of writing: what passed meanwhile
// is added when it is read, and a clock that went back adds nothing. A checksum finds a file that a
// disk or a person changed; all of it is then refused, since a wrong peer is worse than none.
// Threads: Encode and Restore any, both take the table shard by shard.
// Limits: kMaxBytes, some 100 million peers.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/tracker/swarm_table.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::tracker {

// A file larger than this was not written by us.
inline constexpr size_t kMaxStateBytes = size_t{1} << 30;

Bytes EncodeState(const SwarmTable& table, Instant now, absl::Time wall);

// Enters what is written in `state`; how many swarms. DataLoss when it is damaged, and then the
// table is as it was.
absl::StatusOr<size_t> RestoreState(ByteView state, Instant now, absl::Time wall,
                                    SwarmTable& table);

}  // namespace p2pd::archive::tracker
