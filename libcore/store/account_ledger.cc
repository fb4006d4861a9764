#include "libcore/store/account_ledger.h"

#include "libcore/base/check.h"

namespace p2pd::store {

void AccountLedger::Set(const std::string& account, size_t before, size_t after) {
  if (before != 0) by_size_.erase({before, account});
  if (after != 0) {
    by_size_.insert({after, account});
    bytes_[account] = after;
  } else {
    bytes_.erase(account);
  }
}

void AccountLedger::Add(const std::string& account, size_t bytes) {
  const size_t before = BytesOf(account);
  Set(account, before, before + bytes);
}

void AccountLedger::Take(const std::string& account, size_t bytes) {
  const size_t before = BytesOf(account);
  P2PD_CHECK(before >= bytes);
  Set(account, before, before - bytes);
}

size_t AccountLedger::BytesOf(const std::string& account) const {
  const auto found = bytes_.find(account);
  return found == bytes_.end() ? 0 : found->second;
}

std::optional<std::string> AccountLedger::Largest() const {
  if (by_size_.empty()) return std::nullopt;
  return by_size_.rbegin()->second;
}

}  // namespace p2pd::store
