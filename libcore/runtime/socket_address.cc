#include "libcore/runtime/socket_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace p2pd::runtime {

SocketAddress ToSockaddr(const net::Endpoint& endpoint, bool v6) {
  SocketAddress out;
  const ByteView bytes = endpoint.address.bytes();
  if (!v6) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    memcpy(&v4.sin_addr, bytes.data(), sizeof(v4.sin_addr));
    memcpy(&out.storage, &v4, sizeof(v4));
    out.size = sizeof(v4);
    return out;
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  if (endpoint.address.is_v4()) {
    // RFC 4291 §2.5.5.2
    address.sin6_addr.s6_addr[10] = 0xff;
    address.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&address.sin6_addr.s6_addr[12], bytes.data(), 4);
  } else {
    memcpy(&address.sin6_addr, bytes.data(), sizeof(address.sin6_addr));
  }
  memcpy(&out.storage, &address, sizeof(address));
  out.size = sizeof(address);
  return out;
}

net::Endpoint FromSockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    memcpy(&v4, &storage, sizeof(v4));
    std::array<uint8_t, 4> bytes{};
    memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return {.address = net::IpAddress::V4(bytes), .port = ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6{};
  memcpy(&v6, &storage, sizeof(v6));
  std::array<uint8_t, 16> bytes{};
  memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return {.address = net::IpAddress::V6(bytes), .port = ntohs(v6.sin6_port)};
}

net::Endpoint BoundTo(int fd) {
  SocketAddress bound;
  bound.size = sizeof(bound.storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
  return FromSockaddr(bound.storage);
}

absl::Status ListenError(const net::Endpoint& bind, absl::string_view transport, int error,
                         absl::string_view option) {
  std::string advice;
  if (error == EADDRINUSE) {
    advice = absl::StrCat("; another program has this port: choose another",
                          option.empty() ? "" : " with ", option);
  }
  if (error == EADDRNOTAVAIL) advice = "; this machine does not have that address";
  if (error == EACCES) advice = "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return absl::FailedPreconditionError(absl::StrCat("cannot listen on ", bind.ToString(), " (",
                                                    transport, "): ", strerror(error), advice));
}

}  // namespace p2pd::runtime
