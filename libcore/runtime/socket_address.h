// Endpoints as the kernel's socket addresses, for the sockets of this folder.
#pragma once

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libcore/net/endpoint.h"

namespace p2pd::runtime {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// For a socket of family AF_INET6 when `v6`, where an IPv4 address is written IPv4-mapped; else
// AF_INET, for IPv4 addresses only.
SocketAddress ToSockaddr(const net::Endpoint& endpoint, bool v6);
// An IPv4-mapped address comes back as IPv4.
net::Endpoint FromSockaddr(const sockaddr_storage& storage);
// The address that `fd` is bound to.
net::Endpoint BoundTo(int fd);
// Why no socket of `transport`, "UDP" or "TCP", could be bound, with advice; `error` is errno. With
// `option` a user chooses another port; empty where several may be meant.
absl::Status ListenError(const net::Endpoint& bind, absl::string_view transport, int error,
                         absl::string_view option = "");

}  // namespace p2pd::runtime
