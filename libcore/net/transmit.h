// A datagram that a state machine wants sent: what PollTransmit() returns.
#pragma once

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::net {

// No datagram of ours is larger: it passes every path of IPv6's minimum MTU with room for a tunnel.
inline constexpr size_t kMaxDatagram = 1200;

struct Transmit {
  Endpoint to;
  Bytes datagram;
};

}  // namespace p2pd::net
