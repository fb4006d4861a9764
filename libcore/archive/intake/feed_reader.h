// FeedReader: when which feed is asked, which of its items are handed to the archive, and which
// were before.
//
// Rules:
//   - Feeds are asked each period, with what they said of their version last time (ETag,
//     Last-Modified) unless their filter is another one now; one that fails is asked after twice
//     the time, up to kMaxBackoff. Between them one item of each feed in turn: a slow server delays
//     the others by one answer.
//   - An item is taken once, by its id: what a person removed does not come back by its feed. Ids
//     that the feed still shows are remembered, and kMaxRemembered of others, the latest.
//   - Where an item leads is asked by the rules for a stranger's trackers (lt/address_guard.h): not
//     within our own network, unless it is the server of the feed itself, and the operator named
//     that by such an address or its certificate proves it (https). Who owns a name chooses where
//     it leads. Redirects are followed by the same rules, kMaxRedirects of them, never from https
//     to http.
//   - An item whose answer did not come is tried kTries times, with the feed's next turns.
// Threads: one owner. Limits: below. Sources: RFC 9110 §13, §15.4.
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
  std::string text;  // all of it
  std::string url;
  FeedFilter filter;

  // InvalidArgument says what is wrong.
  static absl::StatusOr<FeedSettings> Parse(absl::string_view text);
};

class FeedReader {
 public:
  static constexpr size_t kMaxFeeds = 64;
  static constexpr size_t kMaxRemembered = 5000;  // of a feed, beside those that it shows
  static constexpr int kMaxRedirects = 5;
  static constexpr int kTries = 3;
  static constexpr absl::Duration kMaxBackoff = absl::Hours(24);
  static constexpr size_t kMaxTorrent = size_t{12} << 20;
  static constexpr size_t kMaxVersion = 256;  // of an ETag or a date
  // Of .torrent files that one turn of a feed asks for; the others come with the next one.
  static constexpr size_t kMaxWaiting = 100;
  // What Encode writes at most.
  static constexpr size_t kMaxEncoded = size_t{8} << 20;

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
    FeedItem item;
    Bytes metainfo;  // empty: item.link is a magnet link
  };

  // `period`: from question to question.
  FeedReader(std::vector<FeedSettings> feeds, absl::Duration period);
  // Other feeds from now on; of those that stay, what was seen stays. Not between Next and
  // OnAnswer.
  void Configure(Instant now, std::vector<FeedSettings> feeds, absl::Duration period);

  // One at a time: OnAnswer follows. nullopt: nothing is due.
  std::optional<Fetch> Next(Instant now);
  void OnAnswer(Instant now, const Fetch& fetch, absl::StatusOr<Answer> answer);
  std::optional<Offer> PollOffer();
  size_t offers() const { return offers_.size(); }
  std::optional<Instant> PollTimeout() const;

  // What is remembered, as text; restored before the first Next. InvalidArgument when it is none:
  // nothing is changed then.
  std::string Encode() const;
  absl::Status Restore(absl::string_view text);

  // Counts are of this run.
  struct Status {
    std::string url;               // without secrets
    std::string trouble;           // of the last turn; empty: none
    std::optional<Instant> asked;  // its last answer, or that there was none
    std::optional<Instant> due;    // nullopt: it is being asked
    int failures = 0;              // in a row, 0 when it answered
    size_t shown = 0;              // items of its last document
    size_t waiting = 0;            // .torrent files that are to be asked for
    uint64_t taken = 0;            // items that were offered
    uint64_t refused = 0;          // that lead to where they may not, or did not come
  };
  std::vector<Status> List() const;
  // Of all feeds, and of those that were.
  uint64_t asked() const { return asked_; }
  uint64_t failed() const { return failed_; }
  uint64_t refused() const { return refused_; }

 private:
  struct Feed {
    FeedSettings settings;
    std::string etag;
    std::string modified;
    Instant due = Instant::Min();
    std::optional<Instant> asked;
    int failures = 0;
    std::string trouble;
    size_t shown = 0;
    uint64_t taken = 0;
    uint64_t refused = 0;
    std::deque<Fetch> waiting;        // items
    std::deque<uint64_t> remembered;  // in the order of their coming
    std::set<uint64_t> known;         // the same
    std::map<uint64_t, int> tries;
  };

  void OnFeed(Instant now, Feed& feed, size_t index, absl::StatusOr<Answer> answer);
  void OnItem(Feed& feed, const Fetch& fetch, absl::StatusOr<Answer> answer);
  // Whether the redirect was followed.
  bool Follow(const Fetch& fetch, const Answer& answer);
  void Fail(Instant now, Feed& feed, absl::string_view why);
  void Remember(Feed& feed, const std::string& id);
  void Refuse(Feed& feed, const std::string& id);
  void Take(Feed& feed, FeedItem item, Bytes metainfo);
  void TakeItems(Feed& feed, size_t index, std::vector<FeedItem> items);
  // An item of this feed whose id is new and that its filter takes.
  void TakeItem(Feed& feed, size_t index, FeedItem item);
  // Keeps what the feed shows, and of the rest the latest.
  static void Forget(Feed& feed, const std::set<uint64_t>& shown);
  // An unchanged feed would not be read again.
  static void ReadAgain(Feed& feed);

  absl::Duration period_;
  std::vector<Feed> feeds_;
  std::optional<Fetch> redirect_;
  size_t turn_ = 0;  // the feed whose item was asked for last
  std::deque<Offer> offers_;
  uint64_t asked_ = 0;
  uint64_t failed_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace p2pd::archive::intake
