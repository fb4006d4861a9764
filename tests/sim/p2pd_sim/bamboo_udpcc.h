// UdpCc: Bamboo's transport, acknowledged datagrams with the timers of TCP.
//
// A message is sent again to the same peer under RTO = srtt + 4·mdev + 10 ms, which doubles, until
// its own timeout; then it has failed. Each attempt has a sequence number of its own, so that every
// acknowledgement is a sample; one that comes late still is. An acknowledgement rides on the next
// datagram to the peer if one goes out at the same moment, else it goes alone. The congestion
// window is left out: see BAMBOO.md. Threads: one.
//
//   version 4 | ack 8 | seq 8 | queue wait, ms 4 | round trip, ms 4 | message
//   version 4 | ack 8                                  (bare)
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/traffic.h"
#include "tests/sim/p2pd_sim/bamboo_wire.h"

namespace p2pd::sim::bamboo {

class UdpCc {
 public:
  // UdpCC.java: both the first RTO, before any sample, and the largest.
  static constexpr absl::Duration kRtoMax = absl::Seconds(5);
  // Added to each RTO "for GC".
  static constexpr absl::Duration kRtoSlack = absl::Milliseconds(10);
  // For so long after the first attempt a late acknowledgement is still a sample.
  static constexpr absl::Duration kLateMax = absl::Seconds(60);
  // (source, message) pairs that the duplicate filter remembers; older ones would come in again.
  static constexpr size_t kSeenMax = 1000;

  struct Order {
    Peer to;
    Bytes body;
    absl::Duration timeout;
    bool once = false;    // fails at the first RTO
    int tag = 0;          // the caller's own
    uint64_t number = 0;  // the caller's own
  };
  struct Outcome {
    Order order;
    bool acked = false;
  };

  explicit UdpCc(Rng& rng) : next_message_((rng.Next() >> 16) + 1) {}

  // Exactly one outcome follows.
  void Send(Instant now, Order order);
  // The message in it, a part of `datagram`, if there is one that was not here before.
  std::optional<ByteView> OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit();
  std::optional<Instant> PollTimeout() const;
  std::optional<Outcome> PollOutcome();

  // Smoothed; infinite before the first sample.
  absl::Duration RoundTrip(const net::Endpoint& peer) const;
  void Forget(const net::Endpoint& peer) { estimates_.erase(peer); }
  const overlay::Traffic::Sum& packets() const { return packets_; }

 private:
  struct Estimate {
    absl::Duration srtt;
    absl::Duration mdev;
  };
  struct Flight {
    Order order;
    Instant started;
    std::vector<Instant> sent;  // by attempt
    Instant timer;
    bool failed = false;  // only waits for late acknowledgements
  };
  struct Outgoing {
    net::Endpoint to;
    uint64_t seq = 0;
    Bytes body;
  };

  absl::Duration Rto(const net::Endpoint& peer) const;
  void Sample(const net::Endpoint& peer, absl::Duration round_trip);
  void Attempt(Instant now, uint64_t message, Flight& flight);
  void Fail(Instant now, uint64_t message, Flight& flight);
  void SetTimer(uint64_t message, Flight& flight, Instant at);
  void OnAck(Instant now, const net::Endpoint& from, uint64_t seq);
  // The oldest acknowledgement that is owed; 0: none.
  uint64_t TakeAck(const net::Endpoint& to);

  uint64_t next_message_;
  std::map<uint64_t, Flight> flights_;
  std::set<std::pair<Instant, uint64_t>> timers_;
  std::map<net::Endpoint, Estimate> estimates_;
  std::deque<Outgoing> outgoing_;
  std::map<net::Endpoint, std::deque<uint64_t>> acks_;
  std::set<std::pair<net::Endpoint, uint64_t>> seen_;
  std::deque<std::pair<net::Endpoint, uint64_t>> seen_order_;
  std::deque<Outcome> outcomes_;
  overlay::Traffic::Sum packets_;
};

}  // namespace p2pd::sim::bamboo
