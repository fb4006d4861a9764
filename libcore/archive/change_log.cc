#include "libcore/archive/change_log.h"

#include <algorithm>
#include <utility>

namespace p2pd::archive {

void ChangeLog::NoteState(const torrent::InfoHash& hash, TorrentState state) {
  Keep({{}, hash, state, false});
}

void ChangeLog::NoteRemoved(const torrent::InfoHash& hash) { Keep({{}, hash, std::nullopt, true}); }

// Whoever is told of it is told of the figures, too.
void ChangeLog::Keep(TorrentChange change) {
  ForgetFigures(change.hash);
  change.revision = last_ = last_.Next();
  kept_.push_back(change);
  if (kept_.size() <= kKept) return;
  forgotten_ = kept_.front().revision;
  kept_.pop_front();
}

void ChangeLog::NoteFigures(const torrent::InfoHash& hash) {
  ForgetFigures(hash);
  last_ = last_.Next();
  figures_[last_] = hash;
  figures_of_[hash] = last_;
}

void ChangeLog::ForgetFigures(const torrent::InfoHash& hash) {
  const auto at = figures_of_.find(hash);
  if (at == figures_of_.end()) return;
  figures_.erase(at->second);
  figures_of_.erase(at);
}

std::optional<std::vector<TorrentChange>> ChangeLog::Since(Revision since, size_t most) const {
  if (since > last_ || since < forgotten_) return std::nullopt;
  std::vector<TorrentChange> out;
  auto kept = std::upper_bound(
      kept_.begin(), kept_.end(), since,
      [](Revision revision, const TorrentChange& change) { return revision < change.revision; });
  auto figures = figures_.upper_bound(since);
  while (out.size() < most && (kept != kept_.end() || figures != figures_.end())) {
    const bool first =
        figures == figures_.end() || (kept != kept_.end() && kept->revision < figures->first);
    if (first) {
      out.push_back(*kept++);
    } else {
      out.push_back({figures->first, figures->second, std::nullopt, false});
      ++figures;
    }
  }
  return out;
}

}  // namespace p2pd::archive
