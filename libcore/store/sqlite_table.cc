#include "libcore/store/sqlite_table.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libcore/base/check.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/store/account_ledger.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

// "p2st": tells our file from another program's (PRAGMA application_id).
constexpr int kApplicationId = 0x70327374;
// How long a statement waits for the checkpointer, which holds the write lock only for moments.
constexpr int kBusyMilliseconds = 1000;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
struct FinalizeStatement {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// SQLite's check begins with a line of its own, "*** in database main ***": of no use to anybody
// who has one database only, and an error is one line.
std::string InOneLine(absl::string_view text) {
  absl::ConsumePrefix(&text, "*** in database main ***\n");
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\n", ", "}});
}

absl::Status SqliteError(int code, absl::string_view action, const std::string& path,
                         const char* text) {
  const std::string message =
      absl::StrCat("object table ", path, ": cannot ", action, ": ", InOneLine(text));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat("disk full: ", message, "; make room there, or raise store.max_bytes"));
    case SQLITE_CORRUPT:
      return absl::DataLossError(absl::StrCat(
          message, "; move the file away and start again, the other nodes give the objects back"));
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(
          absl::StrCat(message, "; the file is damaged or no object table: move it away"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(message, "; is another p2pd using it?"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return absl::PermissionDeniedError(absl::StrCat(message, "; may p2pd write there?"));
    case SQLITE_IOERR:
      return absl::DataLossError(absl::StrCat(message, "; look at the disk"));
    default:
      return absl::InternalError(message);
  }
}

// One prepared statement in use: binds in order, steps, and is reset when it goes.
class Use {
 public:
  explicit Use(const StatementHandle& statement) : s_(statement.get()) {}
  ~Use() {
    sqlite3_reset(s_);
    sqlite3_clear_bindings(s_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  Use& Bind(ByteView bytes) {
    // A null pointer would bind NULL, and NULL equals nothing.
    static constexpr uint8_t kNothing = 0;
    sqlite3_bind_blob64(s_, ++bound_, bytes.empty() ? &kNothing : bytes.data(), bytes.size(),
                        SQLITE_STATIC);
    return *this;
  }
  Use& Bind(int64_t number) {
    sqlite3_bind_int64(s_, ++bound_, number);
    return *this;
  }
  int Step() { return sqlite3_step(s_); }

  ByteView Blob(int column) const {
    return ByteView(static_cast<const uint8_t*>(sqlite3_column_blob(s_, column)),
                    static_cast<size_t>(sqlite3_column_bytes(s_, column)));
  }
  int64_t Number(int column) const { return sqlite3_column_int64(s_, column); }

 private:
  sqlite3_stmt* s_;
  int bound_ = 0;
};

absl::StatusOr<Database> OpenDatabase(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (code != SQLITE_OK) return SqliteError(code, "open", path, sqlite3_errmsg(raw));
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return db;
}

absl::Status Execute(sqlite3* db, const std::string& path, const std::string& sql,
                     absl::string_view action) {
  const int code = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return SqliteError(code, action, path, sqlite3_errmsg(db));
  return absl::OkStatus();
}

// The first value of a query's first row.
absl::StatusOr<std::string> Ask(sqlite3* db, const std::string& path, const std::string& sql,
                                absl::string_view action) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, nullptr);
  const StatementHandle statement(raw);
  if (code == SQLITE_OK) code = sqlite3_step(raw);
  if (code != SQLITE_ROW) return SqliteError(code, action, path, sqlite3_errmsg(db));
  const unsigned char* text = sqlite3_column_text(raw, 0);
  return std::string(text == nullptr ? "" : reinterpret_cast<const char*>(text));
}

// `bytes` comes last: who reads the other columns then never touches the overflow pages of a large
// value.
constexpr char kSchema[] =
    "CREATE TABLE objects("
    "place BLOB NOT NULL, kind INTEGER NOT NULL, slot BLOB NOT NULL, sequence INTEGER NOT NULL, "
    "expires INTEGER NOT NULL, stored_at INTEGER NOT NULL, account BLOB NOT NULL, "
    "digest BLOB NOT NULL, size INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE UNIQUE INDEX by_slot ON objects(place, kind, slot);"
    "CREATE INDEX by_expiry ON objects(expires);"
    "CREATE INDEX by_account ON objects(account, stored_at);";

absl::Status PrepareFile(sqlite3* db, const std::string& path) {
  P2PD_ASSIGN_OR_RETURN(const std::string verdict,
                        Ask(db, path, "PRAGMA quick_check(1)", "check the file"));
  if (verdict != "ok") return SqliteError(SQLITE_CORRUPT, "use it", path, verdict.c_str());
  P2PD_ASSIGN_OR_RETURN(const std::string version,
                        Ask(db, path, "PRAGMA user_version", "read the version"));
  P2PD_ASSIGN_OR_RETURN(const std::string application,
                        Ask(db, path, "PRAGMA application_id", "read the kind of file"));
  P2PD_ASSIGN_OR_RETURN(const std::string tables,
                        Ask(db, path, "SELECT count(*) FROM sqlite_master", "read the schema"));
  if (version == "0" && application == "0" && tables == "0") {
    return Execute(
        db, path,
        absl::StrCat("BEGIN IMMEDIATE;", kSchema, "PRAGMA application_id=", kApplicationId,
                     ";PRAGMA user_version=", SqliteTable::kSchemaVersion, ";COMMIT"),
        "make the tables");
  }
  if (application != absl::StrCat(kApplicationId)) {
    return absl::FailedPreconditionError(
        absl::StrCat("object table ", path, ": the file belongs to another program; move it away"));
  }
  if (version != absl::StrCat(SqliteTable::kSchemaVersion)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "object table ", path, ": the file has version ", version, ", this p2pd knows version ",
        SqliteTable::kSchemaVersion, "; use the newer p2pd or move the file away"));
  }
  return absl::OkStatus();
}

