// AccountLedger: how many bytes each account holds, and which holds most. Both tables keep one, so
// that a full table finds its largest user without a scan.
//
// Limits: as many accounts as the table has rows. Threads: one owner.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace p2pd::store {

class AccountLedger {
 public:
  void Add(const std::string& account, size_t bytes);
  // Taking more than is there is our own bug.
  void Take(const std::string& account, size_t bytes);
  size_t BytesOf(const std::string& account) const;
  // Of equal ones the last by name, so that all runs agree.
  std::optional<std::string> Largest() const;

 private:
  void Set(const std::string& account, size_t before, size_t after);
  std::map<std::string, size_t> bytes_;
  std::set<std::pair<size_t, std::string>> by_size_;
};

// What a row is charged: its bytes and what the table spends beside them, as measured with SQLite
// (index entries, row header).
inline constexpr size_t kRowOverhead = 160;

}  // namespace p2pd::store
