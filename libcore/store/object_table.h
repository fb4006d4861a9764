// ObjectTable: where a storing node keeps objects. In memory for the simulator and tests, SQLite on
// disk.
//
// Rules: an Insert that returned OK survives kill -9. Only validated objects go in.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/store/object.h"

namespace p2pd::store {

// Who is charged: the root's fingerprint when the storing node trusts it, else the network that put
// it.
struct StoredRow {
  Object object;
  std::string account;
  absl::Time stored_at;
};

class ObjectTable {
 public:
  virtual ~ObjectTable() = default;
  // Replaces the object of the same (key, kind, slot).
  virtual absl::Status Insert(const StoredRow& row) = 0;
  virtual absl::Status Erase(const Key& key, ObjectKind kind, ByteView slot) = 0;
  // All under the key, or only of one kind; ordered by kind, slot.
  virtual std::vector<StoredRow> Find(const Key& key, std::optional<ObjectKind> kind) const = 0;
  // Keys in [from, to] clockwise (from > to wraps), at most `limit`, in ring order from `from`.
  virtual std::vector<Key> KeysBetween(const Key& from, const Key& to, size_t limit) const = 0;
  virtual size_t EraseExpired(absl::Time now) = 0;
  virtual size_t total_objects() const = 0;
  virtual size_t total_bytes() const = 0;
  virtual size_t BytesOf(const std::string& account) const = 0;
  // The account that holds most bytes, and its newest row: what goes first when the table is full.
  virtual std::optional<StoredRow> NewestOfLargestAccount() const = 0;
};

}  // namespace p2pd::store
