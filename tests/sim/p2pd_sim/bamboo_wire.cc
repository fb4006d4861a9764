#include "tests/sim/p2pd_sim/bamboo_wire.h"

#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"

namespace p2pd::sim::bamboo {
namespace {

void Put(ByteWriter& out, const Peer& peer) {
  P2PD_CHECK(peer.at.address.is_v4());
  out.Put(peer.id.view()).Put(peer.at.address.bytes()).U16(peer.at.port);
}

void Put(ByteWriter& out, const std::vector<Peer>& peers) {
  out.U16(static_cast<uint16_t>(peers.size()));
  for (const Peer& peer : peers) Put(out, peer);
}

Peer GetPeer(ByteReader& in) {
  Peer peer;
  peer.id = in.Fixed<overlay::NodeId>();
  std::array<uint8_t, 4> address{};
  for (uint8_t& byte : address) byte = in.U8();
  peer.at = {net::IpAddress::V4(address), in.U16()};
  return peer;
}

std::vector<Peer> GetPeers(ByteReader& in) {
  const size_t count = in.U16();
  std::vector<Peer> peers;
  for (size_t i = 0; i < count && in.ok(); ++i) peers.push_back(GetPeer(in));
  return peers;
}

constexpr size_t kHashSize = 20;

// A hash of which 64 bits are enough here.
void PutHash(ByteWriter& out, uint64_t hash) { out.U64(hash).Put(Bytes(kHashSize - 8)); }

uint64_t GetHash(ByteReader& in) {
  const uint64_t hash = in.U64();
  in.Take(kHashSize - 8);
  return hash;
}

constexpr size_t kTupleRest = kTupleKeySize - 20 - 8 - 8 - 4;

void Put(ByteWriter& out, const Tuple& tuple) {
  out.Put(tuple.key.view()).U64(tuple.version);
  out.U64(static_cast<uint64_t>(tuple.expires.nanos())).U32(tuple.size);
  out.Put(Bytes(kTupleRest + tuple.size));
}

Tuple GetTuple(ByteReader& in) {
  Tuple tuple;
  tuple.key = in.Fixed<overlay::Key>();
  tuple.version = in.U64();
  tuple.expires = Instant::FromNanos(static_cast<int64_t>(in.U64()));
  tuple.size = in.U32();
  in.Take(kTupleRest + tuple.size);
  return tuple;
}

void Put(ByteWriter& out, const std::vector<TupleName>& names) {
  out.U16(static_cast<uint16_t>(names.size()));
  for (const TupleName& name : names) {
    out.Put(name.key.view()).U64(name.version).Put(Bytes(kTupleNameSize - 20 - 8));
  }
}

std::vector<TupleName> GetNames(ByteReader& in) {
  const size_t count = in.U16();
  std::vector<TupleName> names;
  for (size_t i = 0; i < count && in.ok(); ++i) {
    TupleName name;
    name.key = in.Fixed<overlay::Key>();
    name.version = in.U64();
    in.Take(kTupleNameSize - 20 - 8);
    names.push_back(name);
  }
  return names;
}

void Put(ByteWriter& out, const SyncRange& range) {
  out.Put(range.first.view()).Put(range.end.view()).U8(range.level).U64(range.prefix);
}

SyncRange GetRange(ByteReader& in) {
  SyncRange range;
  range.first = in.Fixed<overlay::Key>();
  range.end = in.Fixed<overlay::Key>();
  range.level = in.U8();
  range.prefix = in.U64();
  return range;
}

bool GetBool(ByteReader& in) { return in.U8() != 0; }

struct Encoder {
  ByteWriter& out;

