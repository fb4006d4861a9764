#include "libcore/archive/intake/feed_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libcore/archive/intake/url.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/status.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::intake {
namespace {

constexpr absl::string_view kHead = "p2pd feeds 1";
constexpr absl::string_view kFilter = "filter ";

// Not for secrecy: an id may be long, and thousands are kept.
uint64_t Short(absl::string_view id) {
  const pki::Sha1Digest digest = pki::Sha1(AsBytes(id));
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | digest.view()[i];
  return out;
}

// Of all that its operator wrote.
std::string FilterOf(const FeedSettings& settings) {
  return absl::StrCat(absl::Hex(Short(settings.text), absl::kZeroPad16));
}

// A stranger's words, for a person.
std::string Shown(absl::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

std::string Printable(absl::string_view text, size_t most) {
  if (text.size() > most) return "";
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
  return plain ? std::string(text) : std::string();
}

// Of an address that stands in the feed `feed`, or is its own. The name of a server with a
// certificate leads nowhere else, since nothing is asked of one without it.
bool MayBeInside(absl::string_view feed, absl::string_view url) {
  const std::string origin = OriginOf(feed);
  return OriginOf(url) == origin && (absl::StartsWith(origin, "https:") || lt::LeadsInside(feed));
}

// Nothing that two readers could read differently: no blanks, no \.
bool MayAsk(const std::string& url, bool may_be_inside) {
  return lt::IsWebSeedUrl(url) && !OriginOf(url).empty() &&
         (may_be_inside || !lt::LeadsInside(url));
}

}  // namespace

absl::StatusOr<FeedSettings> FeedSettings::Parse(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty() || OriginOf(words[0]).empty() || !lt::IsWebSeedUrl(words[0]) ||
      Printable(words[0], words[0].size()).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' does not begin with http:// or https:// and a host"));
  }
  P2PD_ASSIGN_OR_RETURN(FeedFilter filter,
                        FeedFilter::Parse(absl::MakeConstSpan(words).subspan(1)));
  return FeedSettings{std::string(text), std::string(words[0]), std::move(filter)};
}

FeedReader::FeedReader(std::vector<FeedSettings> feeds, absl::Duration period) {
  Configure(Instant::Min(), std::move(feeds), period);
}

void FeedReader::Configure(Instant now, std::vector<FeedSettings> feeds, absl::Duration period) {
  period_ = period;
  if (redirect_) ReadAgain(feeds_[redirect_->feed]);
  redirect_.reset();
  std::vector<Feed> before = std::exchange(feeds_, {});
  for (FeedSettings& settings : feeds) {
    if (feeds_.size() == kMaxFeeds) break;
    const auto known = std::find_if(before.begin(), before.end(), [&](const Feed& one) {
      return one.settings.url == settings.url;
    });
    Feed& feed = feeds_.emplace_back(known == before.end() ? Feed() : std::move(*known));
    // Its items are found again in the new document, by the new filter.
    const bool other = feed.settings.text != settings.text;
    if (other || !feed.waiting.empty()) ReadAgain(feed);
    feed.waiting.clear();
    feed.settings = std::move(settings);
    feed.due = other || feed.failures > 0 ? now : std::min(feed.due, now + period);
  }
}

std::optional<FeedReader::Fetch> FeedReader::Next(Instant now) {
  if (redirect_) return std::exchange(redirect_, std::nullopt);
  const auto due = std::find_if(feeds_.begin(), feeds_.end(), [now](const Feed& feed) {
    return feed.due <= now && feed.waiting.empty();
  });
  if (due == feeds_.end()) {
    for (size_t i = 0; i < feeds_.size(); ++i) {
      turn_ = (turn_ + 1) % feeds_.size();
      std::deque<Fetch>& waiting = feeds_[turn_].waiting;
      if (waiting.empty()) continue;
      Fetch fetch = std::move(waiting.front());
      waiting.pop_front();
      return fetch;
    }
    return std::nullopt;
  }
  // Until OnAnswer says when.
  due->due = Instant::Max();
  Fetch fetch;
  fetch.feed = static_cast<size_t>(due - feeds_.begin());
  fetch.url = due->settings.url;
  fetch.etag = due->etag;
  fetch.modified = due->modified;
  fetch.may_be_inside = MayBeInside(fetch.url, fetch.url);
  fetch.most = kMaxFeed;
  return fetch;
}

std::optional<Instant> FeedReader::PollTimeout() const {
  if (redirect_) return Instant::Min();
  std::optional<Instant> out;
  for (const Feed& feed : feeds_) {
    if (!feed.waiting.empty()) return Instant::Min();
    if (feed.due != Instant::Max()) out = Earliest(out, feed.due);
  }
  return out;
}

