// SqliteTable: an ObjectTable in one SQLite file (db/database.h).
//
// Rules: a committed row survives kill -9; after a power cut the file may lack the last rows, which
// the other replicas give back. Threads: SqliteTable one owner; the checkpointer one owner, another
// thread if you like. Limits: the caller's quotas.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/db/database.h"
#include "libcore/store/object_table.h"

namespace p2pd::store {

struct SqliteOptions {
  // Pages of 4 KiB that the file may have; beyond it Insert says ResourceExhausted. 0: no limit but
  // the disk's.
  int max_pages = 0;
};

class SqliteTable final : public ObjectTable {
 public:
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

// Moves what was written into the file; see db::Checkpointer.
absl::StatusOr<std::unique_ptr<db::Checkpointer>> OpenCheckpointer(const std::string& path);

}  // namespace p2pd::store
