// ArchiveLimits: the limits of the archive for its engine, and the file that keeps the count of
// what was sent in the month.
//
// Rules: the count is written once a minute and at the end: a crash costs it a minute. A file that
// does not read is said in the log, and the count begins anew.
// Threads: the archive's.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "libcore/archive/limits.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/base/time.h"

namespace p2pd::daemon {

class ArchiveLimits {
 public:
  static constexpr absl::Duration kSaveEvery = absl::Minutes(1);

  ArchiveLimits(const archive::LimitSettings& settings, std::string file);

  // For EngineOptions.
  archive::lt::EngineLimits EngineLimitsAt(absl::Time wall) const;
  // Once a second, and after each change, with what the engine sent in all: counts, says in the log
  // when the budget is used up and when it is there again, writes the count. What the engine is to
  // obey from now on; nullopt: as before.
  std::optional<archive::lt::EngineLimits> Apply(Instant now, absl::Time wall, uint64_t sent);
  // The last count.
  void Save();
  archive::Limits& limits() { return limits_; }
  const archive::LimitsInForce& in_force() const { return in_force_; }

 private:
  const std::string file_;
  archive::Limits limits_;
  archive::LimitsInForce in_force_;
  std::optional<archive::lt::EngineLimits> applied_;
  std::string saved_;
  std::optional<Instant> next_save_;
};

}  // namespace p2pd::daemon
