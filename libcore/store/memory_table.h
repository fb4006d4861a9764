// MemoryTable: an ObjectTable in memory, for the simulator and tests. What it holds outlives the
// store above it, so that a simulated node can crash and come back with its table.
//
// Threads: one owner.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <vector>

#include "libcore/store/account_ledger.h"
#include "libcore/store/object_table.h"

namespace p2pd::store {

class MemoryTable final : public ObjectTable {
 public:
  absl::Status Insert(const StoredRow& row) override;
  absl::Status Erase(const Key& place, ObjectKind kind, ByteView slot) override;
  std::vector<StoredRow> Find(const Key& place, std::optional<ObjectKind> kind) const override;
  bool Holds(const Key& place, const pki::Sha256Digest& digest) const override;
  std::vector<Key> KeysBetween(const Key& from, const Key& to, size_t limit) const override;
  std::vector<RowSummary> SummariesBetween(const Key& from, const Key& to,
                                           size_t limit) const override;
  size_t EraseExpired(absl::Time now) override;
  size_t total_objects() const override { return rows_.size(); }
  size_t total_bytes() const override { return total_bytes_; }
  size_t BytesOf(const std::string& account) const override { return ledger_.BytesOf(account); }
  std::optional<StoredRow> NewestOfLargestAccount() const override;

  // From now on every Insert fails with this (a full disk); OK ends it.
  void FailInserts(absl::Status status) { failure_ = std::move(status); }

 private:
  struct Index {
    Key place;
    ObjectKind kind{};
    Bytes slot;
    friend auto operator<=>(const Index&, const Index&) = default;
  };
  using Rows = std::map<Index, StoredRow>;
  Rows::iterator EraseAt(Rows::iterator it);

  Rows rows_;
  AccountLedger ledger_;
  size_t total_bytes_ = 0;
  absl::Status failure_;
};

}  // namespace p2pd::store