bool FeedReader::Follow(const Fetch& fetch, const Answer& answer) {
  Fetch next = fetch;
  next.url = Resolve(fetch.url, answer.location);
  next.may_be_inside = MayBeInside(feeds_[fetch.feed].settings.url, next.url);
  const bool downgrade = absl::StartsWith(OriginOf(fetch.url), "https:") &&
                         absl::StartsWith(OriginOf(next.url), "http:");
  if (downgrade || ++next.redirects > kMaxRedirects || !MayAsk(next.url, next.may_be_inside)) {
    return false;
  }
  redirect_ = std::move(next);
  return true;
}

void FeedReader::OnAnswer(Instant now, const Fetch& fetch, absl::StatusOr<Answer> answer) {
  ++asked_;
  Feed& feed = feeds_[fetch.feed];
  constexpr int kRedirects[] = {301, 302, 303, 307, 308};
  // One without a place leads nowhere, and by §5.2 to itself.
  const bool redirect =
      answer.ok() && !answer->location.empty() &&
      std::count(std::begin(kRedirects), std::end(kRedirects), answer->status) != 0;
  if (redirect) {
    // What indexers answer where they have no file.
    if (fetch.item && torrent::IsMagnet(answer->location)) {
      FeedItem item = *fetch.item;
      item.link = answer->location;
      return Take(feed, std::move(item), {});
    }
    if (Follow(fetch, *answer)) return;
    answer = absl::PermissionDeniedError("a redirect to where it may not go");
  }
  if (fetch.item) return OnItem(feed, fetch, std::move(answer));
  feed.asked = now;
  OnFeed(now, feed, fetch.feed, std::move(answer));
}

void FeedReader::Fail(Instant now, Feed& feed, absl::string_view why) {
  ++failed_;
  feed.trouble = Shown(why);
  absl::Duration wait = period_;
  for (int i = 0; i < feed.failures && wait < kMaxBackoff; ++i) wait *= 2;
  ++feed.failures;
  feed.due = now + std::max(period_, std::min(wait, kMaxBackoff));
}

void FeedReader::OnFeed(Instant now, Feed& feed, size_t index, absl::StatusOr<Answer> answer) {
  constexpr int kOk = 200;
  constexpr int kNotModified = 304;
  if (!answer.ok()) return Fail(now, feed, answer.status().message());
  if (answer->status != kOk && answer->status != kNotModified) {
    return Fail(now, feed, absl::StrCat("it answers ", answer->status));
  }
  if (answer->status == kOk) {
    auto items = ParseFeed(answer->body);
    if (!items.ok()) return Fail(now, feed, items.status().message());
    feed.etag = Printable(answer->etag, kMaxVersion);
    feed.modified = Printable(answer->modified, kMaxVersion);
    TakeItems(feed, index, *std::move(items));
  }
  feed.trouble.clear();
  feed.failures = 0;
  feed.due = now + period_;
}

void FeedReader::TakeItems(Feed& feed, size_t index, std::vector<FeedItem> items) {
  feed.shown = items.size();
  std::set<uint64_t> shown;
  for (FeedItem& item : items) {
    const uint64_t id = Short(item.id);
    if (!shown.insert(id).second || feed.known.count(id) != 0) continue;
    if (!feed.settings.filter.Takes(item.title, item.size)) continue;
    TakeItem(feed, index, std::move(item));
  }
  Forget(feed, shown);
}

void FeedReader::TakeItem(Feed& feed, size_t index, FeedItem item) {
  if (torrent::IsMagnet(item.link)) return Take(feed, std::move(item), {});
  Fetch fetch;
  fetch.feed = index;
  fetch.url = item.link;
  fetch.may_be_inside = MayBeInside(feed.settings.url, item.link);
  fetch.most = kMaxTorrent;
  if (!MayAsk(fetch.url, fetch.may_be_inside)) return Refuse(feed, item.id);
  if (feed.waiting.size() == kMaxWaiting) return ReadAgain(feed);
  fetch.item = std::move(item);
  feed.waiting.push_back(std::move(fetch));
}

void FeedReader::Forget(Feed& feed, const std::set<uint64_t>& shown) {
  const auto is_shown = [&shown](uint64_t id) { return shown.count(id) != 0; };
  auto others =
      feed.remembered.size() -
      static_cast<size_t>(std::count_if(feed.remembered.begin(), feed.remembered.end(), is_shown));
  std::deque<uint64_t> kept;
  for (const uint64_t id : feed.remembered) {
    if (!is_shown(id) && others-- > kMaxRemembered) {
      feed.known.erase(id);
      continue;
    }
    kept.push_back(id);
  }
  feed.remembered = std::move(kept);
  std::erase_if(feed.tries, [&](const auto& one) { return !is_shown(one.first); });
}

