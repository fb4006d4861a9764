// Feeds: the catalogue for programs: RSS 2.0, Torznab and JSON.
//
// Rules: every text that is not ours goes through Markup or JsonWriter. Feeds name whole addresses,
// below `base`, which is ours or was looked at. Sizes are bytes, times RFC 822 or RFC 3339.
// Threads: values. Sources: RSS 2.0.11; Torznab 1.3 draft; RFC 8259.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libcore/archive/catalogue/detail.h"
#include "libcore/archive/catalogue/index.h"
#include "libcore/archive/catalogue/question.h"

namespace p2pd::archive::catalogue {

// The magnet link of a torrent; `announce` is our tracker's address, or empty, and left out for a
// private torrent, whose trackers are its own affair (BEP 27).
std::string MagnetOf(const TorrentSummary& summary, absl::string_view announce,
                     const std::vector<std::string>& trackers);

struct FeedOptions {
  std::string base;  // "http://host:port", without a slash at its end
  std::string announce;
};

std::string RssFeed(const FeedOptions& options, const Search& search, const Found& found);
std::string TorznabCaps(const FeedOptions& options);
std::string TorznabFeed(const FeedOptions& options, const Search& search, const Found& found);
std::string TorznabError(int code, absl::string_view why);
std::string JsonList(const FeedOptions& options, const Search& search, const Found& found);
std::string JsonItem(const FeedOptions& options, const Detail& detail);
std::string JsonError(int status, absl::string_view why);

}  // namespace p2pd::archive::catalogue
