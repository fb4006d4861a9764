#include "libcore/archive/intake/feed_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/base/status.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::intake {
namespace {

constexpr size_t kMaxUrl = 2048;
constexpr absl::string_view kHead = "p2pd feeds 1";

bool IsMagnet(absl::string_view link) { return absl::StartsWithIgnoreCase(link, "magnet:?"); }

// Not for secrecy: an id may be long, and thousands are kept.
uint64_t Short(absl::string_view id) {
  const pki::Sha1Digest digest = pki::Sha1(AsBytes(id));
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | digest.view()[i];
  return out;
}

std::string Printable(absl::string_view text, size_t most) {
  if (text.size() > most) return "";
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
  return plain ? std::string(text) : std::string();
}

}  // namespace

absl::StatusOr<FeedSettings> FeedSettings::Parse(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty() || OriginOf(words[0]).empty() || words[0].size() > kMaxUrl ||
      Printable(words[0], kMaxUrl).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' does not begin with http:// or https:// and a host"));
  }
  P2PD_ASSIGN_OR_RETURN(FeedFilter filter,
                        FeedFilter::Parse(absl::MakeConstSpan(words).subspan(1)));
  return FeedSettings{std::string(words[0]), std::move(filter)};
}

std::string OriginOf(absl::string_view url) {
  std::string scheme;
  for (const absl::string_view one : {"http", "https"}) {
    if (absl::StartsWithIgnoreCase(url, absl::StrCat(one, "://"))) scheme = std::string(one);
  }
  if (scheme.empty()) return "";
  url.remove_prefix(scheme.size() + 3);
  absl::string_view authority = url.substr(0, url.find_first_of("/?#\\"));
  const size_t user = authority.rfind('@');
  if (user != absl::string_view::npos) authority.remove_prefix(user + 1);
  if (authority.empty()) return "";
  std::string host = absl::AsciiStrToLower(authority);
  // The colons of an IPv6 address stand before its bracket.
  const size_t colon = host.rfind(':');
  const bool port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  if (!port) absl::StrAppend(&host, scheme == "http" ? ":80" : ":443");
  return absl::StrCat(scheme, "://", host);
}

std::string Resolve(absl::string_view base, absl::string_view reference) {
  // Of another scheme it stays as it is, and is none that is asked.
  const size_t end = reference.find_first_of(":/?#");
  if (end != absl::string_view::npos && reference[end] == ':') return std::string(reference);
  if (absl::StartsWith(reference, "//")) {
    return absl::StrCat(base.substr(0, base.find("//")), reference);
  }
  const size_t path = base.find('/', base.find("//") + 2);
  if (absl::StartsWith(reference, "/")) return absl::StrCat(base.substr(0, path), reference);
  const absl::string_view before = base.substr(0, base.find_first_of("?#"));
  if (path == absl::string_view::npos) return absl::StrCat(before, "/", reference);
  return absl::StrCat(before.substr(0, before.rfind('/') + 1), reference);
}

FeedReader::FeedReader(std::vector<FeedSettings> feeds, absl::Duration period) : period_(period) {
  for (FeedSettings& settings : feeds) {
    if (feeds_.size() == kMaxFeeds) break;
    feeds_.emplace_back().settings = std::move(settings);
  }
}

std::optional<FeedReader::Fetch> FeedReader::Next(Instant now) {
  if (!waiting_.empty()) {
    Fetch fetch = std::move(waiting_.front());
    waiting_.pop_front();
    return fetch;
  }
  const auto due = std::find_if(feeds_.begin(), feeds_.end(),
                                [now](const Feed& feed) { return feed.due <= now; });
  if (due == feeds_.end()) return std::nullopt;
  // Until OnAnswer says when.
  due->due = Instant::Max();
  Fetch fetch;
  fetch.feed = static_cast<size_t>(due - feeds_.begin());
  fetch.url = due->settings.url;
  fetch.etag = due->etag;
  fetch.modified = due->modified;
  fetch.may_be_inside = true;
  fetch.most = kMaxFeed;
  return fetch;
}

std::optional<Instant> FeedReader::PollTimeout() const {
  if (!waiting_.empty()) return Instant::Min();
  std::optional<Instant> out;
  for (const Feed& feed : feeds_) {
    if (feed.due != Instant::Max()) out = Earliest(out, feed.due);
  }
  return out;
}

bool FeedReader::Follow(const Fetch& fetch, const Answer& answer) {
  Fetch next = fetch;
  next.url = Resolve(fetch.url, answer.location);
  const std::string feed = OriginOf(feeds_[fetch.feed].settings.url);
  const std::string origin = OriginOf(next.url);
  next.may_be_inside = origin == feed;
  const bool downgrade =
      absl::StartsWith(OriginOf(fetch.url), "https:") && absl::StartsWith(origin, "http:");
  if (origin.empty() || downgrade || next.url.size() > kMaxUrl ||
      ++next.redirects > kMaxRedirects || (!next.may_be_inside && lt::LeadsInside(next.url))) {
    return false;
  }
  waiting_.push_front(std::move(next));
  return true;
}

void FeedReader::OnAnswer(Instant now, const Fetch& fetch, absl::StatusOr<Answer> answer) {
  Feed& feed = feeds_[fetch.feed];
  constexpr int kRedirects[] = {301, 302, 303, 307, 308};
  const bool redirect =
      answer.ok() && std::count(std::begin(kRedirects), std::end(kRedirects), answer->status) != 0;
  if (redirect) {
    // What indexers answer where they have no file.
    if (fetch.item && IsMagnet(answer->location)) {
      Offer offer{fetch.feed, *fetch.item, {}};
      offer.item.link = answer->location;
      Remember(feed, fetch.item->id);
      ++feed.taken;
      offers_.push_back(std::move(offer));
      return;
    }
    if (Follow(fetch, *answer)) return;
    answer = absl::PermissionDeniedError("a redirect to where it may not go");
  }
  if (fetch.item) return OnItem(feed, fetch, std::move(answer));
  OnFeed(now, feed, fetch.feed, std::move(answer));
}

