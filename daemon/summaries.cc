#include "daemon/summaries.h"

#include <iterator>
#include <optional>
#include <utility>

namespace p2pd::daemon {
namespace {

using archive::TorrentSummary;

struct Fetch {
  ArchiveHost* archive;
  // Weak: the loop's tasks own this, and a loop that is over is not to be held by its own tasks.
  std::weak_ptr<runtime::Loop> loop;
  SummariesDone done;
  std::vector<TorrentSummary> summaries;
};

// On the loop. Owners of `fetch`: this turn and its task, which never run at one time.
void NextTurn(const std::shared_ptr<Fetch>& fetch) {
  std::optional<archive::torrent::InfoHash> after;
  if (!fetch->summaries.empty()) after = fetch->summaries.back().hashes.Best();
  // It runs this.
  const std::shared_ptr<runtime::Loop> loop = fetch->loop.lock();
  const bool posted = fetch->archive->Post([after, fetch, loop](ArchiveHost& host) {
    std::vector<TorrentSummary> part = host.archive().Summaries(after, kSummariesInTurn);
    const bool last = part.size() < kSummariesInTurn;
    fetch->summaries.insert(fetch->summaries.end(), std::make_move_iterator(part.begin()),
                            std::make_move_iterator(part.end()));
    loop->PostAlways([last, fetch] {
      if (!last) return NextTurn(fetch);
      fetch->done(std::move(fetch->summaries));
    });
  });
  if (!posted) fetch->done(absl::UnavailableError("the archive is busy"));
}

}  // namespace

void FetchSummaries(ArchiveHost& archive, const std::shared_ptr<runtime::Loop>& loop,
                    SummariesDone done) {
  NextTurn(std::make_shared<Fetch>(Fetch{&archive, loop, std::move(done), {}}));
}

}  // namespace p2pd::daemon