  void operator()(const Ping&) const {}
  void operator()(const LeafSetChanged& m) const {
    Put(out, m.sender);
    out.U8(m.want_reply ? 1 : 0);
    Put(out, m.leaves);
  }
  void operator()(const RoutingTableReq& m) const { out.U32(m.level); }
  void operator()(const RoutingTableResp& m) const {
    out.U8(m.asked ? 1 : 0);
    Put(out, m.peers);
  }
  void operator()(const JoinReq& m) const {
    Put(out, m.joiner);
    out.U32(m.rev_ttl).U8(m.turned ? 1 : 0);
    Put(out, m.path);
  }
  void operator()(const JoinResp& m) const {
    Put(out, m.path);
    Put(out, m.leaves);
  }
  void operator()(const Route& m) const {
    out.Put(m.key.view());
    Put(out, m.origin);
    out.U64(m.lookup).U16(m.hops).U8(m.far ? 1 : 0);
  }
  void operator()(const RouteResp& m) const {
    Put(out, m.root);
    out.U64(m.lookup).U16(m.hops).U8(m.far ? 1 : 0);
  }
  void operator()(const PutReq& m) const {
    Put(out, m.tuple);
    Put(out, m.origin);
    out.U64(m.operation).U16(m.hops).U8(m.recycled ? 1 : 0);
  }
  void operator()(const PutResp& m) const { out.U64(m.operation); }
  void operator()(const StoreReq& m) const { Put(out, m.tuple); }
  void operator()(const GetReq& m) const {
    out.Put(m.key.view());
    Put(out, m.origin);
    out.U64(m.operation).U16(m.hops);
  }
  void operator()(const GetResp& m) const {
    Put(out, m.root);
    out.U64(m.operation).U8(m.tuple.version != 0 ? 1 : 0);
    if (m.tuple.version != 0) Put(out, m.tuple);
    Put(out, m.replicas);
  }
  void operator()(const ReadReq& m) const {
    out.Put(m.key.view()).U64(m.operation);
    PutHash(out, m.have);
  }
  void operator()(const ReadResp& m) const {
    Put(out, m.replica);
    out.U64(m.operation);
    PutHash(out, m.version);
    out.U8(m.tuple ? 1 : 0);
    if (m.tuple) Put(out, *m.tuple);
  }
  void operator()(const SyncReq& m) const {
    Put(out, m.range);
    PutHash(out, m.digest);
  }
  void operator()(const SyncResp& m) const {
    Put(out, m.range);
    out.U8(static_cast<uint8_t>(m.kind)).U16(static_cast<uint16_t>(m.branches.size()));
    for (const uint64_t branch : m.branches) PutHash(out, branch);
    Put(out, m.names);
  }
  void operator()(const FetchReq& m) const { Put(out, m.names); }
};

// One statement a field: the order of evaluation is that of the wire.
struct Decoder {
  ByteReader& in;

