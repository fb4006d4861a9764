// Library: what the archive knows of each torrent, its history, and what it refuses, in one SQLite
// file; and the search of the catalogue.
//
// Rules: a row says what was decided and counted; what is on disk is the piece store's to say, and
// what a torrent is made of stands in its .torrent file, so that the library can be made again from
// the two folders. A hash that was denied does not come back by being announced. Threads: one
// owner. Limits: below. Sources: SQLite, 'FTS5'; the paper's `Torrents` and `Files`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/availability.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/db/database.h"

namespace p2pd::archive {

// Each change is an event. Numbers stand in the file.
enum class TorrentState : uint8_t {
  kKnown = 1,     // its name, and nothing is fetched: no room, or not begun
  kMetadata = 2,  // what it is made of is asked of peers (BEP 9)
  kFetching = 3,
  kArchived = 4,  // all of it is here
  kThinned = 5,   // what others keep went
  kDormant = 6,   // archived or thinned, and not loaded until somebody asks
  kLost = 7,      // some of it nobody has
};
std::string ToString(TorrentState state);

// How it came here.
enum class Source : uint8_t {
  kSubmitted = 1,  // by the API
  kAnnounced = 2,  // a client that nobody changed announced it as a seed
  kOverlay = 3,    // a signed submission
  kWatched = 4,    // the watch folder
  kFeed = 5,
  kFederation = 6,  // another S-tracker that shares the work has it
};
std::string ToString(Source source);

struct TorrentRow {
  torrent::InfoHashes hashes;
  std::string name;
  // Below Torrents/ and Files/; a person reads the torrent's name in them. Empty while unknown.
  std::string file;
  std::string folder;
  // Of its files, for the search; All leaves them in the file, they may be long.
  std::string paths;
  uint64_t size = 0;
  uint32_t piece_length = 0;
  uint32_t pieces = 0;
  // While it sleeps: the pieces that are here, a bit each; empty: all.
  std::vector<bool> held = {};
  TorrentState state = TorrentState::kKnown;
  Source source = Source::kSubmitted;
  bool is_private = false;
  bool pinned = false;
  bool may_lose = false;
  absl::Time added;
  std::optional<absl::Time> archived;  // when it was whole for the first time
  uint64_t uploaded = 0;
  uint64_t downloaded = 0;
  double demand = 0;  // requests of the last 30 days
};

struct Denial {
  torrent::InfoHash hash;
  std::string reason;
  absl::Time at;
};

struct Reading {
  absl::Time at;
  Availability organic;
  Availability total;
};

class Library {
 public:
  static constexpr int kSchemaVersion = 4;
  // Readings of one torrent that are kept, the oldest go first: two weeks of one each ten minutes.
  static constexpr int kMaxReadings = 2016;
  static constexpr size_t kMaxReason = 500;
  static constexpr size_t kMaxRemoved = 100'000;
  static constexpr size_t kMaxFound = 1000;
  // Words of one search; the rest is passed by.
  static constexpr size_t kMaxWords = 16;

  // As db::Database::Open.
  static absl::StatusOr<std::unique_ptr<Library>> Open(const std::string& path);
  ~Library();

  // Adds the torrent or replaces what was known of it.
  absl::Status Put(const TorrentRow& row);
  // Only what changes in a torrent's life: state, `held`, policy, `archived`, counts. The words of
  // the search stay as they are. NotFound: it was not added.
  absl::Status Update(const TorrentRow& row);
  absl::Status Erase(const torrent::InfoHash& hash);
  std::vector<TorrentRow> All() const;
  // Where a magnet said that its torrent is known, as long as its metainfo did not come; empty: no
  // more.
  absl::Status PutTrackers(const torrent::InfoHash& hash, const std::vector<std::string>& trackers);
  std::vector<std::string> TrackersOf(const torrent::InfoHash& hash) const;
  // By words of name and paths, each a beginning; the best first. Nothing is an operator.
  std::vector<torrent::InfoHash> Search(absl::string_view text, size_t limit) const;

  absl::Status Deny(const Denial& denial);
  absl::Status Allow(const torrent::InfoHash& hash);
  std::vector<Denial> Denied() const;

  // Names of torrents that were here and were removed by hand, the first removed first; beyond
  // kMaxRemoved the oldest are forgotten.
  absl::Status NoteRemoved(const torrent::InfoHash& hash, absl::Time at);
  absl::Status ForgetRemoved(const torrent::InfoHash& hash);
  std::vector<torrent::InfoHash> Removed() const;

  absl::Status Note(const torrent::InfoHash& hash, const Reading& reading);
  // The oldest first.
  std::vector<Reading> History(const torrent::InfoHash& hash) const;

 private:
  explicit Library(db::Database database) : database_(std::move(database)) {}
  absl::Status Prepare();

  db::Database database_;
  db::Statement put_, update_, erase_, all_, put_words_, erase_words_, search_, deny_, allow_,
      denied_, note_removed_, trim_removed_, forget_removed_, removed_, note_, trim_, history_,
      erase_history_, put_tracker_, trackers_, erase_trackers_;
};

}  // namespace p2pd::archive
