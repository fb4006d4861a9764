// Database: one SQLite file of ours, with its schema, its statements and errors that say what to
// do. SQLite is seen by this module's .cc alone.
//
// Rules: WAL with synchronous=NORMAL: a committed row survives kill -9; after a power cut the file
// is consistent and may lack the last rows. The owner's thread does not sync: pages move from the
// WAL into the file when a Checkpointer is called, on a connection and a thread of its own. Only if
// nobody calls it, the WAL is emptied by the writer at `wal_wall`. A damaged file is said to be so
// when it is opened, never repaired in silence; another program's and a newer one are refused.
// Threads: one owner each; a Checkpointer another thread if you like. Sources: SQLite,
// 'Write-Ahead Logging' and 'Pragma statements'.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace p2pd::db {

struct Schema {
  std::string what;        // as errors call the file: "object table"
  int application_id = 0;  // tells our file from another program's
  int version = 0;
  std::string tables;  // SQL that makes them
  // SQL that makes them of those of the version before; empty: that one is not read.
  std::string upgrade = {};
  // What a person does when it is damaged, and when the disk or the limit of pages is full.
  std::string if_damaged;
  std::string if_full;
};

struct Settings {
  // Page cache of this connection: small, since a miss costs a read from the kernel's cache.
  int cache_kib = 256;
  // Pages in the WAL (64 MiB) at which the writer empties it itself, so that a dead disk thread
  // cannot fill the disk.
  int wal_wall = 16384;
  // Pages of 4 KiB that the file may have; beyond it a write says ResourceExhausted. 0: no limit
  // but the disk's.
  int max_pages = 0;
};

// Prepared once; used by a Query at a time.
class Statement {
 public:
  Statement() = default;

 private:
  friend class Database;
  friend class Query;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

class Database {
 public:
  // Makes the file with mode 0600 where there is none. DataLoss: it is damaged. FailedPrecondition:
  // it is something else, or a newer p2pd made it. Unavailable: another process has it. Each names
  // the file and what to do.
  static absl::StatusOr<Database> Open(const std::string& path, Schema schema,
                                       const Settings& settings = {});
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // Without rows; `action` completes "cannot …".
  absl::Status Execute(const std::string& sql, absl::string_view action);
  // Why the last call failed.
  absl::Status Error(absl::string_view action) const;
  // What was read makes no sense.
  absl::Status Damaged(absl::string_view action, absl::string_view why) const;

 private:
  friend class Checkpointer;
  Database() = default;
  absl::Status Connect();
  absl::Status Configure(const Settings& settings);
  absl::Status MakeTables();
  absl::StatusOr<std::string> Ask(absl::string_view sql, absl::string_view action);
  absl::Status ErrorOf(int code, absl::string_view action, absl::string_view text) const;

  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::string path_;
  Schema schema_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// One use of a statement: binds in order, steps, and is reset when it goes.
class Query {
 public:
  explicit Query(const Statement& statement) : statement_(statement.handle_.get()) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The bytes outlive the query.
  Query& Bind(ByteView bytes);
  Query& Bind(int64_t number);
  Query& Text(absl::string_view text);

  enum class Step { kRow, kDone, kFailed };
  Step Next();
  // Of a statement without rows: false when it failed.
  bool Run() { return Next() == Step::kDone; }

  // Of the row; columns from 0. Valid until the next step.
  ByteView Blob(int column) const;
  int64_t Number(int column) const;

 private:
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

// Moves what was written from the WAL into the file and syncs it.
class Checkpointer {
 public:
  // The file is there already; `schema` names it in errors.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> Open(const std::string& path, Schema schema);
  // Call about once a minute and at the end. Blocks while the disk syncs. An error means that the
  // disk does not keep what it was given: the daemon should end.
  absl::Status Checkpoint();

 private:
  explicit Checkpointer(Database database) : database_(std::move(database)) {}
  Database database_;
};

}  // namespace p2pd::db
