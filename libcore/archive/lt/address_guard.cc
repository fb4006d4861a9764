#include "libcore/archive/lt/address_guard.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
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

// The IPv4 address that an IPv6 one leads to: mapped or compatible (RFC 4291 §2.5.5), through a
// translator (RFC 6052 §2.1, RFC 8215) or a tunnel (RFC 3056, of a 6to4 router).
std::optional<net::IpAddress> EmbeddedV4(ByteView bytes) {
  const auto at = [bytes](size_t i) {
    return net::IpAddress::V4({bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]});
  };
  const auto starts = [bytes](std::initializer_list<uint8_t> with, size_t zeros) {
    return std::equal(with.begin(), with.end(), bytes.begin()) &&
           std::all_of(bytes.begin() + with.size(), bytes.begin() + with.size() + zeros,
                       [](uint8_t byte) { return byte == 0; });
  };
  if (starts({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 0) || starts({}, 12)) return at(12);
  if (starts({0, 0x64, 0xff, 0x9b}, 8) || starts({0, 0x64, 0xff, 0x9b, 0, 1}, 0)) return at(12);
  if (starts({0x20, 0x02}, 0)) return at(2);
  return std::nullopt;
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
  if (address.IsPrivate() || address.IsUnspecified() || address.IsMulticast()) return true;
  const ByteView bytes = address.bytes();
  if (!address.is_v4()) {
    const auto inner = EmbeddedV4(bytes);
    return inner && IsInside(*inner);
  }
  // RFC 6890: 0/8, 100.64/10 behind carriers' translators, 192.0.0/24, 198.18/15, 240/4.
  return bytes[0] == 0 || (bytes[0] == 100 && (bytes[1] & 0xc0) == 64) ||
         (bytes[0] == 192 && bytes[1] == 0 && bytes[2] == 0) ||
         (bytes[0] == 198 && (bytes[1] & 0xfe) == 18) || bytes[0] >= 240;
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
