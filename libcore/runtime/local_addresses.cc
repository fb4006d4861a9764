#include "libcore/runtime/local_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

namespace p2pd::runtime {
namespace {

std::optional<net::IpAddress> FromSockaddr(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    memcpy(&v4, address, sizeof(v4));
    std::array<uint8_t, 4> bytes{};
    memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return net::IpAddress::V4(bytes);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    memcpy(&v6, address, sizeof(v6));
    std::array<uint8_t, 16> bytes{};
    memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return net::IpAddress::V6(bytes);
  }
  return std::nullopt;
}

auto Rank(const net::IpAddress& address) {
  return std::make_tuple(address.IsLoopback(), address.IsPrivate(), !address.is_v4(), address);
}

}  // namespace

std::vector<net::IpAddress> LocalAddresses() {
  std::vector<net::IpAddress> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0) continue;
    const auto address = FromSockaddr(entry->ifa_addr);
    if (!address || address->IsLinkLocal() || address->IsMulticast()) continue;
    out.push_back(*address);
  }
  freeifaddrs(list);
  std::sort(out.begin(), out.end(),
            [](const net::IpAddress& a, const net::IpAddress& b) { return Rank(a) < Rank(b); });
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<net::Endpoint> ReachableEndpoints(const net::Endpoint& bound,
                                              const std::vector<net::IpAddress>& local,
                                              size_t max) {
  if (!bound.address.IsUnspecified()) return {bound};
  std::vector<net::Endpoint> out;
  for (const bool loopback : {false, true}) {
    if (loopback && !out.empty()) break;
    for (const net::IpAddress& address : local) {
      if (out.size() >= max) break;
      if (address.IsLoopback() != loopback) continue;
      if (bound.address.is_v4() && !address.is_v4()) continue;
      out.push_back({.address = address, .port = bound.port});
    }
  }
  return out;
}

}  // namespace p2pd::runtime
