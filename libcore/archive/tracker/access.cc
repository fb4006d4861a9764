#include "libcore/archive/tracker/access.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/status.h"

namespace p2pd::archive::tracker {
namespace {

// Shorter keys can be guessed.
constexpr size_t kMinKey = 8;

bool IsKeyCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
}

// `take` gets each entry and says what is wrong with it; empty: nothing.
absl::Status ReadLines(absl::string_view text, absl::string_view file,
                       absl::FunctionRef<absl::string_view(absl::string_view)> take) {
  size_t number = 0;
  size_t entries = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    absl::string_view wrong = take(line);
    if (++entries > Access::kMaxEntries) wrong = "more entries than 1000000";
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(file, ":", number, ": ", wrong));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view TextOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotAllowed:
      return "this tracker does not serve this torrent";
    case Refusal::kDenied:
      return "this torrent was removed from this tracker";
    case Refusal::kUnknownKey:
      return "this tracker needs a key that it knows";
  }
  return "";
}

std::optional<Refusal> Access::Judge(const torrent::InfoHash& hash, absl::string_view key) const {
  if (mode == AccessMode::kKeys && !keys.contains(key)) return Refusal::kUnknownKey;
  if (Denies(hash)) return Refusal::kDenied;
  if (mode == AccessMode::kAllowList && !allowed.contains(hash)) return Refusal::kNotAllowed;
  return std::nullopt;
}

absl::StatusOr<absl::flat_hash_set<torrent::InfoHash>> ParseHashList(absl::string_view text,
                                                                     absl::string_view file) {
  absl::flat_hash_set<torrent::InfoHash> out;
  P2PD_RETURN_IF_ERROR(ReadLines(text, file, [&out](absl::string_view line) -> absl::string_view {
    const auto hash = torrent::ParseTorrentHash(line);
    if (!hash) return "is no info-hash: 40 hexadecimal digits, or 64 of version 2";
    out.insert(*hash);
    return "";
  }));
  return out;
}

absl::StatusOr<absl::flat_hash_set<std::string>> ParseKeyList(absl::string_view text,
                                                              absl::string_view file) {
  absl::flat_hash_set<std::string> out;
  P2PD_RETURN_IF_ERROR(ReadLines(text, file, [&out](absl::string_view line) -> absl::string_view {
    if (line.size() < kMinKey || line.size() > Access::kMaxKey ||
        !std::all_of(line.begin(), line.end(), IsKeyCharacter)) {
      return "is no key: 8 to 64 letters, digits, '-' or '_'";
    }
    out.insert(std::string(line));
    return "";
  }));
  return out;
}

void AccessBoard::Set(Access access) {
  auto made = std::make_shared<const Access>(std::move(access));
  const MutexLock lock(&mutex_);
  access_ = std::move(made);
  version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Access> AccessBoard::Get() const {
  const MutexLock lock(&mutex_);
  return access_;
}

}  // namespace p2pd::archive::tracker
