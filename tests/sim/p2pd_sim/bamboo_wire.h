// The messages of bamboo-2004, as plain structs: what stands behind the UdpCC header of a datagram.
//
// Sizes are those of the original where they are known: a neighbour is 26 bytes (id 20, IPv4
// address 4, port 2), a message begins with a type code of 4. Nothing is signed or encrypted.
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/overlay/traffic.h"

namespace p2pd::sim::bamboo {

struct Peer {
  overlay::NodeId id;  // all zero: not known, as of a gateway
  net::Endpoint at;    // IPv4
};
inline constexpr size_t kPeerSize = 26;

// Its acknowledgement is the answer.
struct Ping {};

// Push-pull of whole leaf sets.
struct LeafSetChanged {
  Peer sender;
  bool want_reply = false;
  std::vector<Peer> leaves;
};

struct RoutingTableReq {
  uint32_t level = 0;
};

// A row, or with `asked` false the sender alone, which announces itself.
struct RoutingTableResp {
  bool asked = false;
  std::vector<Peer> peers;
};

// Routed towards the id of the joiner.
struct JoinReq {
  Peer joiner;
  uint32_t rev_ttl = 0;    // how many hops before the root the one is that shall answer
  bool turned = false;     // on its way back from the root: whoever gets it answers
  std::vector<Peer> path;  // those who had it, the root last
};

struct JoinResp {
  std::vector<Peer> path;
  std::vector<Peer> leaves;
};

// A lookup, routed towards its key.
struct Route {
  overlay::Key key;
  Peer origin;
  uint64_t lookup = 0;
  uint16_t hops = 0;
  bool far = false;  // of far tuning
};

// From the root straight to the origin.
struct RouteResp {
  Peer root;
  uint64_t lookup = 0;
  uint16_t hops = 0;
  bool far = false;
};

// The type code is the place in this list.
using Message = std::variant<Ping, LeafSetChanged, RoutingTableReq, RoutingTableResp, JoinReq,
                             JoinResp, Route, RouteResp>;

Bytes Encode(const Message& message);
// nullopt unless `bytes` is exactly one message.
std::optional<Message> Decode(ByteView bytes);
// What it is counted as; nullopt: only as a packet (pings).
std::optional<overlay::Purpose> PurposeOf(const Message& message);

}  // namespace p2pd::sim::bamboo
