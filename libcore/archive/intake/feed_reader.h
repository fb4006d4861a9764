// FeedReader: when which feed is asked, which of its items are handed to the archive, and which
// were before.
//
// Rules:
//   - Feeds are asked each period, with what they said of their version last time (ETag,
//     Last-Modified); one that fails is asked after twice the time, up to kMaxBackoff.
//   - An item is taken once, by its id: what a person removed does not come back by its feed. Ids
//     that the feed still shows are remembered, and kMaxRemembered of others, the latest.
//   - Where an item leads is asked by the rules for a stranger's trackers (lt/address_guard.h): not
//     within our own network, unless it is the server of the feed itself, which the operator named.
//     Redirects are followed by the same rules, kMaxRedirects of them, never from https to http.
//   - An item whose answer did not come is tried kTries times, with the feed's next turns.
// Threads: one owner. Limits: below. Sources: RFC 9110 §13, §15.4; RFC 3986 §5.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/archive/intake/feed.h"
#include "libcore/archive/intake/feed_filter.h"
#include "libcore/base/bytes.h"
#include "libcore/base/time.h"

namespace p2pd::archive::intake {

// One feed as its operator writes it: an address, then the words of a FeedFilter.
struct FeedSettings {
  std::string url;
  FeedFilter filter;

  // InvalidArgument says what is wrong.
  static absl::StatusOr<FeedSettings> Parse(absl::string_view text);
};

// "http://host:port" of an address, in lower case and with the port that it means; empty: it is
// none of http or https.
std::string OriginOf(absl::string_view url);
// Where a reference leads that stands at `base` (RFC 3986 §5, without dot segments).
std::string Resolve(absl::string_view base, absl::string_view reference);

class FeedReader {
 public:
  static constexpr size_t kMaxFeeds = 64;
  static constexpr size_t kMaxRemembered = 5000;  // of a feed, beside those that it shows
  static constexpr int kMaxRedirects = 5;
  static constexpr int kTries = 3;
  static constexpr absl::Duration kMaxBackoff = absl::Hours(24);
  static constexpr size_t kMaxTorrent = size_t{12} << 20;
  static constexpr size_t kMaxVersion = 256;  // of an ETag or a date

  // What is to be asked for. The answer's body has at most `most` bytes.
  struct Fetch {
    size_t feed = 0;
    std::string url;
    std::string etag;            // If-None-Match; empty: none
    std::string modified;        // If-Modified-Since; empty: none
    bool may_be_inside = false;  // in our own network
    size_t most = 0;
    int redirects = 0;
    std::optional<FeedItem> item;  // whose .torrent it is; none: the feed
  };
  struct Answer {
    int status = 0;
    std::string location;
    std::string etag;
    std::string modified;
    Bytes body;
  };
  // What the archive is to be given.
  struct Offer {
    size_t feed = 0;
    FeedItem item;
    Bytes metainfo;  // empty: item.link is a magnet link
  };

  // `period`: from question to question.
  FeedReader(std::vector<FeedSettings> feeds, absl::Duration period);

  // One at a time: OnAnswer follows. nullopt: nothing is due.
  std::optional<Fetch> Next(Instant now);
  void OnAnswer(Instant now, const Fetch& fetch, absl::StatusOr<Answer> answer);
  std::optional<Offer> PollOffer();
  std::optional<Instant> PollTimeout() const;

  // What is remembered, as text; restored before the first Next. InvalidArgument when it is none:
  // nothing is changed then.
  std::string Encode() const;
  absl::Status Restore(absl::string_view text);

  struct Status {
    std::string url;
    std::string trouble;  // empty: none
    uint64_t taken = 0;   // items, in this run
  };
  std::vector<Status> List() const;

 private:
  struct Feed {
    FeedSettings settings;
    std::string etag;
    std::string modified;
    Instant due = Instant::Min();
    int failures = 0;
    std::string trouble;
    uint64_t taken = 0;
    std::deque<uint64_t> remembered;  // in the order of their coming
    std::set<uint64_t> known;         // the same
    std::map<uint64_t, int> tries;
  };

  void OnFeed(Instant now, Feed& feed, size_t index, absl::StatusOr<Answer> answer);
  void OnItem(Feed& feed, const Fetch& fetch, absl::StatusOr<Answer> answer);
  // Whether the redirect was followed.
  bool Follow(const Fetch& fetch, const Answer& answer);
  void Fail(Instant now, Feed& feed, std::string why);
  void Remember(Feed& feed, const std::string& id);
  void TakeItems(Feed& feed, size_t index, std::vector<FeedItem> items);

  const absl::Duration period_;
  std::vector<Feed> feeds_;
  std::deque<Fetch> waiting_;  // items and redirects
  std::deque<Offer> offers_;
};

}  // namespace p2pd::archive::intake
