// Contact: where a node is said to be found: its id and its addresses, by the word of whoever names
// it. 27 bytes for one IPv4 address, where a signed record has 165.
//
// Rules: it proves nothing and enters no table. Who goes there asks for the id in the handshake, so
// that a wrong address costs a few knocks and names nobody else.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::overlay {

// False for places that nobody can have, and where packets would hit bystanders or ourselves:
// unspecified, multicast, port 0, and what DetourPath notes.
bool CanBeReached(const net::Endpoint& endpoint);

struct Contact {
  NodeId id;
  std::vector<net::Endpoint> addresses;  // 1..NodeRecord::kMaxAddresses

  // What the node says of itself.
  static Contact Of(const NodeRecord& record);
  // On the wire: the id, then the addresses (Endpoint::Write) to the end. nullopt when there is
  // none, or more than there may be, or one that nobody can have.
  static std::optional<Contact> Parse(ByteView bytes);
  std::string ToText() const;
  // One more way to it, if there is room and it is not there already.
  void AddAddress(const net::Endpoint& endpoint);

  friend bool operator==(const Contact&, const Contact&) = default;
};

}  // namespace p2pd::overlay
