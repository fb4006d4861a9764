#include "libcore/archive/library.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/bits.h"
#include "libcore/base/status.h"

namespace p2pd::archive {
namespace {

// A torrent's words have its id: without it each change of a row would read all of them.
constexpr char kTorrents[] =
    "CREATE TABLE torrents("
    "hash BLOB NOT NULL UNIQUE, v1 BLOB NOT NULL, v2 BLOB NOT NULL, name TEXT NOT NULL, "
    "file TEXT NOT NULL, folder TEXT NOT NULL, paths TEXT NOT NULL, size INTEGER NOT NULL, "
    "piece_length INTEGER NOT NULL, pieces INTEGER NOT NULL, state INTEGER NOT NULL, "
    "source INTEGER NOT NULL, flags INTEGER NOT NULL, added INTEGER NOT NULL, "
    "archived INTEGER NOT NULL, uploaded INTEGER NOT NULL, downloaded INTEGER NOT NULL, "
    "demand INTEGER NOT NULL, held BLOB NOT NULL, id INTEGER PRIMARY KEY);"
    "CREATE VIRTUAL TABLE words USING fts5(name, paths);";
constexpr char kOthers[] =
    "CREATE TABLE denied(hash BLOB PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE readings(hash BLOB NOT NULL, at INTEGER NOT NULL, organic INTEGER NOT NULL, "
    "total INTEGER NOT NULL, PRIMARY KEY(hash, at)) WITHOUT ROWID;";

constexpr char kTrackers[] =
    "CREATE TABLE trackers(hash BLOB NOT NULL, place INTEGER NOT NULL, url TEXT NOT NULL, "
    "PRIMARY KEY(hash, place)) WITHOUT ROWID;";

// What an operator took away, until it is handed in again.
constexpr char kRemoved[] =
    "CREATE TABLE removed(hash BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;";

db::Schema Schema() {
  return db::Schema{
      .what = "archive library",
      .application_id = 0x7032616c,  // "p2al"
      .version = Library::kSchemaVersion,
      .tables = absl::StrCat(kTorrents, kOthers, kTrackers, kRemoved),
      .upgrade = kRemoved,
      .if_damaged = "move the file away and start again: it is made anew from the folder Torrents",
      .if_full = "make room there"};
}

enum Flag : int64_t { kPrivate = 1, kPinned = 2, kMayLose = 4 };
constexpr int64_t kNever = 0;
constexpr double kDemandUnit = 1000;
constexpr uint64_t kFractions = 10'000;

int64_t Number(uint64_t value) { return static_cast<int64_t>(value); }
int64_t Packed(const Availability& a) { return Number(a.whole * kFractions + a.fraction); }
Availability Unpacked(int64_t value) {
  const auto number = static_cast<uint64_t>(std::max<int64_t>(value, 0));
  return Availability{static_cast<uint32_t>(number / kFractions),
                      static_cast<uint32_t>(number % kFractions)};
}
int64_t FlagsOf(const TorrentRow& row) {
  return (row.is_private ? int64_t{kPrivate} : 0) | (row.pinned ? int64_t{kPinned} : 0) |
         (row.may_lose ? int64_t{kMayLose} : 0);
}
int64_t ArchivedOf(const TorrentRow& row) {
  return row.archived ? absl::ToUnixMicros(*row.archived) : kNever;
}
std::string TextOf(const db::Query& query, int column) { return ToText(query.Blob(column)); }
template <class HashT>
ByteView ViewOf(const std::optional<HashT>& hash) {
  return hash ? hash->view() : ByteView();
}

TorrentRow ReadRow(const db::Query& query) {
  TorrentRow row;
  row.hashes.v1 = torrent::InfoHash::FromView(query.Blob(1));
  row.hashes.v2 = torrent::InfoHashV2::FromView(query.Blob(2));
  row.name = TextOf(query, 3);
  row.file = TextOf(query, 4);
  row.folder = TextOf(query, 5);
  row.size = static_cast<uint64_t>(query.Number(7));
  row.piece_length = static_cast<uint32_t>(query.Number(8));
  row.pieces = static_cast<uint32_t>(query.Number(9));
  row.state = static_cast<TorrentState>(query.Number(10));
  row.source = static_cast<Source>(query.Number(11));
  row.is_private = (query.Number(12) & kPrivate) != 0;
  row.pinned = (query.Number(12) & kPinned) != 0;
  row.may_lose = (query.Number(12) & kMayLose) != 0;
  row.added = absl::FromUnixMicros(query.Number(13));
  if (query.Number(14) != kNever) row.archived = absl::FromUnixMicros(query.Number(14));
  row.uploaded = static_cast<uint64_t>(query.Number(15));
  row.downloaded = static_cast<uint64_t>(query.Number(16));
  row.demand = static_cast<double>(query.Number(17)) / kDemandUnit;
  const ByteView held = query.Blob(18);
  if (!held.empty()) row.held = UnpackBits(held, row.pieces);
  return row;
}

// Words in quotes with a star behind are beginnings, whatever else they would mean to FTS5.
std::string Expression(absl::string_view text) {
  std::string out;
  size_t words = 0;
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\r\n\"*'._-/()[]"), absl::SkipWhitespace())) {
    if (++words > Library::kMaxWords) break;
    absl::StrAppend(&out, out.empty() ? "" : " ", "\"", word, "\"*");
  }
  return out;
}

}  // namespace

