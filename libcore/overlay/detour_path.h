// DetourPath: the way to a node through a third one, written as an endpoint, so that whatever keeps
// addresses keeps it too: the link goes there, is challenged there and moves from there.
//
// Rules: such an endpoint is this node's own note; it never goes to a socket and is never believed
// from one, nor from a record or a contact. The addresses are those of 0100::/8, which is nobody's
// (RFC 4291, RFC 6666). Threads: any.
#pragma once

#include <cstdint>
#include <optional>

#include "libcore/net/endpoint.h"

namespace p2pd::overlay {

struct DetourPath {
  uint64_t far = 0;  // head of the id of who is at the other end
  uint64_t via = 0;  // head of the id of who passes on

  net::Endpoint ToEndpoint() const;
  // 16 bytes, as others are told of a way (`passages.h`); the one thing of it that travels.
  Bytes ToBytes() const;
  static std::optional<DetourPath> FromBytes(ByteView bytes);
  static std::optional<DetourPath> From(const net::Endpoint& endpoint);
  friend bool operator==(const DetourPath&, const DetourPath&) = default;
};

// Is it one of the above?
bool IsDetour(const net::Endpoint& endpoint);

}  // namespace p2pd::overlay
