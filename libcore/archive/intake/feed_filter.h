// FeedFilter: which items of a feed are taken, in words that a person writes behind its address:
// `ubuntu|debian -beta >100MiB <4GiB`.
//
// Rules: each word has to be in the title, of words with | between them one, a word with - before
// it none; letters of either case are the same (ASCII). >SIZE and <SIZE are about the size, and an
// item that says none is taken by neither. No word at all takes everything. Nothing in it takes
// longer than the title times the words: no expression of a stranger's runs here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace p2pd::archive::intake {

class FeedFilter {
 public:
  static constexpr size_t kMaxWords = 64;

  // InvalidArgument names the word that is wrong.
  static absl::StatusOr<FeedFilter> Parse(absl::Span<const absl::string_view> words);
  bool Takes(absl::string_view title, std::optional<uint64_t> size) const;

 private:
  struct Word {
    bool wanted = true;
    std::vector<std::string> any;  // in lower case
  };
  std::vector<Word> words_;
  std::optional<uint64_t> more_than_;
  std::optional<uint64_t> less_than_;
};

}  // namespace p2pd::archive::intake
