// What a list says of every torrent, fetched from the archive's thread in small turns.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/archive_host.h"
#include "libcore/archive/archive.h"
#include "libcore/runtime/loop.h"

namespace p2pd::daemon {

// Of one turn: about a millisecond of the archive's thread.
inline constexpr size_t kSummariesInTurn = 500;

using SummariesDone =
    std::function<void(absl::StatusOr<std::vector<archive::TorrentSummary>> summaries)>;

// `done` is called on `loop`, with all by hash, ascending; Unavailable when the archive has no
// time. A torrent that comes or goes meanwhile is there or not; none is there twice. `archive`
// outlives the loop's run.
void FetchSummaries(ArchiveHost& archive, const std::shared_ptr<runtime::Loop>& loop,
                    SummariesDone done);

}  // namespace p2pd::daemon
