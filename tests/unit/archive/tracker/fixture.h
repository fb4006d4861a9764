// What tests of the tracker share: hashes and endpoints by number, and a table with a Tracker.
#pragma once

#include <set>
#include <string>

#include "libcore/archive/tracker/tracker.h"
#include "libcore/base/rng.h"

namespace p2pd::archive::tracker {

inline InfoHash HashNumber(uint64_t number) {
  SeededRng rng(number);
  return rng.Make<InfoHash>();
}
// 10.x addresses, a new one for each 50,000 ports.
inline net::Endpoint V4Number(uint32_t number) {
  const uint32_t host = number / 50'000;
  return {
      .address = net::IpAddress::V4({10, static_cast<uint8_t>(host >> 16),
                                     static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)}),
      .port = static_cast<uint16_t>(1 + number % 50'000)};
}
inline net::Endpoint V6Number(uint32_t number) {
  std::array<uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
  address[14] = static_cast<uint8_t>(number >> 8);
  address[15] = static_cast<uint8_t>(number);
  return {.address = net::IpAddress::V6(address),
          .port = static_cast<uint16_t>(1 + (number >> 16))};
}
inline net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

// The endpoints of a compact list.
template <class Record>
std::vector<net::Endpoint> ListOf(const CompactList<Record>& list) {
  std::vector<net::Endpoint> out;
  for (size_t at = 0; at < list.used; at += Record::kWireBytes) {
    const uint8_t* wire = list.bytes.data() + at;
    net::Endpoint endpoint;
    if constexpr (Record::kWireBytes == 6) {
      endpoint.address = net::IpAddress::V4({wire[0], wire[1], wire[2], wire[3]});
    } else {
      std::array<uint8_t, 16> address;
      std::copy_n(wire, 16, address.begin());
      endpoint.address = net::IpAddress::V6(address);
    }
    endpoint.port =
        static_cast<uint16_t>(wire[Record::kWireBytes - 2] << 8 | wire[Record::kWireBytes - 1]);
    out.push_back(endpoint);
  }
  return out;
}
inline std::set<net::Endpoint> SetOf(const SwarmReply& reply) {
  std::set<net::Endpoint> out;
  for (const net::Endpoint& endpoint : ListOf(reply.v4)) out.insert(endpoint);
  for (const net::Endpoint& endpoint : ListOf(reply.v6)) out.insert(endpoint);
  return out;
}

// A table at its first second, and what an announce needs.
class TableFixture {
 public:
  explicit TableFixture(const SwarmTable::Options& options = {}) : table(options, now, rng) {}

  const SwarmReply& Announce(const InfoHash& hash, const net::Endpoint& peer, bool seed = false,
                             AnnounceEvent event = AnnounceEvent::kNone, uint32_t wanted = 50,
                             bool both = false) {
    table.Announce(now,
                   {.hash = hash,
                    .peer = peer,
                    .event = event,
                    .seed = seed,
                    .wanted = wanted,
                    .both_families = both},
                   random, reply);
    return reply;
  }
  void Pass(absl::Duration span) { now = now + span; }
  void SweepAll() {
    for (size_t shard = 0; shard < SwarmTable::kShards; ++shard) table.Sweep(now, shard);
  }

  SeededRng rng{1};
  Instant now = Instant::FromNanos(1'000'000'000'000);
  SwarmTable table;
  SampleStream random{1};
  SwarmReply reply;
};

}  // namespace p2pd::archive::tracker
