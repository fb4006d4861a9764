#include "libcore/runtime/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace p2pd::runtime {
namespace {

// A name has few addresses; more than 8 are somebody's load balancing and of no use to us.
constexpr size_t kMaxAddresses = 8;
// RFC 1035 §2.3.4.
constexpr size_t kMaxName = 253;

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

std::optional<HostPort> Split(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0 || colon > kMaxName) return std::nullopt;
  const absl::string_view host = text.substr(0, colon);
  const bool name = std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
  const absl::string_view digits = text.substr(colon + 1);
  int port = 0;
  // SimpleAtoi alone would take blanks and signs.
  if (!name || digits.empty() || !absl::ascii_isdigit(static_cast<unsigned char>(digits[0])) ||
      !absl::SimpleAtoi(digits, &port) || port < 1 || port > 65'535) {
    return std::nullopt;
  }
  return HostPort{.host = std::string(host), .port = static_cast<uint16_t>(port)};
}

void Take(const addrinfo& entry, uint16_t port, std::vector<net::Endpoint>& out) {
  if (entry.ai_family == AF_INET) {
    sockaddr_in v4{};
    memcpy(&v4, entry.ai_addr, sizeof(v4));
    std::array<uint8_t, 4> bytes{};
    memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    out.push_back({.address = net::IpAddress::V4(bytes), .port = port});
  } else if (entry.ai_family == AF_INET6) {
    sockaddr_in6 v6{};
    memcpy(&v6, entry.ai_addr, sizeof(v6));
    std::array<uint8_t, 16> bytes{};
    memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    out.push_back({.address = net::IpAddress::V6(bytes), .port = port});
  }
}

}  // namespace

bool ValidHostPort(absl::string_view host_port) {
  const auto literal = net::Endpoint::Parse(host_port);
  if (literal) return literal->port != 0;
  return Split(host_port).has_value();
}

absl::StatusOr<std::vector<net::Endpoint>> Resolve(absl::string_view host_port) {
  if (const auto literal = net::Endpoint::Parse(host_port)) {
    return std::vector<net::Endpoint>{*literal};
  }
  const auto parts = Split(host_port);
  if (!parts) {
    return absl::InvalidArgumentError(absl::StrCat("'", host_port, "' is not HOST:PORT"));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(parts->host.c_str(), nullptr, &hints, &list);
  if (error != 0 && absl::AsciiStrToLower(parts->host) == "localhost") {
    // RFC 6761 §6.3: whatever the machine's files and servers say, or do not say.
    const auto loopback = net::IpAddress::V4({127, 0, 0, 1});
    return std::vector<net::Endpoint>{{.address = loopback, .port = parts->port}};
  }
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot resolve '", parts->host, "': ", gai_strerror(error)));
  }
  std::vector<net::Endpoint> out;
  for (const addrinfo* entry = list; entry != nullptr && out.size() < kMaxAddresses;
       entry = entry->ai_next) {
    Take(*entry, parts->port, out);
  }
  freeaddrinfo(list);
  return out;
}

}  // namespace p2pd::runtime
