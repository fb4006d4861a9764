// Hashes what is there of a torrent before anybody is asked for the rest: a download that was
// broken off, or files that came another way.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "libcore/archive/pieces/piece_store.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::lt {

// Scrubs every doubtful piece of the holding, which is `metainfo`'s: those that are right are kept
// by then, the others absent. Blocks for as long as the disk takes. `progress` (pieces done, of how
// many) is called from this thread and ends the work by returning false: Cancelled then, and what
// is left stays doubtful. Returns the number of kept pieces. InvalidArgument; what Holding::Scrub
// says.
absl::StatusOr<uint32_t> CheckPieces(ByteView metainfo, pieces::Holding& holding,
                                     const std::function<bool(uint32_t, uint32_t)>& progress);

}  // namespace p2pd::archive::lt
