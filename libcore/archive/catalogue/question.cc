#include "libcore/archive/catalogue/question.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libcore/archive/catalogue/escape.h"
#include "libcore/http/conversation.h"
#include "libcore/http/query.h"

namespace p2pd::archive::catalogue {
namespace {

using http::Query;

constexpr Sort kSorts[] = {Sort::kRelevance, Sort::kNeed, Sort::kNewest, Sort::kSize, Sort::kName};
// Torznab's codes.
constexpr int kIncorrectParameter = 201;
constexpr int kNoSuchFunction = 202;
constexpr int kNotAvailable = 203;

Refused Bad(absl::string_view why) { return {http::kBadRequest, std::string(why)}; }
Refused Missing() { return {http::kNotFound, "There is no such page."}; }

// The names that a page knows.
std::optional<Refused> Unknown(const Query& query, std::initializer_list<absl::string_view> known) {
  for (const auto& [name, value] : query.values()) {
    if (std::count(known.begin(), known.end(), name) == 0) {
      return Bad(absl::StrCat("This page knows no parameter “", PlainText(name), "”."));
    }
  }
  return std::nullopt;
}

// q, into `search`.
std::optional<Refused> ReadText(const Query& query, Search& search) {
  const absl::string_view text = absl::StripAsciiWhitespace(query.Get("q"));
  if (text.size() > kMaxSearch) return Bad("The search has more than 200 bytes.");
  if (!IsPlainText(text)) return Bad("The search is no text in UTF-8.");
  search.text = std::string(text);
  return std::nullopt;
}

std::optional<Refused> ReadSort(const Query& query, Search& search) {
  search.sort = search.text.empty() ? Sort::kNewest : Sort::kRelevance;
  const absl::string_view name = query.Get("sort");
  if (name.empty()) return std::nullopt;
  for (const Sort sort : kSorts) {
    if (NameOf(sort) != name) continue;
    // Without a search there is nothing to be relevant for.
    if (sort != Sort::kRelevance || !search.text.empty()) search.sort = sort;
    return std::nullopt;
  }
  return Bad("The order is none of relevance, need, newest, size, name.");
}

std::optional<Refused> ReadPage(const Query& query, Search& search) {
  const auto page = query.Number("page", 1, 1, kMaxPage);
  if (!page) return Bad("The page is no number from 1 to 100000.");
  search.offset = (*page - 1) * kPageSize;
  return std::nullopt;
}

std::optional<Refused> ReadWindow(const Query& query, uint64_t least, Search& search) {
  const auto limit = query.Number("limit", kPageSize, least, UINT64_MAX);
  const auto offset = query.Number("offset", 0, 0, kMaxOffset);
  if (!limit) return Bad(absl::StrCat("The limit is no number, or less than ", least, "."));
  if (!offset) return Bad("The offset is no number from 0 to 1000000.");
  search.limit = std::min<size_t>(*limit, kMaxLimit);
  search.offset = *offset;
  return std::nullopt;
}

Question SearchPage(const Query& query) {
  AskSearchPage out;
  if (auto refused = Unknown(query, {"q", "sort", "page"})) return *refused;
  if (auto refused = ReadText(query, out.search)) return *refused;
  if (auto refused = ReadSort(query, out.search)) return *refused;
  if (auto refused = ReadPage(query, out.search)) return *refused;
  return out;
}

Question NeedPage(const Query& query) {
  AskNeedPage out;
  out.search.sort = Sort::kNeed;
  if (auto refused = Unknown(query, {"page"})) return *refused;
  if (auto refused = ReadPage(query, out.search)) return *refused;
  return out;
}

Question Rss(const Query& query) {
  AskRss out;
  if (auto refused = Unknown(query, {"q"})) return *refused;
  if (auto refused = ReadText(query, out.search)) return *refused;
  out.search.limit = kMaxLimit;
  return out;
}

Question JsonList(const Query& query) {
  AskJsonList out;
  if (auto refused = Unknown(query, {"q", "sort", "limit", "offset"})) return *refused;
  if (auto refused = ReadText(query, out.search)) return *refused;
  if (auto refused = ReadSort(query, out.search)) return *refused;
  if (auto refused = ReadWindow(query, 1, out.search)) return *refused;
  return out;
}

Refused ForTorznab(Refused refused, int code) {
  refused.torznab_code = code;
  return refused;
}

Question Torznab(const Query& query) {
  const absl::string_view function = query.Get("t");
  if (function == "caps") return AskCaps{};
  if (function != "search") {
    const bool known = function == "tvsearch" || function == "movie" || function == "music" ||
                       function == "book" || function == "details";
    return ForTorznab(Bad(known ? "This indexer offers t=search." : "There is no such function."),
                      known ? kNotAvailable : kNoSuchFunction);
  }
  AskTorznab out;
  if (auto refused = ReadText(query, out.search)) return ForTorznab(*refused, kIncorrectParameter);
  if (auto refused = ReadWindow(query, 0, out.search)) {
    return ForTorznab(*refused, kIncorrectParameter);
  }
  return out;
}

// "HASH" in lower or upper case; old base32 forms are for magnet links.
std::optional<torrent::InfoHash> ReadHash(absl::string_view text) {
  constexpr size_t kDigits = 2 * torrent::InfoHash::kSize;
  return text.size() == kDigits ? torrent::ParseInfoHash(text) : std::nullopt;
}

Question OfTorrent(absl::string_view rest) {
  const bool file = absl::ConsumeSuffix(&rest, ".torrent");
  const auto hash = ReadHash(rest);
  if (!hash) return Missing();
  if (file) return AskMetainfo{*hash};
  return AskItemPage{*hash};
}

Question JsonItem(absl::string_view rest) {
  const auto hash = ReadHash(rest);
  if (!hash) return Missing();
  return AskJsonItem{*hash};
}

// Pages that take no parameters.
template <class Ask>
Question Plain(const Query& query, Ask ask) {
  if (auto refused = Unknown(query, {})) return *refused;
  return ask;
}

}  // namespace

absl::string_view NameOf(Sort sort) {
  switch (sort) {
    case Sort::kRelevance:
      return "relevance";
    case Sort::kNeed:
      return "need";
    case Sort::kNewest:
      return "newest";
    case Sort::kSize:
      return "size";
    case Sort::kName:
      return "name";
  }
  return "";
}

Question ParseTarget(absl::string_view target) {
  if (target.size() > kMaxTarget) return Refused{http::kTargetTooLong, "The address is too long."};
  const size_t question = target.find('?');
  absl::string_view path = target.substr(0, question);
  const auto query = Query::Parse(
      question == absl::string_view::npos ? absl::string_view() : target.substr(question + 1));
  if (!query) {
    const Refused refused = Bad("What stands behind the question mark cannot be read in one way.");
    return path == "/torznab/api" ? ForTorznab(refused, kIncorrectParameter) : refused;
  }
  if (path == "/") return SearchPage(*query);
  if (path == "/in-need") return NeedPage(*query);
  if (path == "/rss") return Rss(*query);
  if (path == "/api") return Plain(*query, AskAbout{});
  if (path == "/api/torrents") return JsonList(*query);
  if (path == "/torznab/api") return Torznab(*query);
  if (path == "/robots.txt") return Plain(*query, AskRobots{});
  if (auto refused = Unknown(*query, {})) return *refused;
  if (absl::ConsumePrefix(&path, "/torrent/")) return OfTorrent(path);
  if (absl::ConsumePrefix(&path, "/api/torrents/")) return JsonItem(path);
  return Missing();
}

}  // namespace p2pd::archive::catalogue
