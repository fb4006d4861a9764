// Query: the part of a target behind its question mark, as a form of a page sends it
// (application/x-www-form-urlencoded).
//
// Rules: what could be read in two ways is refused: a name that comes twice, a per cent sign
// without its digits, a zero byte. Values are bytes; whether they are text is their reader's to
// ask. Threads: values. Limits: kMaxParameters. Sources: RFC 3986 §2.1; WHATWG URL §5.1.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::http {

// With %XX replaced by its byte; nullopt when a % has no two digits behind it.
std::optional<std::string> PercentDecode(absl::string_view text);
// All but letters, digits and "-._~" as %XX.
std::string PercentEncode(absl::string_view text);

class Query {
 public:
  static constexpr size_t kMaxParameters = 32;

  static std::optional<Query> Parse(absl::string_view text);

  // Of that name, or empty.
  absl::string_view Get(absl::string_view name) const;
  bool Has(absl::string_view name) const { return values_.find(name) != values_.end(); }
  // `fallback` where there is none of that name or it is empty; nullopt for what is no number of
  // digits alone within `least` and `most`.
  std::optional<uint64_t> Number(absl::string_view name, uint64_t fallback, uint64_t least,
                                 uint64_t most) const;
  const std::map<std::string, std::string, std::less<>>& values() const { return values_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace p2pd::http
