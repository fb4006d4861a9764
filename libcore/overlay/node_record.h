// NodeRecord: what a node says of itself, signed with its Ed25519 key: key, sealing key, epoch,
// addresses, role.
//
// A value of this type has been verified: it can only be made from bytes whose signature holds, or
// by the node itself.
#pragma once

#include <optional>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/x25519.h"

namespace p2pd::overlay {

enum class Role { kPeer, kClient };  // routes and stores, or only asks

// The private half of a node.
struct NodeKeys {
  pki::Ed25519Key signing_key;
  pki::X25519Key sealing_key;
  static NodeKeys Generate(Rng& rng);
  // 64 bytes: both secrets, for the 0600 file of the data directory.
  SecretBytes ToSecret() const;
  static std::optional<NodeKeys> FromSecret(ByteView secret);
};

class NodeRecord {
 public:
  static constexpr size_t kMaxAddresses = 4;
  static constexpr size_t kMaxBytes = 320;

  // nullopt unless well-formed, at most kMaxBytes, 1..4 addresses, and signed by the key it names.
  static std::optional<NodeRecord> Parse(ByteView bytes);
  // `epoch` must grow with each record of one node (the daemon's start time in ms, then +1 at each
  // change).
  static NodeRecord Make(const NodeKeys& keys, uint64_t epoch,
                         const std::vector<net::Endpoint>& addresses, Role role);

  const NodeId& id() const { return id_; }
  const pki::Ed25519Public& key() const { return key_; }
  const pki::X25519Public& sealing_key() const { return sealing_key_; }
  uint64_t epoch() const { return epoch_; }
  const std::vector<net::Endpoint>& addresses() const { return addresses_; }
  Role role() const { return role_; }
  // As it travels.
  const Bytes& bytes() const { return bytes_; }

  friend bool operator==(const NodeRecord& a, const NodeRecord& b) { return a.bytes_ == b.bytes_; }

 private:
  NodeRecord() = default;
  NodeId id_;
  pki::Ed25519Public key_;
  pki::X25519Public sealing_key_;
  uint64_t epoch_ = 0;
  std::vector<net::Endpoint> addresses_;
  Role role_ = Role::kPeer;
  Bytes bytes_;
};

NodeId NodeIdOf(const pki::Ed25519Public& key);

}  // namespace p2pd::overlay
