#include "libcore/http/query.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libcore/base/bytes.h"
#include "libcore/base/hex.h"

namespace p2pd::http {
namespace {

// "+" is a blank in a form.
std::optional<std::string> FormDecode(absl::string_view text) {
  auto out = PercentDecode(absl::StrReplaceAll(text, {{"+", " "}}));
  if (out && absl::StrContains(*out, '\0')) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string> PercentDecode(absl::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const int lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return out;
}

std::string PercentEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~", c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<uint8_t>(c);
      absl::StrAppend(&out, "%", absl::AsciiStrToUpper(Hex(ByteView(&byte, 1))));
    }
  }
  return out;
}

std::optional<Query> Query::Parse(absl::string_view text) {
  Query out;
  for (const absl::string_view part : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> raw =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    auto name = FormDecode(raw.first);
    auto value = FormDecode(raw.second);
    if (!name || !value || out.values_.size() >= kMaxParameters) return std::nullopt;
    if (!out.values_.emplace(*std::move(name), *std::move(value)).second) return std::nullopt;
  }
  return out;
}

absl::string_view Query::Get(absl::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? absl::string_view() : found->second;
}

std::optional<uint64_t> Query::Number(absl::string_view name, uint64_t fallback, uint64_t least,
                                      uint64_t most) const {
  const absl::string_view text = Get(name);
  if (text.empty()) return fallback;
  uint64_t value = 0;
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  if (!std::all_of(text.begin(), text.end(), is_digit) || !absl::SimpleAtoi(text, &value) ||
      value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

}  // namespace p2pd::http
