// The messages of bamboo-2004, as plain structs: what stands behind the UdpCC header of a datagram.
//
// Sizes are those of the original where they are known: a neighbour is 26 bytes (id 20, IPv4
// address 4, port 2), a message begins with a type code of 4, a tuple is its key of 77 bytes and
// its value. Nothing is signed or encrypted. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/base/time.h"
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

// What is stored: of the value only how long it is; zeros stand for it on the wire. A version that
// is 0 stands for nothing.
struct Tuple {
  overlay::Key key;
  uint64_t version = 0;
  Instant expires;
  uint32_t size = 0;
};
// time 8, ttl 4, guid 20, hash of the secret 20, of the data 20, put or remove 1, client 4. Version
// and length have their place in it.
inline constexpr size_t kTupleKeySize = 77;

// A tuple's name where nodes compare what they have: guid, hash of the data, time.
struct TupleName {
  overlay::Key key;
  uint64_t version = 0;
};
inline constexpr size_t kTupleNameSize = 48;

// Routed towards the tuple's key.
struct PutReq {
  Tuple tuple;
  Peer origin;
  uint64_t operation = 0;
  uint16_t hops = 0;
  bool recycled = false;  // from a node that has no business with it any more
};

// From the root straight to the origin.
struct PutResp {
  uint64_t operation = 0;
};

// To one replica; its acknowledgement says that it is kept.
struct StoreReq {
  Tuple tuple;
};

// Routed towards the key.
struct GetReq {
  overlay::Key key;
  Peer origin;
  uint64_t operation = 0;
  uint16_t hops = 0;
};

// From the root straight to the origin: what it has, and who the other replicas are.
struct GetResp {
  Peer root;
  uint64_t operation = 0;
  Tuple tuple;
  std::vector<Peer> replicas;
};

// To one replica; `have` is the version that the reader has, by the hash of its data.
struct ReadReq {
  overlay::Key key;
  uint64_t operation = 0;
  uint64_t have = 0;
};

// Its version; the whole tuple when that is newer than what the reader has.
struct ReadResp {
  Peer replica;
  uint64_t operation = 0;
  uint64_t version = 0;
  std::optional<Tuple> tuple;
};

// A part of what two nodes share: the keys from `first` on, up to but without `end`, and of those
// one branch of the tree over them: whose hash begins with `prefix`, 5 bits a level.
struct SyncRange {
  overlay::Key first;
  overlay::Key end;
  uint8_t level = 0;
  uint64_t prefix = 0;
};

// Are we alike there?
struct SyncReq {
  SyncRange range;
  uint64_t digest = 0;  // a hash of 20 bytes
};

struct SyncResp {
  enum class Kind : uint8_t { kAlike, kBranches, kNames };
  SyncRange range;
  Kind kind = Kind::kAlike;
  std::vector<uint64_t> branches;  // hashes of 20 bytes
  std::vector<TupleName> names;
};

// Send us these; a StoreReq each.
struct FetchReq {
  std::vector<TupleName> names;
};

// The type code is the place in this list.
using Message = std::variant<Ping, LeafSetChanged, RoutingTableReq, RoutingTableResp, JoinReq,
                             JoinResp, Route, RouteResp, PutReq, PutResp, StoreReq, GetReq, GetResp,
                             ReadReq, ReadResp, SyncReq, SyncResp, FetchReq>;

Bytes Encode(const Message& message);
// nullopt unless `bytes` is exactly one message.
std::optional<Message> Decode(ByteView bytes);
// What it is counted as; nullopt: only as a packet (pings).
std::optional<overlay::Purpose> PurposeOf(const Message& message);

}  // namespace p2pd::sim::bamboo
