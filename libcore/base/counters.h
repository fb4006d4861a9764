// Named counters: what was done, and above all what was dropped and why. A stranger's bad bytes are
// counted, not logged. Owned by one thread; Snapshot() is what the API shows.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace p2pd {

class Counters {
 public:
  // Names are literals of ours, "module.event" ("overlay.dropped_bad_signature"), never built from
  // input, so the set is bounded by the source text.
  void Add(absl::string_view name, uint64_t amount = 1);
  uint64_t Get(absl::string_view name) const;
  const std::map<std::string, uint64_t, std::less<>>& Snapshot() const { return values_; }

 private:
  std::map<std::string, uint64_t, std::less<>> values_;
};

}  // namespace p2pd
