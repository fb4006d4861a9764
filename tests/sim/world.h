// World: a network in one process with a clock that jumps to the next event. Whatever has the
// sans-I/O shape runs on it as a Host, unchanged; one seed gives one run.
//
// Faults: latency with jitter, loss, duplication, reordering (by jitter, and a share that comes
// late), lines of limited bandwidth, an MTU, network address translators, partitions, hosts that
// crash and restart, pairs that cannot talk. Each is an option or a call; nothing is random but by
// the World's own seed. Wall clocks that drift or step are the hosts' (base/time.h, WallClock).
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"

namespace p2pd::sim {

// One machine's program: adapters wrap overlay::Node, node::Node, and so on.
class Host {
 public:
  virtual ~Host() = default;
  virtual void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) = 0;
  virtual void OnTimeout(Instant now) = 0;
  virtual std::optional<net::Transmit> PollTransmit(Instant now) = 0;
  virtual std::optional<Instant> PollTimeout() const = 0;
  // Called after each input until it returns false: the place to take events.
  virtual bool DrainEvents(Instant now) = 0;
};

struct LinkOptions {
  absl::Duration latency_min =
      absl::Milliseconds(5);  // one way, uniform between the two per pair of hosts
  absl::Duration latency_max = absl::Milliseconds(60);
  absl::Duration jitter = absl::Milliseconds(2);  // uniform in [0, jitter) per datagram
  double loss = 0;                                // [0, 1)
  double duplication = 0;                         // [0, 1)
  double reordering = 0;                          // [0, 1): comes later by up to `late`
  absl::Duration late = absl::Milliseconds(100);
  // Of each host, in each direction, bytes a second with IP and UDP headers; 0: without limit. What
  // would wait longer than `queue` is lost.
  double bandwidth = 0;
  absl::Duration queue = absl::Milliseconds(200);
  size_t mtu = 1472;  // larger datagrams vanish
  // Each host's monotonic clock is fast or slow by up to this share, [0, 0.01], by its address: a
  // host that moves would get another clock.
  double drift = 0;
};

// How a translator maps and whom it lets in (RFC 4787 §4.1, §5): one outside port for all
// destinations, one for each address, or one for each address and port; and through it comes what
// was sent to, in the same sense. The first lets everybody in.
enum class Nat { kEndpointIndependent, kAddressDependent, kPortDependent };

// What passed, for tests that count round trips and bytes.
struct TrafficCounts {
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;
};

class World {
 public:
  explicit World(uint64_t seed, const LinkOptions& options = {});
  ~World();

  Instant now() const { return now_; }
  Rng& rng() { return rng_; }
  // Civil time that all hosts start from: 2026-01-01 plus the time simulated.
  absl::Time wall_now() const;
  // What the monotonic clock of the host there shows: true time, but for LinkOptions::drift.
  Instant TimeAt(const net::Endpoint& at) const;

  // Adds a host that is up; its address is 10.x.y.z:7464, one per call.
  net::Endpoint NextEndpoint();
  void Attach(const net::Endpoint& at, Host* host);  // the caller owns the host until Detach
  // The machine is gone at once: what is under way to it is lost.
  void Detach(const net::Endpoint& at);

  // Tell the world that a host got input from outside (an API call), so that its outputs are
  // drained.
  void Kick(const net::Endpoint& at);

  // Runs until `until`, or until `done` returns true after some event; returns whether it did.
  void RunFor(absl::Duration span);
  bool RunUntil(absl::Duration limit, const std::function<bool()>& done);

  // Faults.
  LinkOptions& options() { return options_; }
  void SetPartition(
      std::set<net::Endpoint> island);  // hosts in the island reach only each other; empty heals
  void BreakPair(const net::Endpoint& a, const net::Endpoint& b);
  void HealPair(const net::Endpoint& a, const net::Endpoint& b);
  // Puts a host on a segment, and takes it from the one it was on. What it sends to any multicast
  // address reaches all hosts of its segment but itself, each with the faults of its own path, and
  // nobody else; a host on no segment speaks to itself.
  void SetSegment(const net::Endpoint& host, int segment);
  // Puts a host behind a translator of its own with this outside address. A mapping that nothing
  // went out through for kNatLifetime is gone, and so is whoever nothing was sent to. The second
  // form tells how it maps from whom it lets in, and takes an outside address of another translator
  // as well: that one then stands behind.
  static constexpr absl::Duration kNatLifetime = absl::Seconds(60);
  void SetNat(const net::Endpoint& host, const net::IpAddress& outside, Nat kind) {
    SetNat(host.address, outside, kind, kind);
  }
  void SetNat(const net::IpAddress& inside, const net::IpAddress& outside, Nat mapping,
              Nat filtering);
  // One way from one to the other, in place of the uniform choice of the options; infinite: nothing
  // arrives.
  using Latency = std::function<absl::Duration(const net::Endpoint&, const net::Endpoint&)>;
  void SetLatency(Latency latency) { latency_ = std::move(latency); }
  // Sees every datagram before it is sent, may change it; false drops it. For attackers and for
  // counting.
  using Tap = std::function<bool(const net::Endpoint& from, net::Transmit& transmit)>;
  void SetTap(Tap tap) { tap_ = std::move(tap); }
  // Sends a datagram as if `from` had sent it (spoofing, replay).
  void Inject(const net::Endpoint& from, net::Transmit transmit);

