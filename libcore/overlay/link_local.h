// LinkLocal: how nodes on one link find each other without anybody's help: beacons to a multicast
// group, and what is heard there. It decides when to speak and whom to knock at; the rest is
// membership's.
//
// Rules: a beacon is hearsay. It names its sender's head, so that those who know it need not ask,
// and whether it is in a ring; who it is it proves when it is knocked at, like any bootstrap
// contact. Beacons go as Trickle sends: after a second, then at twice the interval up to a minute
// while nothing new is heard; who heard two others say the same is silent, but not more than four
// times running, so that nobody can silence us for good. Nobody answers a beacon by sending to
// where it seems to come from, but: who has no ring (it looks for one) knocks at somebody who has
// one, or at those of a smaller head, so that of many that start at once all go one way; of a ring
// the node with the smallest head on the link knocks at strangers of another ring, and one of the
// others within a minute, should that one not do it. One knock a second at most, and a beacon is as
// long as the knocks that one node sends: what is forged costs its sender more than it costs the
// victim, but for those who look for a ring. The host drops what does not come from the link
// (RFC 6762 §11). Without a group all of it is off. Threads: one owner. Limits: below, each with a
// counter. Sources: RFC 6206 (Trickle), RFC 6762 §5.2, §6 (multicast DNS).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/handshake.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::overlay {

struct Beacon {
  uint64_t head = 0;    // the first 64 bits of the sender's id
  bool member = false;  // it has leaves; else it looks for a ring
};
// Bytes of a beacon: of three knocks, what a node sends to an address before it gives it up.
inline constexpr size_t kBeaconSize = 3 * kKnockSize;
Bytes MakeBeacon(const Beacon& beacon);
std::optional<Beacon> ParseBeacon(ByteView datagram);

struct LinkLocalOptions {
  std::optional<net::Endpoint> group;  // nullopt: off
  uint64_t head = 0;                   // our own
  Role role = Role::kPeer;             // a client looks for a ring, and is no door to one
};

class LinkLocal {
 public:
  // Trickle's least and greatest interval, and its redundancy constant: how many beacons that say
  // the same make ours superfluous.
  static constexpr absl::Duration kLeastInterval = absl::Seconds(1);
  static constexpr absl::Duration kMostInterval = absl::Seconds(64);
  static constexpr int kRedundancy = 2;
  // Intervals in which we may be silent, one after the other.
  static constexpr int kMaxSilence = 4;
  // Addresses that were heard; beyond it the one not heard for longest goes.
  static constexpr size_t kMaxHeard = 64;
  // Not heard for so long, longer than anybody is silent: forgotten.
  static constexpr absl::Duration kLifetime = absl::Minutes(10);
  // Knocks: per second, and at once.
  static constexpr double kContactRate = 1;
  static constexpr double kContactBurst = 1;
  // Who looks for a ring knocks within kSoon where it may find one; after kPatience at nodes that
  // should have come to it; and again after kLookAgain.
  static constexpr absl::Duration kSoon = absl::Milliseconds(500);
  static constexpr absl::Duration kPatience = absl::Seconds(4);
  static constexpr absl::Duration kLookAgain = absl::Seconds(8);
  // A member: the spokesman of its ring within kSpokesman, any other within kCheck times the nodes
  // of its ring on the link.
  static constexpr absl::Duration kSpokesman = absl::Seconds(2);
  static constexpr absl::Duration kCheck = absl::Seconds(60);
  // From one knock at a stranger to the next at the same address, doubled each time: in a large
  // ring most are strangers to each other.
  static constexpr absl::Duration kFirstGap = absl::Seconds(30);
  static constexpr absl::Duration kMostGap = absl::Minutes(32);

  // Is the node whose id begins with `head` in our ring, or linked with us?
  using Known = std::function<bool(uint64_t head)>;
  // The last two outlive it.
  LinkLocal(const LinkLocalOptions& options, Known known, Rng& rng, Counters& counters);

  void Start(Instant now);
  void Stop() { running_ = false; }
  // We have no leaves: whoever is on the link may help.
  void SetLooking(Instant now, bool looking);

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit();
  std::optional<Instant> PollTimeout() const;
  // Somebody to knock at.
  std::optional<net::Endpoint> PollContact();
  size_t heard() const { return heard_.size(); }

 private:
  struct Heard {
    Beacon beacon;
    Instant at;
    std::optional<Instant> contact;  // we knock then
    Instant not_before;              // no knock earlier than this
    absl::Duration gap = kFirstGap;
  };
  void StartInterval(Instant now);
  // Something new: the least interval again.
  void Hasten(Instant now);
  void Speak();
  Heard* Note(Instant now, const net::Endpoint& from, const Beacon& beacon);
  // A looking node has somewhere to go when it hears this.
  bool Leads(const Beacon& beacon) const;
  void Plan(Instant now, Heard& heard);
  void Knock(Instant now);

  LinkLocalOptions options_;
  Known known_;
  Rng& rng_;
  Counters& counters_;

  bool running_ = false;
  bool looking_ = true;
  absl::Duration interval_ = kLeastInterval;
  std::optional<Instant> speaks_;  // in this interval, unless it did
  Instant ends_;                   // of this interval
  int heard_same_ = 0;             // in this interval
  int silent_ = 0;
  std::map<net::Endpoint, Heard> heard_;
  TokenBucket contact_bucket_{kContactRate, kContactBurst};
  std::optional<net::Transmit> transmit_;
  std::deque<net::Endpoint> contacts_;
};

}  // namespace p2pd::overlay