absl::Status Configure(sqlite3* db, const std::string& path, const SqliteOptions& options) {
  std::string sql = absl::StrCat(
      "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA trusted_schema=OFF;"
      "PRAGMA mmap_size=0;PRAGMA cache_size=-",
      SqliteTable::kCacheKiB, ";PRAGMA wal_autocheckpoint=", SqliteTable::kWalWall, ";");
  if (options.max_pages > 0) absl::StrAppend(&sql, "PRAGMA max_page_count=", options.max_pages);
  return Execute(db, path, sql, "set it up");
}

int64_t Micros(absl::Time time) { return absl::ToUnixMicros(time); }
size_t ChargeOf(int64_t size) { return static_cast<size_t>(size) + kRowOverhead; }

}  // namespace

class SqliteTable::Impl {
 public:
  Impl(std::string path, Database db) : path_(std::move(path)), db_(std::move(db)) {}

  absl::Status Prepare();
  absl::Status CountUp();
  absl::Status Error(int code, absl::string_view action) const {
    return SqliteError(code, action, path_, sqlite3_errmsg(db_.get()));
  }
  // True while rows come; remembers a read that failed.
  bool NextRow(Use& use) const;
  std::optional<StoredRow> ReadRow(const Use& use) const;
  // What stands in this slot now: account and charge.
  std::optional<std::pair<std::string, size_t>> Standing(const Key& place, ObjectKind kind,
                                                         ByteView slot) const;
  void Forget(const std::string& account, size_t charge) {
    ledger_.Take(account, charge);
    --objects_;
    bytes_ -= charge;
  }

  std::string path_;
  Database db_;
  StatementHandle insert_, erase_, find_, holds_, keys_, summaries_, standing_, expired_,
      erase_expired_, newest_;
  AccountLedger ledger_;
  size_t objects_ = 0;
  size_t bytes_ = 0;
  mutable absl::Status read_error_;
};

