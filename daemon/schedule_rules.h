// Rules of the archive's schedule as a person writes them: "mon-fri 08:00-18:00 up=64KiB down=0".
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/archive/limits.h"

namespace p2pd::daemon {

// Days (mon tue wed thu fri sat sun, with commas and stretches; none: every day), then HH:MM-HH:MM,
// then up=SIZE, down=SIZE or both, in bytes a second, 0 for no limit. InvalidArgument says what is
// wrong, with the text.
absl::StatusOr<archive::ScheduleRule> ParseScheduleRule(absl::string_view text);
std::string PrintScheduleRule(const archive::ScheduleRule& rule);

// InvalidArgument unless 0 or at least 1KiB a second: below it a block of a piece takes longer than
// peers wait.
absl::Status CheckRate(uint64_t rate);
// A size that CheckRate lets pass.
absl::StatusOr<uint64_t> ParseRate(absl::string_view text);

// Of slots and connections.
constexpr uint32_t kMaxPeerLimit = 100'000;

}  // namespace p2pd::daemon
