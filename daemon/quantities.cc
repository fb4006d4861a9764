#include "daemon/quantities.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxSize = size_t{1} << 50;

absl::Status Bad(absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' ", why));
}

struct Unit {
  absl::string_view name;
  int64_t nanos;
};
// Longest name first where one ends with another.
constexpr Unit kUnits[] = {{"min", 60'000'000'000},
                           {"ms", 1'000'000},
                           {"s", 1'000'000'000},
                           {"h", 3'600'000'000'000},
                           {"d", 86'400'000'000'000}};

struct SizeUnit {
  absl::string_view name;
  size_t bytes;
};
constexpr SizeUnit kSizeUnits[] = {{"KiB", size_t{1} << 10},
                                   {"MiB", size_t{1} << 20},
                                   {"GiB", size_t{1} << 30},
                                   {"TiB", size_t{1} << 40},
                                   {"kB", 1'000},
                                   {"MB", 1'000'000},
                                   {"GB", 1'000'000'000},
                                   {"TB", 1'000'000'000'000},
                                   {"", 1}};
// Of these, those of powers of 1024, which stand first.
constexpr size_t kBinaryUnits = 4;

constexpr int kMinutesOfDay = 24 * 60;

// "08:00" as minutes; 24:00 is midnight at the end of the day.
std::optional<int> ParseTimeOfDay(absl::string_view text) {
  int hour = 0;
  int minute = 0;
  const auto digit = [text](size_t i) {
    return absl::ascii_isdigit(static_cast<unsigned char>(text[i]));
  };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4) ||
      !absl::SimpleAtoi(text.substr(0, 2), &hour) || !absl::SimpleAtoi(text.substr(3), &minute)) {
    return std::nullopt;
  }
  const int all = hour * 60 + minute;
  if (minute > 59 || all > kMinutesOfDay) return std::nullopt;
  return all % kMinutesOfDay;
}

std::string PrintTimeOfDay(int minutes) {
  return absl::StrFormat("%02d:%02d", minutes / 60, minutes % 60);
}

}  // namespace

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); });
}

absl::StatusOr<absl::Duration> ParseSpan(absl::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!absl::EndsWith(text, unit.name)) continue;
    const absl::string_view number = text.substr(0, text.size() - unit.name.size());
    uint32_t count = 0;
    if (!AllDigits(number) || !absl::SimpleAtoi(number, &count)) {
      continue;
    }
    const absl::Duration span = absl::Nanoseconds(unit.nanos) * int64_t{count};
    if (span > absl::Hours(24 * 400)) break;
    return span;
  }
  return Bad(text, "is no span of time, such as 90s, 5min or 1h");
}

std::string PrintSpan(absl::Duration span) {
  const int64_t nanos = absl::ToInt64Nanoseconds(span);
  const Unit* best = &kUnits[1];
  for (const Unit& unit : kUnits) {
    if (nanos != 0 && nanos % unit.nanos == 0 && unit.nanos > best->nanos) best = &unit;
  }
  return absl::StrCat(nanos / best->nanos, best->name);
}

absl::StatusOr<size_t> ParseSize(absl::string_view text) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (!absl::EndsWith(text, unit.name)) continue;
    const absl::string_view number = text.substr(0, text.size() - unit.name.size());
    uint64_t count = 0;
    if (!AllDigits(number) || !absl::SimpleAtoi(number, &count)) {
      continue;
    }
    if (count > kMaxSize / unit.bytes) return Bad(text, "is more than 1 PiB");
    return static_cast<size_t>(count) * unit.bytes;
  }
  return Bad(text, "is no size, such as 4096, 64KiB or 256MiB");
}

std::string PrintSize(size_t bytes) {
  const SizeUnit* best = std::end(kSizeUnits) - 1;
  for (size_t binary = 0; binary < kBinaryUnits; ++binary) {
    if (bytes != 0 && bytes % kSizeUnits[binary].bytes == 0) best = &kSizeUnits[binary];
  }
  return absl::StrCat(bytes / best->bytes, best->name);
}

absl::StatusOr<std::pair<int, int>> ParseHours(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  const std::optional<int> from = ParseTimeOfDay(ends.first);
  const std::optional<int> to = ParseTimeOfDay(ends.second);
  if (!from || !to) {
    return Bad(text, "is no hours, such as 08:00-18:00");
  }
  return std::pair(*from, *to);
}

std::string PrintHours(int from, int to) {
  return absl::StrCat(PrintTimeOfDay(from), "-", PrintTimeOfDay(to));
}

}  // namespace p2pd::daemon
