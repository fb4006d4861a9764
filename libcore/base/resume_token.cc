#include "libcore/base/resume_token.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace p2pd {

std::string WriteResumeToken(uint64_t epoch, uint64_t revision) {
  return absl::StrCat(epoch, "-", revision);
}

std::optional<uint64_t> ReadResumeToken(uint64_t epoch, absl::string_view token) {
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '-');
  uint64_t of = 0;
  uint64_t revision = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &of) ||
      !absl::SimpleAtoi(parts[1], &revision) || of != epoch) {
    return std::nullopt;
  }
  return revision;
}

}  // namespace p2pd
