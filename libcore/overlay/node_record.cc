#include "libcore/overlay/node_record.h"

#include <algorithm>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/overlay/contact.h"
#include "libcore/overlay/wire.h"
#include "libcore/pki/hash.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

constexpr absl::string_view kRecordPrefix("p2pd node record\0", 17);
constexpr size_t kSecretSize = 64;

wire::v1::NodeRole ToWire(Role role) {
  switch (role) {
    case Role::kPeer:
      return wire::v1::NODE_ROLE_PEER;
    case Role::kClient:
      return wire::v1::NODE_ROLE_CLIENT;
  }
  return wire::v1::NODE_ROLE_UNSPECIFIED;
}

std::optional<std::vector<net::Endpoint>> ParseAddresses(const wire::v1::NodeRecordBody& body) {
  const auto count = static_cast<size_t>(body.addresses_size());
  if (count < 1 || count > NodeRecord::kMaxAddresses) return std::nullopt;
  std::vector<net::Endpoint> out;
  for (const std::string& text : body.addresses()) {
    const auto endpoint = net::Endpoint::FromBytes(AsBytes(text));
    if (!endpoint || !CanBeReached(*endpoint)) return std::nullopt;
    out.push_back(*endpoint);
  }
  return out;
}

}  // namespace

NodeId NodeIdOf(const pki::Ed25519Public& key) {
  return *NodeId::FromView(pki::Sha256(key.view()).view().subspan(0, NodeId::kSize));
}

NodeKeys NodeKeys::Generate(Rng& rng) {
  return NodeKeys{pki::Ed25519Key::Generate(rng), pki::X25519Key::Generate(rng)};
}

SecretBytes NodeKeys::ToSecret() const {
  Bytes out = ToBytes(signing_key.seed());
  out.reserve(kSecretSize);
  Append(out, sealing_key.secret());
  return SecretBytes(std::move(out));
}

std::optional<NodeKeys> NodeKeys::FromSecret(ByteView secret) {
  if (secret.size() != kSecretSize) return std::nullopt;
  return NodeKeys{pki::Ed25519Key::FromSeed(secret.subspan(0, 32)),
                  pki::X25519Key::FromSecret(secret.subspan(32))};
}

std::optional<NodeRecord> NodeRecord::Parse(ByteView bytes) {
  if (bytes.size() > kMaxBytes) return std::nullopt;
  wire::v1::SignedNodeRecord outer;
  wire::v1::NodeRecordBody body;
  if (!ParseProto(bytes, outer) || !ParseProto(AsBytes(outer.body()), body)) return std::nullopt;
  const auto key = pki::Ed25519Public::FromView(AsBytes(body.key()));
  const auto sealing_key = pki::X25519Public::FromView(AsBytes(body.sealing_key()));
  auto addresses = ParseAddresses(body);
  if (!key || !sealing_key || !addresses) return std::nullopt;
  Data out;
  const bool peer = body.role() == wire::v1::NODE_ROLE_PEER;
  if (!peer && body.role() != wire::v1::NODE_ROLE_CLIENT) return std::nullopt;
  out.role = peer ? Role::kPeer : Role::kClient;
  if (!pki::Ed25519Verify(*key, Signed(kRecordPrefix, outer.body()), AsBytes(outer.signature()))) {
    return std::nullopt;
  }
  out.id = NodeIdOf(*key);
  out.key = *key;
  out.sealing_key = *sealing_key;
  out.epoch = body.epoch();
  out.addresses = *std::move(addresses);
  out.bytes = ToBytes(bytes);
  return NodeRecord(std::move(out));
}

NodeRecord NodeRecord::Make(const NodeKeys& keys, uint64_t epoch,
                            const std::vector<net::Endpoint>& addresses, Role role) {
  P2PD_CHECK(!addresses.empty() && addresses.size() <= kMaxAddresses);
  wire::v1::NodeRecordBody body;
  body.set_key(keys.signing_key.public_key().ToString());
  body.set_sealing_key(keys.sealing_key.public_key().ToString());
  body.set_epoch(epoch);
  for (const net::Endpoint& address : addresses) body.add_addresses(ToText(address.ToBytes()));
  body.set_role(ToWire(role));
  wire::v1::SignedNodeRecord outer;
  outer.set_body(body.SerializeAsString());
  outer.set_signature(keys.signing_key.Sign(Signed(kRecordPrefix, outer.body())).ToString());
  Data out;
  out.key = keys.signing_key.public_key();
  out.id = NodeIdOf(out.key);
  out.sealing_key = keys.sealing_key.public_key();
  out.epoch = epoch;
  out.addresses = addresses;
  out.role = role;
  out.bytes = ToBytes(outer.SerializeAsString());
  return NodeRecord(std::move(out));
}

std::optional<net::IpAddress> NodeRecord::PublicNetwork() const {
  const net::IpAddress& address = addresses().front().address;
  if (address.IsPrivate()) return std::nullopt;
  return net::WideNetworkOf(address);
}

}  // namespace p2pd::overlay