  void operator()(Ping&) const {}
  void operator()(LeafSetChanged& m) const {
    m.sender = GetPeer(in);
    m.want_reply = GetBool(in);
    m.leaves = GetPeers(in);
  }
  void operator()(RoutingTableReq& m) const { m.level = in.U32(); }
  void operator()(RoutingTableResp& m) const {
    m.asked = GetBool(in);
    m.peers = GetPeers(in);
  }
  void operator()(JoinReq& m) const {
    m.joiner = GetPeer(in);
    m.rev_ttl = in.U32();
    m.turned = GetBool(in);
    m.path = GetPeers(in);
  }
  void operator()(JoinResp& m) const {
    m.path = GetPeers(in);
    m.leaves = GetPeers(in);
  }
  void operator()(Route& m) const {
    m.key = in.Fixed<overlay::Key>();
    m.origin = GetPeer(in);
    m.lookup = in.U64();
    m.hops = in.U16();
    m.far = GetBool(in);
  }
  void operator()(RouteResp& m) const {
    m.root = GetPeer(in);
    m.lookup = in.U64();
    m.hops = in.U16();
    m.far = GetBool(in);
  }
  void operator()(PutReq& m) const {
    m.tuple = GetTuple(in);
    m.origin = GetPeer(in);
    m.operation = in.U64();
    m.hops = in.U16();
    m.recycled = GetBool(in);
  }
  void operator()(PutResp& m) const { m.operation = in.U64(); }
  void operator()(StoreReq& m) const { m.tuple = GetTuple(in); }
  void operator()(GetReq& m) const {
    m.key = in.Fixed<overlay::Key>();
    m.origin = GetPeer(in);
    m.operation = in.U64();
    m.hops = in.U16();
  }
  void operator()(GetResp& m) const {
    m.root = GetPeer(in);
    m.operation = in.U64();
    if (GetBool(in)) m.tuple = GetTuple(in);
    m.replicas = GetPeers(in);
  }
  void operator()(ReadReq& m) const {
    m.key = in.Fixed<overlay::Key>();
    m.operation = in.U64();
    m.have = GetHash(in);
  }
  void operator()(ReadResp& m) const {
    m.replica = GetPeer(in);
    m.operation = in.U64();
    m.version = GetHash(in);
    if (GetBool(in)) m.tuple = GetTuple(in);
  }
  void operator()(SyncReq& m) const {
    m.range = GetRange(in);
    m.digest = GetHash(in);
  }
  void operator()(SyncResp& m) const {
    m.range = GetRange(in);
    m.kind = static_cast<SyncResp::Kind>(in.U8());
    const size_t branches = in.U16();
    for (size_t i = 0; i < branches && in.ok(); ++i) m.branches.push_back(GetHash(in));
    m.names = GetNames(in);
  }
  void operator()(FetchReq& m) const { m.names = GetNames(in); }
};

template <size_t... kIndex>
std::optional<Message> Empty(uint32_t type, std::index_sequence<kIndex...>) {
  std::optional<Message> out;
  ((type == kIndex ? static_cast<void>(out = Message(std::in_place_index<kIndex>))
                   : static_cast<void>(0)),
   ...);
  return out;
}

struct Counter {
  using Purpose = overlay::Purpose;
  std::optional<Purpose> operator()(const Ping&) const { return std::nullopt; }
  std::optional<Purpose> operator()(const LeafSetChanged&) const { return Purpose::kMembership; }
  std::optional<Purpose> operator()(const RoutingTableReq&) const { return Purpose::kTable; }
  std::optional<Purpose> operator()(const RoutingTableResp&) const { return Purpose::kTable; }
  std::optional<Purpose> operator()(const JoinReq&) const { return Purpose::kMembership; }
  std::optional<Purpose> operator()(const JoinResp&) const { return Purpose::kMembership; }
  std::optional<Purpose> operator()(const Route& m) const {
    return m.far ? Purpose::kProbe : Purpose::kRequest;
  }
  std::optional<Purpose> operator()(const RouteResp& m) const {
    return m.far ? Purpose::kProbe : Purpose::kAnswer;
  }
  std::optional<Purpose> operator()(const PutReq&) const { return Purpose::kRequest; }
  std::optional<Purpose> operator()(const PutResp&) const { return Purpose::kAnswer; }
  std::optional<Purpose> operator()(const StoreReq&) const { return Purpose::kRequest; }
  std::optional<Purpose> operator()(const GetReq&) const { return Purpose::kRequest; }
  std::optional<Purpose> operator()(const GetResp&) const { return Purpose::kAnswer; }
  std::optional<Purpose> operator()(const ReadReq&) const { return Purpose::kRequest; }
  std::optional<Purpose> operator()(const ReadResp&) const { return Purpose::kAnswer; }
  std::optional<Purpose> operator()(const SyncReq&) const { return Purpose::kRequest; }
  std::optional<Purpose> operator()(const SyncResp&) const { return Purpose::kAnswer; }
  std::optional<Purpose> operator()(const FetchReq&) const { return Purpose::kRequest; }
};

}  // namespace

Bytes Encode(const Message& message) {
  ByteWriter out;
  out.U32(static_cast<uint32_t>(message.index()));
  std::visit(Encoder{out}, message);
  return std::move(out).Take();
}

std::optional<Message> Decode(ByteView bytes) {
  ByteReader in(bytes);
  const uint32_t type = in.U32();
  std::optional<Message> message =
      Empty(type, std::make_index_sequence<std::variant_size_v<Message>>());
  if (!message) return std::nullopt;
  std::visit(Decoder{in}, *message);
  if (!in.AtEnd()) return std::nullopt;
  return message;
}

std::optional<overlay::Purpose> PurposeOf(const Message& message) {
  return std::visit(Counter{}, message);
}

}  // namespace p2pd::sim::bamboo