void FeedReader::Fail(Instant now, Feed& feed, std::string why) {
  feed.trouble = std::move(why);
  absl::Duration wait = period_;
  for (int i = 0; i < feed.failures && wait < kMaxBackoff; ++i) wait *= 2;
  ++feed.failures;
  feed.due = now + std::max(period_, std::min(wait, kMaxBackoff));
}

void FeedReader::OnFeed(Instant now, Feed& feed, size_t index, absl::StatusOr<Answer> answer) {
  constexpr int kOk = 200;
  constexpr int kNotModified = 304;
  if (!answer.ok()) return Fail(now, feed, std::string(answer.status().message()));
  if (answer->status != kOk && answer->status != kNotModified) {
    return Fail(now, feed, absl::StrCat("it answers ", answer->status));
  }
  if (answer->status == kOk) {
    auto items = ParseFeed(answer->body);
    if (!items.ok()) return Fail(now, feed, std::string(items.status().message()));
    feed.etag = Printable(answer->etag, kMaxVersion);
    feed.modified = Printable(answer->modified, kMaxVersion);
    TakeItems(feed, index, *std::move(items));
  }
  feed.trouble.clear();
  feed.failures = 0;
  feed.due = now + period_;
}

void FeedReader::TakeItems(Feed& feed, size_t index, std::vector<FeedItem> items) {
  const std::string origin = OriginOf(feed.settings.url);
  std::set<uint64_t> shown;
  for (FeedItem& item : items) {
    const uint64_t id = Short(item.id);
    if (!shown.insert(id).second || feed.known.count(id) != 0) continue;
    if (!feed.settings.filter.Takes(item.title, item.size)) continue;
    if (IsMagnet(item.link)) {
      Remember(feed, item.id);
      ++feed.taken;
      offers_.push_back({index, std::move(item), {}});
      continue;
    }
    Fetch fetch;
    fetch.feed = index;
    fetch.url = item.link;
    fetch.may_be_inside = OriginOf(item.link) == origin;
    fetch.most = kMaxTorrent;
    if (item.link.size() > kMaxUrl || (!fetch.may_be_inside && lt::LeadsInside(item.link))) {
      Remember(feed, item.id);
      continue;
    }
    fetch.item = std::move(item);
    waiting_.push_back(std::move(fetch));
  }
  // What it shows stays remembered; of the rest the latest do.
  size_t others = feed.remembered.size() - static_cast<size_t>(std::count_if(
                                               feed.remembered.begin(), feed.remembered.end(),
                                               [&](uint64_t id) { return shown.count(id) != 0; }));
  std::deque<uint64_t> kept;
  for (const uint64_t id : feed.remembered) {
    if (shown.count(id) == 0 && others-- > kMaxRemembered) {
      feed.known.erase(id);
      continue;
    }
    kept.push_back(id);
  }
  feed.remembered = std::move(kept);
  std::erase_if(feed.tries, [&](const auto& one) { return shown.count(one.first) == 0; });
}

void FeedReader::OnItem(Feed& feed, const Fetch& fetch, absl::StatusOr<Answer> answer) {
  constexpr int kOk = 200;
  if (answer.ok() && answer->status == kOk) {
    Remember(feed, fetch.item->id);
    ++feed.taken;
    offers_.push_back({fetch.feed, *fetch.item, std::move(answer->body)});
    return;
  }
  feed.trouble = absl::StrCat(fetch.item->link, ": ",
                              answer.ok() ? absl::StrCat("it answers ", answer->status)
                                          : std::string(answer.status().message()));
  // An unchanged feed would not be read again.
  feed.etag.clear();
  feed.modified.clear();
  if (++feed.tries[Short(fetch.item->id)] >= kTries) Remember(feed, fetch.item->id);
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
  for (const Feed& feed : feeds_) out.push_back({feed.settings.url, feed.trouble, feed.taken});
  return out;
}

// A line "feed URL", "etag …" and "modified …" where there is one, and a line for each id.
std::string FeedReader::Encode() const {
  std::string out = absl::StrCat(kHead, "\n");
  for (const Feed& feed : feeds_) {
    absl::StrAppend(&out, "feed ", feed.settings.url, "\n");
    if (!feed.etag.empty()) absl::StrAppend(&out, "etag ", feed.etag, "\n");
    if (!feed.modified.empty()) absl::StrAppend(&out, "modified ", feed.modified, "\n");
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
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    uint64_t id = 0;
    if (std::exchange(head, false)) {
      if (line != kHead) return absl::InvalidArgumentError("is no state of feeds");
    } else if (absl::ConsumePrefix(&line, "feed ")) {
      const auto found = std::find_if(feeds.begin(), feeds.end(),
                                      [&](const Feed& one) { return one.settings.url == line; });
      feed = found == feeds.end() ? &gone : &*found;
    } else if (feed == nullptr) {
      return absl::InvalidArgumentError("names no feed");
    } else if (absl::ConsumePrefix(&line, "etag ")) {
      feed->etag = Printable(line, kMaxVersion);
    } else if (absl::ConsumePrefix(&line, "modified ")) {
      feed->modified = Printable(line, kMaxVersion);
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