  const TrafficCounts& traffic() const { return traffic_; }
  // SHA-free running hash of everything delivered (FNV-1a): same seed, same build, same value.
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  struct Delivery {
    net::Endpoint from;
    net::Endpoint to;
    Bytes datagram;
  };
  // An entry of the heap of deliveries: what is moved about is small, the datagram stays.
  struct Due {
    Instant at;
    uint64_t number = 0;  // of two at the same moment the one that was sent first
    size_t slot = 0;      // in under_way_
    friend bool operator>(const Due& a, const Due& b) {
      return a.at != b.at ? a.at > b.at : a.number > b.number;
    }
  };
  struct Machine {
    net::Endpoint at;
    Host* host = nullptr;
    int64_t drift = 0;        // nanoseconds a second
    Instant timeout;          // in true time
    size_t place = kNoPlace;  // in timeouts_
  };
  static constexpr size_t kNoPlace = SIZE_MAX;

  struct Mapping {
    net::Endpoint inside;
    std::map<net::Endpoint, Instant> sent_to;  // when last
    Instant used;
  };
  struct Translator {
    net::IpAddress outside;
    Nat mapping = Nat::kEndpointIndependent;
    Nat filtering = Nat::kEndpointIndependent;
    // By the sender, and what the mapping tells destinations apart by.
    std::map<std::pair<net::Endpoint, net::Endpoint>, uint16_t> ports;
  };
  uint16_t NewPort(const net::IpAddress& outside);
  // The sender's address outside of one translator.
  net::Endpoint TranslateOnce(Translator& nat, const net::Endpoint& from, const net::Endpoint& to);
  // The sender's address outside of all.
  net::Endpoint Translate(const net::Endpoint& from, const net::Endpoint& to);
  // Whether the mapping lets him in.
  bool Lets(const Mapping& mapping, Nat filtering, const net::Endpoint& from) const;
  // The receiver inside; nullopt: not let in.
  std::optional<net::Endpoint> Admit(const net::Endpoint& from, const net::Endpoint& to) const;
  // When the line at `at` has carried so many bytes more; nullopt: its queue is full.
  std::optional<absl::Duration> Queue(std::map<net::Endpoint, Instant>& lines,
                                      const net::Endpoint& at, Instant from, size_t bytes);
  int64_t DriftOf(const net::Endpoint& at) const;
  Instant Shown(int64_t drift) const;
  absl::Duration PairLatency(const net::Endpoint& a, const net::Endpoint& b);
  bool Severed(const net::Endpoint& from, const net::Endpoint& to) const;
  // What has left the sender's line after `sent`.
  void Carry(const net::Endpoint& inside, const net::Endpoint& to, Bytes datagram,
             absl::Duration sent);
  void Drain(Machine* machine);
  void Launch(const net::Endpoint& from, net::Transmit transmit);
  bool Step(Instant until);
  Delivery TakeDelivery();
  void Deliver(const Delivery& delivery);
  // Timeouts.
  static bool Sooner(const Machine* a, const Machine* b);
  void SetTimeout(Machine* machine, std::optional<Instant> timeout);
  void Place(Machine* machine, size_t place);
  void SiftUp(size_t place);
  void SiftDown(size_t place);

  Instant now_;
  LinkOptions options_;
  SeededRng rng_;
  uint32_t next_host_ = 1;
  uint64_t next_event_ = 0;
  // Nobody walks through the hash maps: their order is chance.
  absl::flat_hash_map<net::Endpoint, std::unique_ptr<Machine>> machines_;
  std::vector<Due> deliveries_;  // a heap, soonest first
  std::vector<Delivery> under_way_;
  std::vector<size_t> free_slots_;  // of under_way_
  std::vector<Machine*> timeouts_;  // a heap, soonest first, of two the lower endpoint
  absl::flat_hash_map<std::pair<net::Endpoint, net::Endpoint>, absl::Duration> latencies_;
  std::set<net::Endpoint> island_;
  std::set<std::pair<net::Endpoint, net::Endpoint>> broken_;
  std::map<net::Endpoint, int> segments_;
  std::map<net::IpAddress, Translator> nats_;  // by the host or translator inside
  std::map<net::Endpoint, Mapping> mappings_;  // by the endpoint outside
  // The last port given away there: hosts that share an address share its ports.
  std::map<net::IpAddress, uint16_t> nat_ports_;
  std::map<net::Endpoint, Instant> up_lines_;  // busy until
  std::map<net::Endpoint, Instant> down_lines_;
  Tap tap_;
  Latency latency_;
  TrafficCounts traffic_;
  uint64_t trace_hash_ = 0xcbf29ce484222325;
};

}  // namespace p2pd::sim
