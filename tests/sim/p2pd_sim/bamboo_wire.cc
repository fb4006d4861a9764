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