std::string ToString(TorrentState state) {
  switch (state) {
    case TorrentState::kKnown:
      return "known";
    case TorrentState::kMetadata:
      return "metadata";
    case TorrentState::kFetching:
      return "fetching";
    case TorrentState::kArchived:
      return "archived";
    case TorrentState::kThinned:
      return "thinned";
    case TorrentState::kDormant:
      return "dormant";
    case TorrentState::kLost:
      return "lost";
  }
  return "";
}

std::string ToString(Source source) {
  switch (source) {
    case Source::kSubmitted:
      return "submitted";
    case Source::kAnnounced:
      return "announced";
    case Source::kOverlay:
      return "overlay";
    case Source::kWatched:
      return "watched";
    case Source::kFeed:
      return "feed";
    case Source::kFederation:
      return "federation";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<Library>> Library::Open(const std::string& path) {
  P2PD_ASSIGN_OR_RETURN(db::Database database, db::Database::Open(path, Schema()));
  std::unique_ptr<Library> out(new Library(std::move(database)));
  P2PD_RETURN_IF_ERROR(out->Prepare());
  return out;
}

Library::~Library() = default;

absl::Status Library::Prepare() {
  const std::pair<db::Statement*, const char*> statements[] = {
      {&put_, "INSERT OR REPLACE INTO torrents VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL)"},
      {&update_,
       "UPDATE torrents SET state=?,flags=?,archived=?,uploaded=?,downloaded=?,demand=?,held=? "
       "WHERE hash=? RETURNING id"},
      {&erase_, "DELETE FROM torrents WHERE hash=?"},
      {&all_, "SELECT * FROM torrents ORDER BY added, hash"},
      {&put_words_,
       "INSERT INTO words(rowid,name,paths) SELECT id,name,paths FROM torrents WHERE hash=?"},
      {&erase_words_, "DELETE FROM words WHERE rowid=(SELECT id FROM torrents WHERE hash=?)"},
      {&search_,
       "SELECT hash FROM words JOIN torrents ON id=words.rowid WHERE words MATCH ? "
       "ORDER BY rank LIMIT ?"},
      {&deny_, "INSERT OR REPLACE INTO denied VALUES(?,?,?)"},
      {&allow_, "DELETE FROM denied WHERE hash=?"},
      {&denied_, "SELECT hash,reason,at FROM denied ORDER BY at, hash"},
      {&note_removed_, "INSERT OR REPLACE INTO removed VALUES(?,?)"},
      {&trim_removed_,
       "DELETE FROM removed WHERE hash IN (SELECT hash FROM removed ORDER BY at DESC, hash "
       "LIMIT -1 OFFSET ?)"},
      {&forget_removed_, "DELETE FROM removed WHERE hash=?"},
      {&removed_, "SELECT hash FROM removed ORDER BY at, hash"},
      {&note_, "INSERT OR REPLACE INTO readings VALUES(?,?,?,?)"},
      {&trim_,
       "DELETE FROM readings WHERE hash=?1 AND at<=(SELECT at FROM readings WHERE hash=?1 "
       "ORDER BY at DESC LIMIT 1 OFFSET ?2)"},
      {&history_, "SELECT at,organic,total FROM readings WHERE hash=? ORDER BY at"},
      {&erase_history_, "DELETE FROM readings WHERE hash=?"},
      {&put_tracker_, "INSERT INTO trackers VALUES(?,?,?)"},
      {&trackers_, "SELECT url FROM trackers WHERE hash=? ORDER BY place"},
      {&erase_trackers_, "DELETE FROM trackers WHERE hash=?"},
  };
  for (const auto& [statement, sql] : statements) {
    P2PD_ASSIGN_OR_RETURN(*statement, database_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status Library::Put(const TorrentRow& row) {
  const torrent::InfoHash hash = row.hashes.Best();
  P2PD_RETURN_IF_ERROR(database_.Execute("BEGIN IMMEDIATE", "begin"));
  // The words first: they are found by the row that goes.
  bool good = db::Query(erase_words_).Bind(hash.view()).Run();
  good = good && db::Query(put_)
                     .Bind(hash.view())
                     .Bind(ViewOf(row.hashes.v1))
                     .Bind(ViewOf(row.hashes.v2))
                     .Text(row.name)
                     .Text(row.file)
                     .Text(row.folder)
                     .Text(row.paths)
                     .Bind(Number(row.size))
                     .Bind(int64_t{row.piece_length})
                     .Bind(int64_t{row.pieces})
                     .Bind(static_cast<int64_t>(row.state))
                     .Bind(static_cast<int64_t>(row.source))
                     .Bind(FlagsOf(row))
                     .Bind(absl::ToUnixMicros(row.added))
                     .Bind(ArchivedOf(row))
                     .Bind(Number(row.uploaded))
                     .Bind(Number(row.downloaded))
                     .Bind(static_cast<int64_t>(row.demand * kDemandUnit))
                     .Bind(PackBits(row.held))
                     .Run();
  good = good && db::Query(put_words_).Bind(hash.view()).Run();
  if (good) return database_.Execute("COMMIT", "keep a torrent");
  const absl::Status status = database_.Error("keep a torrent");
  database_.Execute("ROLLBACK", "go back").IgnoreError();
  return status;
}

absl::Status Library::Update(const TorrentRow& row) {
  const torrent::InfoHash hash = row.hashes.Best();
  const Bytes held = PackBits(row.held);
  db::Query query(update_);
  query.Bind(static_cast<int64_t>(row.state))
      .Bind(FlagsOf(row))
      .Bind(ArchivedOf(row))
      .Bind(Number(row.uploaded))
      .Bind(Number(row.downloaded))
      .Bind(static_cast<int64_t>(row.demand * kDemandUnit))
      .Bind(held)
      .Bind(hash.view());
  switch (query.Next()) {
    case db::Query::Step::kRow:
      return absl::OkStatus();
    case db::Query::Step::kDone:
      return absl::NotFoundError("no such torrent is kept");
    case db::Query::Step::kFailed:
      break;
  }
  return database_.Error("keep a torrent");
}

absl::Status Library::Erase(const torrent::InfoHash& hash) {
  for (const db::Statement* statement :
       {&erase_words_, &erase_, &erase_history_, &erase_trackers_}) {
    if (!db::Query(*statement).Bind(hash.view()).Run()) return database_.Error("erase a torrent");
  }
  return absl::OkStatus();
}

std::vector<TorrentRow> Library::All() const {
  std::vector<TorrentRow> out;
  db::Query query(all_);
  while (query.Next() == db::Query::Step::kRow) {
    TorrentRow row = ReadRow(query);
    if (row.hashes.v1 || row.hashes.v2) out.push_back(std::move(row));
  }
  return out;
}

absl::Status Library::PutTrackers(const torrent::InfoHash& hash,
                                  const std::vector<std::string>& trackers) {
  bool good = db::Query(erase_trackers_).Bind(hash.view()).Run();
  for (size_t i = 0; good && i < trackers.size(); ++i) {
    good = db::Query(put_tracker_).Bind(hash.view()).Bind(Number(i)).Text(trackers[i]).Run();
  }
  return good ? absl::OkStatus() : database_.Error("keep the trackers of a torrent");
}

std::vector<std::string> Library::TrackersOf(const torrent::InfoHash& hash) const {
  std::vector<std::string> out;
  db::Query query(trackers_);
  query.Bind(hash.view());
  while (query.Next() == db::Query::Step::kRow) out.push_back(TextOf(query, 0));
  return out;
}

std::vector<torrent::InfoHash> Library::Search(absl::string_view text, size_t limit) const {
  std::vector<torrent::InfoHash> out;
  const std::string expression = Expression(text);
  if (expression.empty()) return out;
  db::Query query(search_);
  query.Text(expression).Bind(Number(std::min(limit, kMaxFound)));
  while (query.Next() == db::Query::Step::kRow) {
    if (const auto hash = torrent::InfoHash::FromView(query.Blob(0))) out.push_back(*hash);
  }
  return out;
}

absl::Status Library::Deny(const Denial& denial) {
  const absl::string_view reason = absl::string_view(denial.reason).substr(0, kMaxReason);
  db::Query query(deny_);
  query.Bind(denial.hash.view()).Text(reason).Bind(absl::ToUnixMicros(denial.at));
  return query.Run() ? absl::OkStatus() : database_.Error("deny a torrent");
}

absl::Status Library::Allow(const torrent::InfoHash& hash) {
  return db::Query(allow_).Bind(hash.view()).Run() ? absl::OkStatus()
                                                   : database_.Error("allow a torrent");
}

absl::Status Library::NoteRemoved(const torrent::InfoHash& hash, absl::Time at) {
  const bool noted =
      db::Query(note_removed_).Bind(hash.view()).Bind(absl::ToUnixMicros(at)).Run() &&
      db::Query(trim_removed_).Bind(Number(kMaxRemoved)).Run();
  return noted ? absl::OkStatus() : database_.Error("note that a torrent was removed");
}

absl::Status Library::ForgetRemoved(const torrent::InfoHash& hash) {
  return db::Query(forget_removed_).Bind(hash.view()).Run()
             ? absl::OkStatus()
             : database_.Error("take a torrent again");
}

std::vector<torrent::InfoHash> Library::Removed() const {
  std::vector<torrent::InfoHash> out;
  db::Query query(removed_);
  while (query.Next() == db::Query::Step::kRow) {
    if (const auto hash = torrent::InfoHash::FromView(query.Blob(0))) out.push_back(*hash);
  }
  return out;
}

std::vector<Denial> Library::Denied() const {
  std::vector<Denial> out;
  db::Query query(denied_);
  while (query.Next() == db::Query::Step::kRow) {
    const auto hash = torrent::InfoHash::FromView(query.Blob(0));
    if (hash) out.push_back({*hash, TextOf(query, 1), absl::FromUnixMicros(query.Number(2))});
  }
  return out;
}

absl::Status Library::Note(const torrent::InfoHash& hash, const Reading& reading) {
  db::Query query(note_);
  query.Bind(hash.view())
      .Bind(absl::ToUnixMicros(reading.at))
      .Bind(Packed(reading.organic))
      .Bind(Packed(reading.total));
  if (!query.Run()) return database_.Error("note an availability");
  db::Query trim(trim_);
  trim.Bind(hash.view()).Bind(int64_t{kMaxReadings});
  return trim.Run() ? absl::OkStatus() : database_.Error("forget an availability");
}

std::vector<Reading> Library::History(const torrent::InfoHash& hash) const {
  std::vector<Reading> out;
  db::Query query(history_);
  query.Bind(hash.view());
  while (query.Next() == db::Query::Step::kRow) {
    out.push_back({absl::FromUnixMicros(query.Number(0)), Unpacked(query.Number(1)),
                   Unpacked(query.Number(2))});
  }
  return out;
}

}  // namespace p2pd::archive
