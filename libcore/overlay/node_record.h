// NodeRecord: what a node says of itself, signed with its Ed25519 key: key, sealing key, epoch,
// addresses, role.
//
// A value of this type has been verified: it can only be made from bytes whose signature holds, or
// by the node itself.
#pragma once

#include <memory>
#include <optional>
#include <utility>
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

  const NodeId& id() const { return data_->id; }
  const pki::Ed25519Public& key() const { return data_->key; }
  const pki::X25519Public& sealing_key() const { return data_->sealing_key; }
  uint64_t epoch() const { return data_->epoch; }
  const std::vector<net::Endpoint>& addresses() const { return data_->addresses; }
  Role role() const { return data_->role; }
  // Of its first address, as caps count it (net::WideNetworkOf); nullopt for a private one.
  std::optional<net::IpAddress> PublicNetwork() const;
  // As it travels.
  const Bytes& bytes() const { return data_->bytes; }

  friend bool operator==(const NodeRecord& a, const NodeRecord& b) {
    return a.data_ == b.data_ || a.bytes() == b.bytes();
  }

 private:
  struct Data {
    NodeId id;
    pki::Ed25519Public key;
    pki::X25519Public sealing_key;
    uint64_t epoch = 0;
    std::vector<net::Endpoint> addresses;
    Role role = Role::kPeer;
    Bytes bytes;
  };
  explicit NodeRecord(Data data) : data_(std::make_shared<const Data>(std::move(data))) {}
  // Shared by all copies of the record: it never changes, and one stands in the record cache, the
  // link, the leaf set and the table at once. Const, so that what was moved from still holds it.
  // lint: allow(owners are the copies)
  std::shared_ptr<const Data> data_;
};

NodeId NodeIdOf(const pki::Ed25519Public& key);

}  // namespace p2pd::overlay
