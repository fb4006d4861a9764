#include "libcore/base/counters.h"

namespace p2pd {

void Counters::Add(absl::string_view name, uint64_t amount) {
  const auto found = values_.find(name);
  if (found != values_.end()) {
    found->second += amount;
  } else {
    values_.emplace(std::string(name), amount);
  }
}

uint64_t Counters::Get(absl::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? 0 : found->second;
}

}  // namespace p2pd
