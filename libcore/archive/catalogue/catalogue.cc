#include "libcore/archive/catalogue/catalogue.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/archive/catalogue/html.h"
#include "libcore/base/hex.h"
#include "libcore/http/query.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::catalogue {
namespace {

constexpr absl::string_view kHtml = "text/html; charset=utf-8";
constexpr absl::string_view kRss = "application/rss+xml; charset=utf-8";
constexpr absl::string_view kXml = "application/xml; charset=utf-8";
constexpr absl::string_view kJson = "application/json";
constexpr absl::string_view kTorrent = "application/x-bittorrent";
constexpr absl::string_view kPlain = "text/plain; charset=utf-8";
// For what is no page: it may do nothing at all.
constexpr absl::string_view kNothing = "default-src 'none'; frame-ancestors 'none'";
// Of a digest, enough to tell two bodies apart.
constexpr size_t kTagBytes = 12;

http::Response Make(absl::string_view type, absl::string_view body) {
  http::Response out;
  out.type = std::string(type);
  out.body = ToBytes(body);
  return out;
}

// A host and port as a URL may have them: whatever else is in a Host line stays out of our pages.
bool ValidHost(absl::string_view host) {
  return !host.empty() && host.size() <= Catalogue::kMaxHost &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains(".-:[]", c);
         });
}

// RFC 9110 §13.1.2: of a list, or any.
bool Matches(absl::string_view if_none_match, absl::string_view tag) {
  for (absl::string_view one : absl::StrSplit(if_none_match, ',')) {
    one = absl::StripAsciiWhitespace(one);
    if (one == "*" || one == tag || one == absl::StrCat("W/", tag)) return true;
  }
  return false;
}

// RFC 6266, RFC 8187: a plain name for old clients, and the whole one.
std::string Disposition(absl::string_view name) {
  std::string plain;
  for (const char c : name) {
    const bool good =
        absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains(" .-_()", c);
    plain.push_back(good ? c : '_');
  }
  return absl::StrCat("attachment; filename=\"", plain, ".torrent\"; filename*=UTF-8''",
                      http::PercentEncode(name), ".torrent");
}

// "http://[::1]:8080/archive" -> "[::1]".
absl::string_view HostOf(absl::string_view base) {
  const absl::string_view authority = torrent::AuthorityOf(base);
  const size_t bracket = authority.find(']');
  return authority.substr(0, authority.find(':', bracket == authority.npos ? 0 : bracket));
}

// Who gets it by BEP 9 gets no trackers, and would find nobody.
Bytes WithAnnounce(const Bytes& metainfo, const std::string& announce) {
  if (announce.empty()) return metainfo;
  const absl::StatusOr<torrent::Metainfo> parsed = torrent::ParseMetainfo(metainfo);
  if (!parsed.ok() || !parsed->trackers.empty() || parsed->is_private) return metainfo;
  return torrent::WrapInfo(parsed->info, {{announce}});
}

bool IsApi(absl::string_view target) { return absl::StartsWith(target, "/api/"); }

}  // namespace

Catalogue::Catalogue(CatalogueOptions options)
    : options_(std::move(options)), policy_(ContentSecurityPolicy()) {}

void Catalogue::SetIndex(std::vector<TorrentSummary> summaries) {
  index_ = Index(std::move(summaries), options_.list_private);
}

FeedOptions Catalogue::Feed(const http::Request& request) const {
  FeedOptions out;
  out.announce = options_.announce;
  out.base = options_.url;
  if (out.base.empty()) {
    out.base =
        absl::StrCat("http://", ValidHost(request.host) ? request.host : options_.fallback_host);
  }
  if (out.announce.empty() && options_.tracker_port != 0) {
    out.announce =
        absl::StrCat("http://", HostOf(out.base), ":", options_.tracker_port, "/announce");
  }
  return out;
}

// What every answer has.
http::Response Catalogue::Finish(const http::Request& request, http::Response response) {
  response.headers.emplace_back("Content-Security-Policy",
                                response.type == kHtml ? policy_ : std::string(kNothing));
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  if (response.status != http::kOk) return response;
  const std::string tag =
      absl::StrCat("\"", Hex(pki::Sha256(response.body).view().subspan(0, kTagBytes)), "\"");
  response.headers.emplace_back("ETag", tag);
  // A cache asks again each time, and mostly hears that nothing changed.
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (options_.url.empty()) response.headers.emplace_back("Vary", "Host");
  if (Matches(request.if_none_match, tag)) {
    ++counts_.not_modified;
    response.status = http::kNotModified;
    response.body.clear();
  }
  return response;
}

