// SqliteTable: an ObjectTable in one SQLite file. SQLite is seen by this file's .cc alone.
//
// Rules: WAL with synchronous=NORMAL: a committed row survives kill -9; after a power cut the file
// is consistent and may lack the last rows, which the other replicas give back. The owner's thread
// does not sync: pages move from the WAL into the file when SqliteCheckpointer is called, on a
// connection and a thread of its own. Only if nobody calls it, the WAL is emptied by the writer at
// kWalWall. A damaged file is said to be so when it is opened, never repaired in silence. Threads:
// SqliteTable one owner; SqliteCheckpointer one owner, another thread if you like. Limits: the
// caller's quotas; kCacheKiB of page cache. Sources: SQLite, 'Write-Ahead Logging' and 'Pragma
// statements'.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/store/object_table.h"

namespace p2pd::store {

struct SqliteOptions {
  // Pages of 4 KiB that the file may have; beyond it Insert says ResourceExhausted. 0: no limit but
  // the disk's.
  int max_pages = 0;
};

class SqliteTable final : public ObjectTable {
 public:
  // Page cache of this connection, in KiB: small, since rows are read seldom and the daemon is to
  // stay under 30 MB; a miss costs a read from the kernel's cache.
  static constexpr int kCacheKiB = 256;
  // Pages in the WAL (64 MiB) at which the writer empties it itself, so that a dead disk thread
  // cannot fill the disk.
  static constexpr int kWalWall = 16384;
  static constexpr int kSchemaVersion = 1;

  // Makes the file with mode 0600 where there is none. DataLoss: the file is damaged.
  // FailedPrecondition: it is something else, or a newer p2pd made it. Unavailable: another process
  // has it. Each names the file and what to do.
  static absl::StatusOr<std::unique_ptr<SqliteTable>> Open(const std::string& path,
                                                           const SqliteOptions& options = {});
  ~SqliteTable() override;

  absl::Status Insert(const StoredRow& row) override;
  absl::Status Erase(const Key& place, ObjectKind kind, ByteView slot) override;
  std::vector<StoredRow> Find(const Key& place, std::optional<ObjectKind> kind) const override;
  bool Holds(const Key& place, const pki::Sha256Digest& digest) const override;
  std::vector<Key> KeysBetween(const Key& from, const Key& to, size_t limit) const override;
  std::vector<RowSummary> SummariesBetween(const Key& from, const Key& to,
                                           size_t limit) const override;
  size_t EraseExpired(absl::Time now) override;
  size_t total_objects() const override;
  size_t total_bytes() const override;
  size_t BytesOf(const std::string& account) const override;
  std::optional<StoredRow> NewestOfLargestAccount() const override;

  // The first error that a read met, for the owner to report: reads have no status of their own and
  // then say 'nothing there', which the other replicas make good.
  const absl::Status& read_error() const;

 private:
  class Impl;
  explicit SqliteTable(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Moves what was written from the WAL into the file and syncs it.
class SqliteCheckpointer {
 public:
  static absl::StatusOr<std::unique_ptr<SqliteCheckpointer>> Open(const std::string& path);
  ~SqliteCheckpointer();
  // Call about once a minute and at the end. Blocks while the disk syncs. An error means that the
  // disk does not keep what it was given: the daemon should end.
  absl::Status Checkpoint();

 private:
  class Impl;
  explicit SqliteCheckpointer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::store
