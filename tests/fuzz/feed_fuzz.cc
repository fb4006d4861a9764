// Feeds of torrents: whatever they say, what is taken of them is within its limits.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/intake/feed.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::archive::intake;
  const auto items = ParseFeed({data, size});
  if (!items.ok()) return 0;
  P2PD_CHECK(items->size() <= kMaxFeedItems);
  for (const FeedItem& item : *items) {
    P2PD_CHECK(!item.id.empty() && !item.link.empty());
    P2PD_CHECK(item.id.size() <= kMaxFeedText && item.link.size() <= kMaxFeedText);
    P2PD_CHECK(item.title.size() <= kMaxFeedText);
  }
  return 0;
}