absl::Status SqliteTable::Impl::Prepare() {
  const std::pair<StatementHandle*, const char*> statements[] = {
      {&insert_,
       "INSERT OR REPLACE INTO objects(place,kind,slot,sequence,expires,stored_at,account,digest,"
       "size,bytes) VALUES(?,?,?,?,?,?,?,?,?,?)"},
      {&erase_, "DELETE FROM objects WHERE place=? AND kind=? AND slot=?"},
      {&find_,
       "SELECT bytes,account,stored_at,digest,place FROM objects WHERE place=? AND kind>=? AND "
       "kind<=? ORDER BY kind,slot"},
      {&holds_, "SELECT 1 FROM objects WHERE place=? AND digest=?"},
      {&keys_,
       "SELECT DISTINCT place FROM objects WHERE place>=? AND place<=? ORDER BY place LIMIT ?"},
      {&summaries_,
       "SELECT place,kind,slot,sequence,expires,size FROM objects WHERE place>=? AND place<=? "
       "ORDER BY place,kind,slot LIMIT ?"},
      {&standing_, "SELECT account,size FROM objects WHERE place=? AND kind=? AND slot=?"},
      {&expired_, "SELECT account,size FROM objects WHERE expires<=?"},
      {&erase_expired_, "DELETE FROM objects WHERE expires<=?"},
      {&newest_,
       "SELECT bytes,account,stored_at,digest,place FROM objects WHERE account=? "
       "ORDER BY stored_at DESC, rowid DESC LIMIT 1"},
  };
  for (const auto& [handle, sql] : statements) {
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    handle->reset(raw);
    if (code != SQLITE_OK) return Error(code, "prepare a statement");
  }
  return absl::OkStatus();
}

absl::Status SqliteTable::Impl::CountUp() {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(db_.get(), "SELECT account,size FROM objects", -1, &raw, nullptr);
  const StatementHandle statement(raw);
  if (code != SQLITE_OK) return Error(code, "count the rows");
  Use use(statement);
  while ((code = use.Step()) == SQLITE_ROW) {
    ledger_.Add(ToText(use.Blob(0)), ChargeOf(use.Number(1)));
    bytes_ += ChargeOf(use.Number(1));
    ++objects_;
  }
  return code == SQLITE_DONE ? absl::OkStatus() : Error(code, "count the rows");
}

bool SqliteTable::Impl::NextRow(Use& use) const {
  const int code = use.Step();
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE && read_error_.ok()) {
    read_error_ = Error(code, "read");
    P2PD_LOG(store, kError, read_error_.message());
  }
  return false;
}

std::optional<StoredRow> SqliteTable::Impl::ReadRow(const Use& use) const {
  std::optional<Object> object = ParseStored(use.Blob(0));
  const auto place = Key::FromView(use.Blob(4));
  if (!object || !place || object->digest().view() != use.Blob(3)) {
    if (read_error_.ok()) {
      read_error_ = SqliteError(SQLITE_CORRUPT, "read a row", path_, "its digest does not fit");
      P2PD_LOG(store, kError, read_error_.message());
    }
    return std::nullopt;
  }
  return StoredRow{*std::move(object), ToText(use.Blob(1)), absl::FromUnixMicros(use.Number(2)),
                   *place};
}

std::optional<std::pair<std::string, size_t>> SqliteTable::Impl::Standing(const Key& place,
                                                                          ObjectKind kind,
                                                                          ByteView slot) const {
  Use use(standing_);
  use.Bind(place.view()).Bind(int64_t{kind}).Bind(slot);
  if (!NextRow(use)) return std::nullopt;
  return std::pair(ToText(use.Blob(0)), ChargeOf(use.Number(1)));
}

