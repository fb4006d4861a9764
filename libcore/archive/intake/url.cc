#include "libcore/archive/intake/url.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace p2pd::archive::intake {
namespace {

// scheme:[//authority]path[?query][#fragment]; an empty query is another one than none.
struct Parts {
  std::optional<absl::string_view> scheme;
  std::optional<absl::string_view> authority;
  absl::string_view path;
  std::optional<absl::string_view> query;
  std::optional<absl::string_view> fragment;
};

// What follows `mark`, which goes with it.
std::optional<absl::string_view> TakeFrom(absl::string_view& text, char mark) {
  const size_t at = text.find(mark);
  if (at == absl::string_view::npos) return std::nullopt;
  const absl::string_view out = text.substr(at + 1);
  text = text.substr(0, at);
  return out;
}

// RFC 3986 Appendix B.
Parts Split(absl::string_view text) {
  Parts out;
  const size_t end = text.find_first_of(":/?#");
  if (end != absl::string_view::npos && end > 0 && text[end] == ':') {
    out.scheme = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  out.fragment = TakeFrom(text, '#');
  out.query = TakeFrom(text, '?');
  if (absl::ConsumePrefix(&text, "//")) {
    out.authority = text.substr(0, text.find('/'));
    text.remove_prefix(out.authority->size());
  }
  out.path = text;
  return out;
}

// RFC 3986 §5.2.4, of a path that begins with a / or is empty.
std::string WithoutDots(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "/")) return std::string(path);
  std::vector<absl::string_view> out;
  bool folder = false;
  for (const absl::string_view segment : absl::StrSplit(path, '/')) {
    folder = segment == "." || segment == "..";
    if (!folder) out.push_back(segment);
    if (segment == ".." && !out.empty()) out.pop_back();
  }
  if (folder) out.emplace_back("");
  return absl::StrCat("/", absl::StrJoin(out, "/"));
}

// RFC 3986 §5.2.3
std::string Merge(const Parts& base, absl::string_view path) {
  if (base.path.empty()) return absl::StrCat("/", path);
  return absl::StrCat(base.path.substr(0, base.path.rfind('/') + 1), path);
}

}  // namespace

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

std::string WithoutSecrets(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return "";
  const absl::string_view before = url.substr(0, url.find_first_of("?#"));
  const size_t authority = scheme + 3;
  const size_t end = std::min(before.find('/', authority), before.size());
  const size_t user = before.substr(0, end).rfind('@');
  const size_t host = user == absl::string_view::npos ? authority : user + 1;
  return absl::StrCat(url.substr(0, authority), before.substr(host));
}

// RFC 3986 §5.2.2, §5.3
std::string Resolve(absl::string_view base, absl::string_view reference) {
  Parts to = Split(reference);
  if (to.scheme) return std::string(reference);
  const Parts from = Split(base);
  std::string path(to.path);
  if (!to.authority) {
    to.authority = from.authority;
    if (path.empty()) {
      path = std::string(from.path);
      if (!to.query) to.query = from.query;
    } else if (path[0] != '/') {
      path = Merge(from, path);
    }
  }
  std::string out = absl::StrCat(from.scheme.value_or(""), "://", to.authority.value_or(""));
  absl::StrAppend(&out, WithoutDots(path));
  if (to.query) absl::StrAppend(&out, "?", *to.query);
  if (to.fragment) absl::StrAppend(&out, "#", *to.fragment);
  return out;
}

}  // namespace p2pd::archive::intake
