// Link: one established session's packets: sealed both ways, kept alive, followed to a new address.
//
// Rules: nothing is believed before it opens under the key. A newest packet from a new address does
// not move the session; a challenge goes there, and only its answer, from there, does. A ping goes
// out when a third of the idle timeout passed without a word in one of the directions, again and
// again until the pong comes; after a whole idle timeout without a word the link is dead. Threads:
// one owner. Sources: RFC 9000 §8.2 and §9 for the challenge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/net/transmit.h"
#include "libcore/session/channel.h"
#include "libcore/session/packet.h"

namespace p2pd::session {

class Link {
 public:
  struct Options {
    uint64_t receive_id = 0;  // ours, on packets to us
    uint64_t send_id = 0;     // theirs
    net::Endpoint remote;
    bool remote_proved = false;  // false: the first packet that opens tells where they are
    absl::Duration idle_timeout;
  };
  // Takes the keys: `send` and `receive` by direction.
  Link(Instant now, const Options& options, const TrafficKey& send, const TrafficKey& receive,
       Rng& rng, Counters& counters);

  static constexpr size_t kChallenge = 8;    // bytes
  static constexpr int kChallengeTries = 3;  // then the new address is forgotten

  uint64_t receive_id() const { return options_.receive_id; }
  const net::Endpoint& remote() const { return options_.remote; }
  Channel& channel() { return channel_; }
  const Channel& channel() const { return channel_; }

  struct Incoming {
    bool opened = false;
    bool moved = false;  // remote() is new
    Channel::Received received;
  };
  Incoming OnPacket(Instant now, const net::Endpoint& from, const PacketFrame& frame);
  // A ping with the next Flush, whatever was said lately.
  void Ping(Instant now);
  // The owner proved the address by other means.
  void Follow(const net::Endpoint& remote);
  // Only answers from now on: the other side said goodbye.
  void Silence() { silent_ = true; }

  void OnTimeout(Instant now);
  Instant Timeout() const;
  bool Dead(Instant now) const { return now >= last_received_ + options_.idle_timeout; }
  // The key has sealed all packets that it may.
  bool Exhausted() const { return exhausted_; }
  // Whatever is due, as datagrams.
  void Flush(Instant now, std::vector<net::Transmit>& out);

 private:
  struct PathCheck {
    net::Endpoint to;
    Bytes challenge;
    int tries = 0;
    Instant next;
  };
  struct PingState {
    uint64_t token = 0;
    int tries = 0;
    Instant sent_at;
    Instant next;
  };

  void OnPath(Instant now, const net::Endpoint& from, bool newest,
              const wire::v1::SessionPacket& packet, Incoming& out);
  Instant KeepAliveAt() const;
  void Emit(Instant now, const net::Endpoint& to, const wire::v1::SessionPacket& packet,
            std::vector<net::Transmit>& out);

  Options options_;
  Rng& rng_;
  Counters& counters_;
  PacketSealer sealer_;
  PacketOpener opener_;
  Channel channel_;
  Instant last_received_;
  Instant last_sent_;
  std::optional<PingState> ping_;
  std::optional<uint64_t> pong_due_;
  std::optional<std::pair<net::Endpoint, Bytes>> response_due_;
  std::optional<PathCheck> path_check_;
  bool silent_ = false;
  bool exhausted_ = false;
};

}  // namespace p2pd::session
