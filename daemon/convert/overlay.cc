#include "daemon/convert/overlay.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "libcore/base/hex.h"
#include "libcore/pki/hash.h"

namespace p2pd::daemon {
namespace {

v1::PeerRole RoleOfRecord(overlay::Role role) {
  switch (role) {
    case overlay::Role::kPeer:
      return v1::PEER_ROLE_PEER;
    case overlay::Role::kClient:
      return v1::PEER_ROLE_CLIENT;
  }
  return v1::PEER_ROLE_UNSPECIFIED;
}

std::string FirstAddress(const overlay::NodeRecord& node) {
  return node.addresses().empty() ? std::string() : node.addresses().front().ToString();
}

}  // namespace

v1::Peer ToProto(const overlay::PeerInfo& peer, absl::Time now) {
  v1::Peer out;
  const std::string id = overlay::ToHex(peer.record.id());
  out.set_name(absl::StrCat("peers/", id));
  out.set_node_id(id);
  out.set_address(peer.endpoint.ToString());
  out.set_role(RoleOfRecord(peer.record.role()));
  out.set_leaf(peer.leaf);
  out.set_table(peer.table);
  if (peer.round_trip) *out.mutable_round_trip_time() = ToProto(*peer.round_trip);
  SetTime(now - peer.last_heard, out.mutable_last_heard_time());
  return out;
}

v1::Hop ToProto(const overlay::NodeRecord& node) {
  v1::Hop out;
  out.set_node_id(overlay::ToHex(node.id()));
  out.set_address(FirstAddress(node));
  return out;
}

v1::TracedHop ToProto(const overlay::TraceHop& hop, const overlay::Key& key) {
  v1::TracedHop out;
  const std::string id = overlay::ToHex(hop.id);
  const std::string wanted = overlay::ToHex(key);
  int matching = 0;
  for (size_t i = 0; i < id.size() && id[i] == wanted[i]; ++i) ++matching;
  out.mutable_hop()->set_node_id(id);
  out.mutable_hop()->set_address(hop.endpoint.ToString());
  out.set_matching_digits(matching);
  *out.mutable_elapsed() = ToProto(hop.since_start);
  *out.mutable_waited() = ToProto(hop.waited);
  for (const overlay::NodeId& silent : hop.silent) {
    out.add_silent_node_ids(overlay::ToHex(silent));
  }
  return out;
}

v1::StoredValue ToProto(const store::Object& object) {
  v1::StoredValue out;
  std::string kind(store::ObjectKindName(object.kind()));
  std::replace(kind.begin(), kind.end(), '-', '_');
  out.set_kind(kind);
  out.set_value(object.kind() == store::ObjectKind::OBJECT_KIND_RAW ? object.raw().data()
                                                                    : ToText(object.bytes()));
  SetTime(object.expires(), out.mutable_expire_time());
  if (!store::IsImmutable(object.kind())) out.set_sequence(object.sequence().value());
  out.set_digest(Hex(pki::Sha256(AsBytes(out.value())).view()));
  return out;
}

}  // namespace p2pd::daemon