http::Response Catalogue::Html(const http::Request& request, std::string page) {
  ++counts_.pages;
  return Finish(request, Make(kHtml, page));
}

http::Response Catalogue::Refuse(const http::Request& request, const Refused& refused) {
  ++counts_.refused;
  http::Response out;
  if (refused.torznab_code != 0) {
    // Torznab says it in the body: its clients do not look at the status.
    return Finish(request, Make(kXml, TorznabError(refused.torznab_code, refused.why)));
  }
  out = IsApi(request.target) ? Make(kJson, JsonError(refused.status, refused.why))
                              : Make(kHtml, RefusalPage(refused.status, refused.why));
  out.status = refused.status;
  return Finish(request, std::move(out));
}

http::Response Catalogue::Busy() {
  return Refuse({}, {http::kUnavailable, "The archive is busy; try again in a moment."});
}

http::Response Catalogue::Listed(const http::Request& request, const Question& question,
                                 const Index::FullText& full_text) {
  const FeedOptions feed = Feed(request);
  if (const auto* page = std::get_if<AskSearchPage>(&question)) {
    const Found found = index_.Find(page->search, full_text);
    const Totals totals{index_.size(), index_.in_need(), index_.bytes()};
    return Html(request, SearchPage(page->search, found, totals));
  }
  if (const auto* page = std::get_if<AskNeedPage>(&question)) {
    return Html(request, NeedPage(page->search, index_.InNeed(page->search)));
  }
  ++counts_.feeds;
  if (const auto* rss = std::get_if<AskRss>(&question)) {
    return Finish(request,
                  Make(kRss, RssFeed(feed, rss->search, index_.Find(rss->search, full_text))));
  }
  if (const auto* list = std::get_if<AskJsonList>(&question)) {
    return Finish(request,
                  Make(kJson, JsonList(feed, list->search, index_.Find(list->search, full_text))));
  }
  if (const auto* torznab = std::get_if<AskTorznab>(&question)) {
    return Finish(request, Make(kRss, TorznabFeed(feed, torznab->search,
                                                  index_.Find(torznab->search, full_text))));
  }
  return Finish(request, Make(kXml, TorznabCaps(feed)));
}

std::variant<http::Response, Catalogue::Wanted> Catalogue::Answer(
    const http::Request& request, const Index::FullText& full_text) {
  if (request.status != http::kOk) {
    return Refuse(request, {request.status, request.status == http::kMethodNotAllowed
                                                ? "There is GET and HEAD here."
                                                : "That is no request that is read here."});
  }
  Question question = ParseTarget(request.target);
  if (const auto* refused = std::get_if<Refused>(&question)) return Refuse(request, *refused);
  if (std::holds_alternative<AskAbout>(question)) return Html(request, AboutPage());
  if (std::holds_alternative<AskRobots>(question)) {
    return Finish(request, Make(kPlain, "User-agent: *\nDisallow: /*?\nDisallow: /api/\n"));
  }
  std::optional<torrent::InfoHash> hash;
  if (const auto* item = std::get_if<AskItemPage>(&question)) hash = item->hash;
  if (const auto* item = std::get_if<AskJsonItem>(&question)) hash = item->hash;
  if (const auto* item = std::get_if<AskMetainfo>(&question)) hash = item->hash;
  if (!hash) return Listed(request, question, full_text);
  const bool metainfo = std::holds_alternative<AskMetainfo>(question);
  return Wanted{*hash, metainfo, std::move(question), request};
}

http::Response Catalogue::Answer(const Wanted& wanted, const std::optional<Detail>& detail) {
  const http::Request& request = wanted.request;
  const bool hidden = !detail || (detail->row.is_private && !options_.list_private);
  if (hidden || (wanted.metainfo && detail->metainfo.empty())) {
    return Refuse(request, {http::kNotFound, hidden ? "This archive has no such torrent."
                                                    : "Nobody has told yet what it is made of."});
  }
  if (wanted.metainfo) {
    ++counts_.metainfos;
    http::Response out;
    out.type = std::string(kTorrent);
    out.headers.emplace_back("Content-Disposition", Disposition(detail->row.name));
    out.body = WithAnnounce(detail->metainfo, Feed(request).announce);
    return Finish(request, std::move(out));
  }
  const FeedOptions feed = Feed(request);
  if (std::holds_alternative<AskJsonItem>(wanted.question)) {
    ++counts_.feeds;
    return Finish(request, Make(kJson, JsonItem(feed, *detail)));
  }
  return Html(request,
              ItemPage(*detail, MagnetOf(detail->summary, feed.announce, detail->trackers)));
}

}  // namespace p2pd::archive::catalogue