void FeedReader::ReadAgain(Feed& feed) {
  feed.etag.clear();
  feed.modified.clear();
}

void FeedReader::OnItem(Feed& feed, const Fetch& fetch, absl::StatusOr<Answer> answer) {
  constexpr int kOk = 200;
  if (answer.ok() && answer->status == kOk) {
    return Take(feed, *fetch.item, std::move(answer->body));
  }
  ++failed_;
  feed.trouble = Shown(absl::StrCat(WithoutSecrets(fetch.item->link), ": ",
                                    answer.ok() ? absl::StrCat("it answers ", answer->status)
                                                : std::string(answer.status().message())));
  ReadAgain(feed);
  if (++feed.tries[Short(fetch.item->id)] >= kTries) Refuse(feed, fetch.item->id);
}

void FeedReader::Refuse(Feed& feed, const std::string& id) {
  ++feed.refused;
  ++refused_;
  Remember(feed, id);
}

void FeedReader::Take(Feed& feed, FeedItem item, Bytes metainfo) {
  Remember(feed, item.id);
  ++feed.taken;
  offers_.push_back({std::move(item), std::move(metainfo)});
}

void FeedReader::Remember(Feed& feed, const std::string& id) {
  if (feed.known.insert(Short(id)).second) feed.remembered.push_back(Short(id));
}

std::optional<FeedReader::Offer> FeedReader::PollOffer() {
  if (offers_.empty()) return std::nullopt;
  Offer out = std::move(offers_.front());
  offers_.pop_front();
  return out;
}

std::vector<FeedReader::Status> FeedReader::List() const {
  std::vector<Status> out;
  for (const Feed& feed : feeds_) {
    Status& status = out.emplace_back();
    status.url = WithoutSecrets(feed.settings.url);
    status.trouble = feed.trouble;
    status.asked = feed.asked;
    if (feed.due != Instant::Max()) status.due = feed.due;
    status.failures = feed.failures;
    status.shown = feed.shown;
    status.waiting = feed.waiting.size();
    status.taken = feed.taken;
    status.refused = feed.refused;
  }
  return out;
}

// A line "feed URL", "filter HASH", "etag …" and "modified …" where there is one, and a line for
// each id.
std::string FeedReader::Encode() const {
  std::string out = absl::StrCat(kHead, "\n");
  for (const Feed& feed : feeds_) {
    absl::StrAppend(&out, "feed ", feed.settings.url, "\n", kFilter, FilterOf(feed.settings), "\n");
    // Items that wait are read again by the next run.
    const bool all = feed.waiting.empty() && !(redirect_ && redirect_->item);
    if (all && !feed.etag.empty()) absl::StrAppend(&out, "etag ", feed.etag, "\n");
    if (all && !feed.modified.empty()) absl::StrAppend(&out, "modified ", feed.modified, "\n");
    for (const uint64_t id : feed.remembered) {
      absl::StrAppend(&out, absl::Hex(id, absl::kZeroPad16), "\n");
    }
  }
  return out;
}

absl::Status FeedReader::Restore(absl::string_view text) {
  std::vector<Feed> feeds = feeds_;
  // Of a feed that is not asked any more.
  Feed gone;
  Feed* feed = nullptr;
  bool head = true;
  // Another one may take what that one left, so that the feed is read though it did not change.
  bool same_filter = false;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    uint64_t id = 0;
    if (std::exchange(head, false)) {
      if (line != kHead) return absl::InvalidArgumentError("is no state of feeds");
    } else if (absl::ConsumePrefix(&line, "feed ")) {
      const auto found = std::find_if(feeds.begin(), feeds.end(),
                                      [&](const Feed& one) { return one.settings.url == line; });
      feed = found == feeds.end() ? &gone : &*found;
      same_filter = false;
    } else if (feed == nullptr) {
      return absl::InvalidArgumentError("names no feed");
    } else if (absl::ConsumePrefix(&line, kFilter)) {
      same_filter = line == FilterOf(feed->settings);
    } else if (absl::ConsumePrefix(&line, "etag ")) {
      if (same_filter) feed->etag = Printable(line, kMaxVersion);
    } else if (absl::ConsumePrefix(&line, "modified ")) {
      if (same_filter) feed->modified = Printable(line, kMaxVersion);
    } else if (line.size() == 16 && absl::SimpleHexAtoi(line, &id)) {
      if (feed->known.size() < kMaxRemembered + kMaxFeedItems && feed->known.insert(id).second) {
        feed->remembered.push_back(id);
      }
    } else {
      return absl::InvalidArgumentError("has a line that is none of a state of feeds");
    }
  }
  feeds_ = std::move(feeds);
  return absl::OkStatus();
}

}  // namespace p2pd::archive::intake
