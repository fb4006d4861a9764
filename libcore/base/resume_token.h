// Resume tokens: where a reader of a log was, as text that only the run of the log reads again.
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace p2pd {

// `epoch`: of this run.
std::string WriteResumeToken(uint64_t epoch, uint64_t revision);
// nullopt for a token of another run, or what is none.
std::optional<uint64_t> ReadResumeToken(uint64_t epoch, absl::string_view token);

}  // namespace p2pd
