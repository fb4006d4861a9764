// ChangeLog: which torrents changed, in order, so that somebody who follows them is told of what is
// new since the last look.
//
// Rules: each change of state is an entry of its own, kept until kKept later ones came. Of changes
// of figures (availability, share, trouble, policy) a torrent has one entry, its newest: there are
// never more than torrents, and a slow reader reads each once. Threads: one owner. Limits: kKept.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "libcore/archive/library.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/strong.h"

namespace p2pd::archive {

struct RevisionTag;
// Counts changes; 0 is before the first one.
using Revision = Strong<RevisionTag, uint64_t>;

struct TorrentChange {
  Revision revision;
  torrent::InfoHash hash;
  // What it came to; nullopt where figures changed, or it is gone.
  std::optional<TorrentState> state;
  bool removed = false;
};

class ChangeLog {
 public:
  static constexpr size_t kKept = 65'536;

  void NoteState(const torrent::InfoHash& hash, TorrentState state);
  void NoteFigures(const torrent::InfoHash& hash);
  void NoteRemoved(const torrent::InfoHash& hash);

  Revision last() const { return last_; }
  // What came after `since`, oldest first, the first `most` of it; nullopt when some of it is no
  // longer kept, or `since` is to come.
  std::optional<std::vector<TorrentChange>> Since(Revision since, size_t most) const;

 private:
  void Keep(TorrentChange change);
  void ForgetFigures(const torrent::InfoHash& hash);

  Revision last_;
  Revision forgotten_;  // the newest that is no longer kept
  std::deque<TorrentChange> kept_;
  std::map<Revision, torrent::InfoHash> figures_;
  std::map<torrent::InfoHash, Revision> figures_of_;
};

}  // namespace p2pd::archive