absl::StatusOr<std::unique_ptr<SqliteTable>> SqliteTable::Open(const std::string& path,
                                                               const SqliteOptions& options) {
  // An empty file is a valid database; made here so that it, its WAL and its index have mode 0600.
  const auto existing = ReadFile(path, 0);
  if (existing.status().code() == absl::StatusCode::kNotFound) {
    P2PD_RETURN_IF_ERROR(WriteFileAtomically(path, {}, FileMode::kSecret));
  }
  P2PD_ASSIGN_OR_RETURN(Database db, OpenDatabase(path));
  P2PD_RETURN_IF_ERROR(Configure(db.get(), path, options));
  P2PD_RETURN_IF_ERROR(PrepareFile(db.get(), path));
  auto impl = std::make_unique<Impl>(path, std::move(db));
  P2PD_RETURN_IF_ERROR(impl->Prepare());
  P2PD_RETURN_IF_ERROR(impl->CountUp());
  return std::unique_ptr<SqliteTable>(new SqliteTable(std::move(impl)));
}

SqliteTable::SqliteTable(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteTable::~SqliteTable() = default;

absl::Status SqliteTable::Insert(const StoredRow& row) {
  const Object& object = row.object;
  const auto before = impl_->Standing(row.place, object.kind(), object.slot());
  Use use(impl_->insert_);
  use.Bind(row.place.view())
      .Bind(int64_t{object.kind()})
      .Bind(object.slot())
      .Bind(static_cast<int64_t>(object.sequence().value()))
      .Bind(Micros(object.expires()))
      .Bind(Micros(row.stored_at))
      .Bind(AsBytes(row.account))
      .Bind(object.digest().view())
      .Bind(static_cast<int64_t>(object.bytes().size()))
      .Bind(object.bytes());
  const int code = use.Step();
  if (code != SQLITE_DONE) return impl_->Error(code, "store an object");
  if (before) impl_->Forget(before->first, before->second);
  const size_t charge = ChargeOf(static_cast<int64_t>(object.bytes().size()));
  impl_->ledger_.Add(row.account, charge);
  impl_->bytes_ += charge;
  ++impl_->objects_;
  return absl::OkStatus();
}

absl::Status SqliteTable::Erase(const Key& place, ObjectKind kind, ByteView slot) {
  const auto before = impl_->Standing(place, kind, slot);
  if (!before) return absl::OkStatus();
  Use use(impl_->erase_);
  use.Bind(place.view()).Bind(int64_t{kind}).Bind(slot);
  const int code = use.Step();
  if (code != SQLITE_DONE) return impl_->Error(code, "erase an object");
  impl_->Forget(before->first, before->second);
  return absl::OkStatus();
}

std::vector<StoredRow> SqliteTable::Find(const Key& place, std::optional<ObjectKind> kind) const {
  std::vector<StoredRow> rows;
  Use use(impl_->find_);
  use.Bind(place.view())
      .Bind(int64_t{kind ? *kind : 0})
      .Bind(int64_t{kind ? *kind : wire::v1::ObjectKind_MAX});
  while (impl_->NextRow(use)) {
    if (auto row = impl_->ReadRow(use)) rows.push_back(*std::move(row));
  }
  return rows;
}

bool SqliteTable::Holds(const Key& place, const pki::Sha256Digest& digest) const {
  Use use(impl_->holds_);
  use.Bind(place.view()).Bind(digest.view());
  return impl_->NextRow(use);
}

namespace {

struct Arc {
  Key from;
  Key to;
};

// A range that wraps is two that do not.
std::vector<Arc> Unwrap(const Key& from, const Key& to) {
  if (from <= to) return {Arc{from, to}};
  Key highest;
  for (uint8_t& byte : highest.mutable_view()) byte = 0xff;
  return {Arc{from, highest}, Arc{Key(), to}};
}

}  // namespace

std::vector<Key> SqliteTable::KeysBetween(const Key& from, const Key& to, size_t limit) const {
  std::vector<Key> keys;
  for (const Arc& arc : Unwrap(from, to)) {
    Use use(impl_->keys_);
    use.Bind(arc.from.view()).Bind(arc.to.view()).Bind(static_cast<int64_t>(limit - keys.size()));
    while (impl_->NextRow(use)) {
      if (const auto key = Key::FromView(use.Blob(0))) keys.push_back(*key);
    }
  }
  return keys;
}

std::vector<RowSummary> SqliteTable::SummariesBetween(const Key& from, const Key& to,
                                                      size_t limit) const {
  std::vector<RowSummary> rows;
  for (const Arc& arc : Unwrap(from, to)) {
    Use use(impl_->summaries_);
    use.Bind(arc.from.view()).Bind(arc.to.view()).Bind(static_cast<int64_t>(limit - rows.size()));
    while (impl_->NextRow(use)) {
      const auto place = Key::FromView(use.Blob(0));
      if (!place) continue;
      rows.push_back(
          RowSummary{*place, static_cast<ObjectKind>(use.Number(1)), ToBytes(use.Blob(2)),
                     Sequence(static_cast<uint64_t>(use.Number(3))),
                     absl::FromUnixMicros(use.Number(4)), static_cast<size_t>(use.Number(5))});
    }
  }
  return rows;
}

size_t SqliteTable::EraseExpired(absl::Time now) {
  std::vector<std::pair<std::string, size_t>> gone;
  {
    Use use(impl_->expired_);
    use.Bind(Micros(now));
    while (impl_->NextRow(use)) gone.emplace_back(ToText(use.Blob(0)), ChargeOf(use.Number(1)));
  }
  if (gone.empty()) return 0;
  Use use(impl_->erase_expired_);
  use.Bind(Micros(now));
  // A full disk refuses even this; they stay, are never given out, and go the next time.
  if (use.Step() != SQLITE_DONE) return 0;
  for (const auto& [account, charge] : gone) impl_->Forget(account, charge);
  return gone.size();
}

size_t SqliteTable::total_objects() const { return impl_->objects_; }
size_t SqliteTable::total_bytes() const { return impl_->bytes_; }
size_t SqliteTable::BytesOf(const std::string& account) const {
  return impl_->ledger_.BytesOf(account);
}

std::optional<StoredRow> SqliteTable::NewestOfLargestAccount() const {
  const std::optional<std::string> account = impl_->ledger_.Largest();
  if (!account) return std::nullopt;
  Use use(impl_->newest_);
  use.Bind(AsBytes(*account));
  if (!impl_->NextRow(use)) return std::nullopt;
  return impl_->ReadRow(use);
}

const absl::Status& SqliteTable::read_error() const { return impl_->read_error_; }

class SqliteCheckpointer::Impl {
 public:
  std::string path;
  Database db;
};

SqliteCheckpointer::SqliteCheckpointer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteCheckpointer::~SqliteCheckpointer() = default;

absl::StatusOr<std::unique_ptr<SqliteCheckpointer>> SqliteCheckpointer::Open(
    const std::string& path) {
  P2PD_ASSIGN_OR_RETURN(Database db, OpenDatabase(path));
  P2PD_RETURN_IF_ERROR(Execute(db.get(), path, "PRAGMA synchronous=NORMAL;PRAGMA cache_size=-64",
                               "set up the checkpoint"));
  return std::unique_ptr<SqliteCheckpointer>(
      new SqliteCheckpointer(std::make_unique<Impl>(Impl{path, std::move(db)})));
}

absl::Status SqliteCheckpointer::Checkpoint() {
  int in_wal = 0;
  int moved = 0;
  // Passive: takes what it can without making the writer wait; the rest is for the next time.
  const int code = sqlite3_wal_checkpoint_v2(impl_->db.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                             &in_wal, &moved);
  if (code == SQLITE_BUSY) return absl::OkStatus();
  if (code != SQLITE_OK) {
    return SqliteError(code, "checkpoint", impl_->path, sqlite3_errmsg(impl_->db.get()));
  }
  return absl::OkStatus();
}

}  // namespace p2pd::store
