#include "libcore/db/database.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::db {
namespace {

// How long a statement waits for the checkpointer, which holds the write lock only for moments.
constexpr int kBusyMilliseconds = 1000;
constexpr int kCheckpointCacheKiB = 64;

// SQLite's check begins with a line of its own, "*** in database main ***": of no use to anybody
// who has one database only, and an error is one line.
std::string InOneLine(absl::string_view text) {
  absl::ConsumePrefix(&text, "*** in database main ***\n");
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\n", ", "}});
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* connection) const { sqlite3_close(connection); }
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

absl::Status Database::ErrorOf(int code, absl::string_view action, absl::string_view text) const {
  const std::string message =
      absl::StrCat(schema_.what, " ", path_, ": cannot ", action, ": ", InOneLine(text));
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat("disk full: ", message, "; ", schema_.if_full));
    case SQLITE_CORRUPT:
      return absl::DataLossError(absl::StrCat(message, "; ", schema_.if_damaged));
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(
          absl::StrCat(message, "; the file is damaged or no ", schema_.what, ": move it away"));
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

absl::Status Database::Error(absl::string_view action) const {
  sqlite3* connection = connection_.get();
  return ErrorOf(sqlite3_extended_errcode(connection), action, sqlite3_errmsg(connection));
}

absl::Status Database::Damaged(absl::string_view action, absl::string_view why) const {
  return ErrorOf(SQLITE_CORRUPT, action, why);
}

absl::Status Database::Connect() {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path_.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection_.reset(raw);
  if (code != SQLITE_OK) return ErrorOf(code, "open", sqlite3_errmsg(raw));
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return absl::OkStatus();
}

absl::Status Database::Configure(const Settings& settings) {
  std::string sql = absl::StrCat(
      "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA trusted_schema=OFF;"
      "PRAGMA mmap_size=0;PRAGMA cache_size=-",
      settings.cache_kib, ";PRAGMA wal_autocheckpoint=", settings.wal_wall, ";");
  if (settings.max_pages > 0) absl::StrAppend(&sql, "PRAGMA max_page_count=", settings.max_pages);
  return Execute(sql, "set it up");
}

absl::Status Database::Execute(const std::string& sql, absl::string_view action) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return ErrorOf(code, action, sqlite3_errmsg(connection_.get()));
  return absl::OkStatus();
}

// The first value of a query's first row.
absl::StatusOr<std::string> Database::Ask(absl::string_view sql, absl::string_view action) {
  P2PD_ASSIGN_OR_RETURN(const Statement statement, Prepare(sql));
  sqlite3_stmt* raw = statement.handle_.get();
  if (sqlite3_step(raw) != SQLITE_ROW) return Error(action);
  const unsigned char* text = sqlite3_column_text(raw, 0);
  return std::string(text == nullptr ? "" : reinterpret_cast<const char*>(text));
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement out;
  out.handle_.reset(raw);
  if (code != SQLITE_OK) {
    return ErrorOf(code, "prepare a statement", sqlite3_errmsg(connection_.get()));
  }
  return out;
}

absl::Status Database::MakeTables() {
  P2PD_ASSIGN_OR_RETURN(const std::string verdict, Ask("PRAGMA quick_check(1)", "check the file"));
  if (verdict != "ok") return Damaged("use it", verdict);
  P2PD_ASSIGN_OR_RETURN(const std::string version, Ask("PRAGMA user_version", "read the version"));
  P2PD_ASSIGN_OR_RETURN(const std::string application,
                        Ask("PRAGMA application_id", "read the kind of file"));
  P2PD_ASSIGN_OR_RETURN(const std::string tables,
                        Ask("SELECT count(*) FROM sqlite_master", "read the schema"));
  if (version == "0" && application == "0" && tables == "0") {
    return Execute(absl::StrCat("BEGIN IMMEDIATE;", schema_.tables,
                                "PRAGMA application_id=", schema_.application_id,
                                ";PRAGMA user_version=", schema_.version, ";COMMIT"),
                   "make the tables");
  }
  if (application != absl::StrCat(schema_.application_id)) {
    return absl::FailedPreconditionError(absl::StrCat(
        schema_.what, " ", path_, ": the file belongs to another program; move it away"));
  }
  if (!schema_.upgrade.empty() && version == absl::StrCat(schema_.version - 1)) {
    return Execute(absl::StrCat("BEGIN IMMEDIATE;", schema_.upgrade,
                                "PRAGMA user_version=", schema_.version, ";COMMIT"),
                   "bring the tables to the new version");
  }
  if (version != absl::StrCat(schema_.version)) {
    return absl::FailedPreconditionError(absl::StrCat(
        schema_.what, " ", path_, ": the file has version ", version, ", this p2pd knows version ",
        schema_.version, "; use the newer p2pd or move the file away"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Database> Database::Open(const std::string& path, Schema schema,
                                        const Settings& settings) {
  // An empty file is a valid database; made here so that it, its WAL and its index have mode 0600.
  const auto existing = ReadFile(path, 0);
  if (existing.status().code() == absl::StatusCode::kNotFound) {
    P2PD_RETURN_IF_ERROR(WriteFileAtomically(path, {}, FileMode::kSecret));
  }
  Database out;
  out.path_ = path;
  out.schema_ = std::move(schema);
  P2PD_RETURN_IF_ERROR(out.Connect());
  P2PD_RETURN_IF_ERROR(out.Configure(settings));
  P2PD_RETURN_IF_ERROR(out.MakeTables());
  return out;
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::Bind(ByteView bytes) {
  // A null pointer would bind NULL, and NULL equals nothing.
  static constexpr uint8_t kNothing = 0;
  sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? &kNothing : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Query& Query::Bind(int64_t number) {
  sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}

Query& Query::Text(absl::string_view text) {
  sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Query::Step Query::Next() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return Step::kRow;
    case SQLITE_DONE:
      return Step::kDone;
    default:
      return Step::kFailed;
  }
}

ByteView Query::Blob(int column) const {
  return ByteView(static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column)),
                  static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

int64_t Query::Number(int column) const { return sqlite3_column_int64(statement_, column); }

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Open(const std::string& path,
                                                                 Schema schema) {
  Database database;
  database.path_ = path;
  database.schema_ = std::move(schema);
  P2PD_RETURN_IF_ERROR(database.Connect());
  P2PD_RETURN_IF_ERROR(database.Execute(
      absl::StrCat("PRAGMA synchronous=NORMAL;PRAGMA cache_size=-", kCheckpointCacheKiB),
      "set up the checkpoint"));
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(database)));
}

absl::Status Checkpointer::Checkpoint() {
  int in_wal = 0;
  int moved = 0;
  // Passive: takes what it can without making the writer wait; the rest is for the next time.
  const int code = sqlite3_wal_checkpoint_v2(database_.connection_.get(), nullptr,
                                             SQLITE_CHECKPOINT_PASSIVE, &in_wal, &moved);
  if (code == SQLITE_BUSY || code == SQLITE_OK) return absl::OkStatus();
  return database_.Error("checkpoint");
}

}  // namespace p2pd::db
