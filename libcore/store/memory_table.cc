#include "libcore/store/memory_table.h"

#include <utility>

#include "libcore/store/messages.h"

namespace p2pd::store {
namespace {

size_t Charge(const StoredRow& row) { return row.object.bytes().size() + kRowOverhead; }

Key Lowest() { return Key(); }
Key Highest() {
  Key key;
  for (uint8_t& byte : key.mutable_view()) byte = 0xff;
  return key;
}

}  // namespace

MemoryTable::Rows::iterator MemoryTable::EraseAt(Rows::iterator it) {
  total_bytes_ -= Charge(it->second);
  ledger_.Take(it->second.account, Charge(it->second));
  return rows_.erase(it);
}

absl::Status MemoryTable::Insert(const StoredRow& row) {
  if (!failure_.ok()) return failure_;
  const Index index{row.place, row.object.kind(), row.object.slot()};
  const auto old = rows_.find(index);
  if (old != rows_.end()) EraseAt(old);
  total_bytes_ += Charge(row);
  ledger_.Add(row.account, Charge(row));
  rows_.emplace(index, row);
  return absl::OkStatus();
}

absl::Status MemoryTable::Erase(const Key& place, ObjectKind kind, ByteView slot) {
  const auto found = rows_.find(Index{place, kind, ToBytes(slot)});
  if (found != rows_.end()) EraseAt(found);
  return absl::OkStatus();
}

std::vector<StoredRow> MemoryTable::Find(const Key& place, std::optional<ObjectKind> kind) const {
  std::vector<StoredRow> found;
  const ObjectKind first = kind.value_or(ObjectKind{});
  for (auto it = rows_.lower_bound(Index{place, first, {}});
       it != rows_.end() && it->first.place == place; ++it) {
    if (kind && it->first.kind != *kind) break;
    found.push_back(it->second);
  }
  return found;
}

bool MemoryTable::Holds(const Key& place, const pki::Sha256Digest& digest) const {
  for (auto it = rows_.lower_bound(Index{place, ObjectKind{}, {}});
       it != rows_.end() && it->first.place == place; ++it) {
    if (it->second.object.digest() == digest) return true;
  }
  return false;
}

std::vector<Key> MemoryTable::KeysBetween(const Key& from, const Key& to, size_t limit) const {
  std::vector<Key> keys;
  const auto walk = [&](const Key& first, const Key& last) {
    for (auto it = rows_.lower_bound(Index{first, ObjectKind{}, {}});
         it != rows_.end() && it->first.place <= last && keys.size() < limit; ++it) {
      if (keys.empty() || keys.back() != it->first.place) keys.push_back(it->first.place);
    }
  };
  if (from <= to) {
    walk(from, to);
  } else {
    walk(from, Highest());
    walk(Lowest(), to);
  }
  return keys;
}

std::vector<RowSummary> MemoryTable::SummariesBetween(const Key& from, const Key& to,
                                                      size_t limit) const {
  std::vector<RowSummary> rows;
  const auto walk = [&](const Key& first, const Key& last) {
    for (auto it = rows_.lower_bound(Index{first, ObjectKind{}, {}});
         it != rows_.end() && it->first.place <= last && rows.size() < limit; ++it) {
      rows.push_back(SummaryOf(it->second));
    }
  };
  if (from <= to) {
    walk(from, to);
  } else {
    walk(from, Highest());
    walk(Lowest(), to);
  }
  return rows;
}

size_t MemoryTable::EraseExpired(absl::Time now) {
  size_t erased = 0;
  for (auto it = rows_.begin(); it != rows_.end();) {
    if (it->second.object.expires() > now) {
      ++it;
      continue;
    }
    it = EraseAt(it);
    ++erased;
  }
  return erased;
}

std::optional<StoredRow> MemoryTable::NewestOfLargestAccount() const {
  const std::optional<std::string> account = ledger_.Largest();
  const StoredRow* newest = nullptr;
  for (const auto& [index, row] : rows_) {
    if (row.account != account) continue;
    if (newest == nullptr || row.stored_at >= newest->stored_at) newest = &row;
  }
  if (newest == nullptr) return std::nullopt;
  return *newest;
}

}  // namespace p2pd::store
