// ObjectTable: where a storing node keeps objects. In memory for the simulator and tests, SQLite on
// disk.
//
// Rules: an Insert that returned OK survives kill -9. Only validated objects go in. A row stands at
// a place, which is the object's key or, for kinds that have one, its second place; a node may hold
// both. Threads: one owner.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/store/object.h"

namespace p2pd::store {

struct StoredRow {
  Object object;
  // Who is charged (account.h): the root's fingerprint when the storing node trusts it, else the
  // network that put it.
  std::string account;
  absl::Time stored_at;
  // Where it stands: object.key() or SecondPlace(object.key()).
  Key place;
};

// A row without its bytes: what anti-entropy compares.
struct RowSummary {
  Key place;
  ObjectKind kind{};
  Bytes slot;
  Sequence sequence;
  absl::Time expires;
  size_t size = 0;
};

class ObjectTable {
 public:
  virtual ~ObjectTable() = default;
  // Replaces the object of the same (place, kind, slot). ResourceExhausted when the disk is full;
  // the old row, if any, then still stands.
  virtual absl::Status Insert(const StoredRow& row) = 0;
  virtual absl::Status Erase(const Key& place, ObjectKind kind, ByteView slot) = 0;
  // All at the place, or only of one kind; ordered by kind, slot. Expired ones included.
  virtual std::vector<StoredRow> Find(const Key& place, std::optional<ObjectKind> kind) const = 0;
  // True when exactly these bytes stand there: spares a second verification.
  virtual bool Holds(const Key& place, const pki::Sha256Digest& digest) const = 0;
  // Places in [from, to] clockwise (from > to wraps), at most `limit`, in ring order from `from`.
  virtual std::vector<Key> KeysBetween(const Key& from, const Key& to, size_t limit) const = 0;
  // Rows at these places, in ring order, then by kind and slot.
  virtual std::vector<RowSummary> SummariesBetween(const Key& from, const Key& to,
                                                   size_t limit) const = 0;
  virtual size_t EraseExpired(absl::Time now) = 0;
  virtual size_t total_objects() const = 0;
  virtual size_t total_bytes() const = 0;
  virtual size_t BytesOf(const std::string& account) const = 0;
  // The account that holds most bytes, and its newest row: what goes first when the table is full.
  virtual std::optional<StoredRow> NewestOfLargestAccount() const = 0;
};

}  // namespace p2pd::store
