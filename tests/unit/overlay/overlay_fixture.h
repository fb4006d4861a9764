// Records and link tables for the overlay's unit tests.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

inline net::Endpoint EndpointAt(uint8_t last, uint16_t port = 7464) {
  return net::Endpoint{net::IpAddress::V4({10, 0, 0, last}), port};
}
inline Instant At(absl::Duration since) { return Instant() + since; }

// A node of its own: keys, record, link table, without a ring.
struct Party {
  explicit Party(uint64_t seed, uint8_t address = 0)
      : rng(seed),
        keys(NodeKeys::Generate(rng)),
        at(EndpointAt(address != 0 ? address : static_cast<uint8_t>(seed))),
        record(NodeRecord::Make(keys, 1, {at}, Role::kPeer)),
        records(counters),
        links(keys, records, rng, counters) {
    links.SetSelf(record);
  }
  // Gives the party a datagram as the node would.
  void Receive(Instant now, const net::Endpoint& from, ByteView datagram) {
    const std::optional<DatagramType> type = TypeOf(datagram);
    if (type) links.OnDatagram(now, from, *type, datagram);
  }
  std::vector<net::Transmit> Send(Instant now) {
    std::vector<net::Transmit> out;
    while (std::optional<net::Transmit> transmit = links.PollTransmit(now)) {
      out.push_back(*std::move(transmit));
    }
    return out;
  }
  std::vector<LinkEvent> Events() {
    std::vector<LinkEvent> out;
    while (std::optional<LinkEvent> event = links.PollEvent()) out.push_back(*std::move(event));
    return out;
  }

  SeededRng rng;
  NodeKeys keys;
  net::Endpoint at;
  NodeRecord record;
  Counters counters;
  RecordCache records;
  LinkTable links;
};

// Carries datagrams between the two until both are silent.
inline void Exchange2(Instant now, Party& a, Party& b) {
  for (bool any = true; any;) {
    any = false;
    for (const net::Transmit& t : a.Send(now)) {
      any = true;
      if (t.to == b.at) b.Receive(now, a.at, t.datagram);
    }
    for (const net::Transmit& t : b.Send(now)) {
      any = true;
      if (t.to == a.at) a.Receive(now, b.at, t.datagram);
    }
  }
}

template <class T>
std::vector<T> Of(const std::vector<LinkEvent>& events) {
  std::vector<T> out;
  for (const LinkEvent& event : events) {
    if (const T* found = std::get_if<T>(&event)) out.push_back(*found);
  }
  return out;
}

inline NodeRecord RecordAt(uint64_t seed, const net::Endpoint& at, uint64_t epoch = 1) {
  SeededRng rng(seed);
  return NodeRecord::Make(NodeKeys::Generate(rng), epoch, {at}, Role::kPeer);
}

}  // namespace p2pd::overlay
