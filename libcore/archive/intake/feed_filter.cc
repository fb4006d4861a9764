#include "libcore/archive/intake/feed_filter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace p2pd::archive::intake {
namespace {

std::optional<uint64_t> SizeOf(absl::string_view text) {
  uint64_t factor = 1;
  for (const auto& [word, bytes] : {std::pair<absl::string_view, uint64_t>{"KiB", 1ULL << 10},
                                    {"MiB", 1ULL << 20},
                                    {"GiB", 1ULL << 30},
                                    {"TiB", 1ULL << 40}}) {
    if (absl::ConsumeSuffix(&text, word)) {
      factor = bytes;
      break;
    }
  }
  uint64_t number = 0;
  const bool digits = text.find_first_not_of("0123456789") == absl::string_view::npos;
  if (!digits || !absl::SimpleAtoi(text, &number) ||
      number > std::numeric_limits<uint64_t>::max() / factor) {
    return std::nullopt;
  }
  return number * factor;
}

}  // namespace

absl::StatusOr<FeedFilter> FeedFilter::Parse(absl::Span<const absl::string_view> words) {
  if (words.size() > kMaxWords) return absl::InvalidArgumentError("has more than 64 words");
  FeedFilter out;
  for (absl::string_view word : words) {
    const absl::string_view whole = word;
    const bool more = absl::ConsumePrefix(&word, ">");
    const bool less = !more && absl::ConsumePrefix(&word, "<");
    if (more || less) {
      std::optional<uint64_t>& bound = more ? out.more_than_ : out.less_than_;
      bound = SizeOf(word);
      if (!bound) {
        return absl::InvalidArgumentError(
            absl::StrCat("'", whole, "' is no size, such as >100MiB"));
      }
      continue;
    }
    Word made;
    made.wanted = !absl::ConsumePrefix(&word, "-");
    for (const absl::string_view one : absl::StrSplit(word, '|')) {
      if (one.empty()) {
        return absl::InvalidArgumentError(absl::StrCat("'", whole, "' has a word without letters"));
      }
      made.any.push_back(absl::AsciiStrToLower(one));
    }
    out.words_.push_back(std::move(made));
  }
  return out;
}

bool FeedFilter::Takes(absl::string_view title, std::optional<uint64_t> size) const {
  if (more_than_ && (!size || *size <= *more_than_)) return false;
  if (less_than_ && (!size || *size >= *less_than_)) return false;
  const std::string lower = absl::AsciiStrToLower(title);
  return std::all_of(words_.begin(), words_.end(), [&lower](const Word& word) {
    const bool there = std::any_of(word.any.begin(), word.any.end(), [&lower](const auto& one) {
      return absl::StrContains(lower, one);
    });
    return there == word.wanted;
  });
}

}  // namespace p2pd::archive::intake
