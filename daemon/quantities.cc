#include "daemon/quantities.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

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

}  // namespace p2pd::daemon
