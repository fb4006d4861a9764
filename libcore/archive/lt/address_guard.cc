#include "libcore/archive/lt/address_guard.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace p2pd::archive::lt {
namespace {

constexpr size_t kMaxUrl = 2048;

bool HasScheme(absl::string_view url, absl::string_view scheme) {
  return url.size() <= kMaxUrl && absl::StartsWithIgnoreCase(url, scheme) &&
         std::none_of(url.begin(), url.end(), [](char c) {
           return absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == ' ' || c == '\\';
         });
}

// Empty when there is none.
std::string HostOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return "";
  absl::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  const size_t user = host.rfind('@');
  if (user != absl::string_view::npos) host = host.substr(user + 1);
  if (absl::StartsWith(host, "[")) {
    const size_t end = host.find(']');
    return end == absl::string_view::npos ? "" : std::string(host.substr(1, end - 1));
  }
  host = host.substr(0, host.find(':'));
  absl::ConsumeSuffix(&host, ".");
  return absl::AsciiStrToLower(host);
}

// 2130706433, 0x7f.1 and their like are addresses to the system's resolver.
bool IsOddNumber(absl::string_view host) {
  const size_t dot = host.rfind('.');
  const absl::string_view last = dot == absl::string_view::npos ? host : host.substr(dot + 1);
  return !last.empty() && (absl::ascii_isdigit(static_cast<unsigned char>(last[0])) != 0);
}

}  // namespace

bool IsTrackerUrl(absl::string_view url) { return IsWebSeedUrl(url) || HasScheme(url, "udp://"); }

bool IsWebSeedUrl(absl::string_view url) {
  return HasScheme(url, "http://") || HasScheme(url, "https://");
}

bool IsInside(const net::IpAddress& address) {
  return address.IsPrivate() || address.IsUnspecified() || address.IsMulticast();
}

bool LeadsInside(absl::string_view url) {
  const std::string host = HostOf(url);
  if (host.empty()) return true;
  if (const auto address = net::IpAddress::Parse(host)) return IsInside(*address);
  if (IsOddNumber(host) || host.find('.') == std::string::npos) return true;
  for (const absl::string_view zone :
       {".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp"}) {
    if (absl::EndsWith(host, zone)) return true;
  }
  return false;
}

}  // namespace p2pd::archive::lt
