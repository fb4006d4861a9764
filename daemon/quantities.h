// Spans of time and sizes as a person writes them.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace p2pd::daemon {

// absl::SimpleAtoi alone would take blanks and signs.
bool AllDigits(absl::string_view text);

// "500ms", "90s", "5min", "1h", "7d". InvalidArgument for anything else, or more than 400 days.
absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text);
std::string PrintSpan(absl::Duration span);
// "4096", "64KiB", "256MiB", "2GiB", "2TiB", and kB, MB, GB, TB as powers of ten. InvalidArgument
// for anything else, or more than 1 PiB.
absl::StatusOr<size_t> ParseSize(absl::string_view text);
std::string PrintSize(size_t bytes);
// "22:00-07:00": two minutes of the day, [0, 1440); 24:00 is midnight too. InvalidArgument.
absl::StatusOr<std::pair<int, int>> ParseHours(absl::string_view text);
std::string PrintHours(int from, int to);

}  // namespace p2pd::daemon
