// Question: what a request asks of the catalogue, from its target.
//
// Rules: a stranger wrote it. What could be read in two ways, is no text, or is a number beyond its
// range is refused; a parameter that a page does not know is refused too, so that a misspelt one is
// not silently nothing. Torznab alone passes by what it does not know: its clients send one list to
// every indexer. Threads: values. Limits: below. Source: Torznab, 'Specification' 1.3.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "libcore/archive/torrent/info_hash.h"

namespace p2pd::archive::catalogue {

// Of a target, in bytes: a search of many words in a script of three bytes a letter, each as %XX.
inline constexpr size_t kMaxTarget = 2048;
inline constexpr size_t kMaxSearch = 200;  // bytes of a search, decoded
inline constexpr size_t kPageSize = 25;
inline constexpr size_t kMaxPage = 100'000;
inline constexpr size_t kMaxLimit = 100;
inline constexpr size_t kMaxOffset = 1'000'000;

enum class Sort : uint8_t { kRelevance, kNeed, kNewest, kSize, kName };

// Which torrents, and which of them.
struct Search {
  std::string text{};  // empty: all
  Sort sort = Sort::kNewest;
  size_t offset = 0;
  size_t limit = kPageSize;
};

struct AskSearchPage {
  Search search;
};
// Those that nobody but an archive has whole, the worst first.
struct AskNeedPage {
  Search search;
};
struct AskItemPage {
  torrent::InfoHash hash;
};
struct AskMetainfo {
  torrent::InfoHash hash;
};
struct AskRss {
  Search search;
};
struct AskJsonList {
  Search search;
};
struct AskJsonItem {
  torrent::InfoHash hash;
};
struct AskCaps {};
struct AskTorznab {
  Search search;
};
struct AskAbout {};  // what the API is
struct AskRobots {};
// What is none of these, with its status and why, for a person.
struct Refused {
  int status = 0;
  std::string why;
  // Torznab's clients want their errors in XML under a code.
  int torznab_code = 0;
};
using Question =
    std::variant<AskSearchPage, AskNeedPage, AskItemPage, AskMetainfo, AskRss, AskJsonList,
                 AskJsonItem, AskCaps, AskTorznab, AskAbout, AskRobots, Refused>;

Question ParseTarget(absl::string_view target);

// As it stands in a query: "need".
absl::string_view NameOf(Sort sort);

}  // namespace p2pd::archive::catalogue
