// Feeds of torrents: RSS 2.0 with enclosures, RSS with Torznab's attributes, and Atom with links.
//
// Rules: XML without a document type: nothing is expanded, nothing is fetched. What an item names
// is an http(s) address of a .torrent, or a magnet link; an item that names neither is left out. A
// text or an attribute longer than kMaxFeedText is passed by as if it was not there, and its item
// is taken by what else it says. Sources: RSS 2.0; RFC 4287; Torznab 1.3; XML 1.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::intake {

struct FeedItem {
  std::string id;     // guid, Atom's id, or the link; never empty
  std::string title;  // may be empty
  std::string link;   // magnet:… or http(s)://…
  std::optional<uint64_t> size;
};

// A longer document is refused before this.
constexpr size_t kMaxFeed = size_t{4} << 20;
constexpr size_t kMaxFeedItems = 1000;
constexpr size_t kMaxFeedText = 8192;  // of an element or attribute that is read
constexpr int kMaxFeedDepth = 32;

// The first kMaxFeedItems. InvalidArgument: no XML, none of a feed, with a document type, or nested
// deeper than kMaxFeedDepth.
absl::StatusOr<std::vector<FeedItem>> ParseFeed(ByteView xml);

}  // namespace p2pd::archive::intake
