// LinkTable: all links of a node. Answers handshakes, makes links to nodes or to bare addresses,
// carries messages over them, follows neighbours to new addresses.
//
// Rules: little state for addresses that did not echo a cookie; a half-open link replaces nothing
// until its first packet proved the key; of several links to one neighbour the one last heard from
// is used, so that a restart or a simultaneous opening settles itself. A neighbour's new address is
// used after it answered a challenge there. Links that the ring needs are pinned; the others are
// dropped when idle, and the longest silent one when the table is full. Threads: one owner. Limits:
// below, each with a counter.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/small_queue.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/channel.h"
#include "libcore/overlay/contact.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/handshake.h"
#include "libcore/overlay/link.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/overlay/traffic.h"

namespace p2pd::overlay {

// A link to this node is open; messages flow.
struct LinkUp {
  NodeId id;
  net::Endpoint endpoint;
  bool initiator = false;  // we opened it
};
// Nobody with the right key answered. `id` is empty when only an address was known; `self` when it
// was our own.
struct ConnectFailed {
  std::optional<NodeId> id;
  net::Endpoint endpoint;
  bool self = false;
};
// The node is there, but farther than was asked for.
struct ConnectDeclined {
  NodeId id;
};
// The other side closed the link, or it was idle, or the table was full.
struct LinkDown {
  NodeId id;
};
struct MessageReceived {
  NodeId from;
  net::Endpoint endpoint;
  Bytes bytes;
};
struct MessageAcked {
  NodeId peer;
  uint64_t message = 0;
};
// Not acknowledged within the first retransmission timeout. nullopt: a ping.
struct MessageSlow {
  NodeId peer;
  std::optional<uint64_t> message;
};
// Given up, or the link is gone.
struct MessageLost {
  NodeId peer;
  uint64_t message = 0;
};
// A neighbour says at which address it sees us.
struct AddressObserved {
  NodeId by;
  net::Endpoint ours;
};
// What is sent first to an address: a knock to one that proved nothing and may be a bystander's.
enum class Opening { kHello, kKnock };
using LinkEvent = std::variant<LinkUp, ConnectFailed, ConnectDeclined, LinkDown, MessageReceived,
                               MessageAcked, MessageSlow, MessageLost, AddressObserved>;

// Sees in plain text what travels over our links, and may change it: the seam of p2pd-sim's
// attackers, who speak the protocol and lie in it.
class MessageTap {
 public:
  virtual ~MessageTap() = default;
  // A message came whole, and its sender will have it acknowledged. False: we never see it. What is
  // put into `replies` goes back to `from`.
  virtual bool OnIncoming(Instant now, const NodeId& from, Bytes& message,
                          std::vector<Bytes>& replies) = 0;
  // A message of ours is about to be queued.
  virtual void OnOutgoing(const NodeId& to, Bytes& message) = 0;
};

class LinkTable {
 public:
  // Neighbours with a link; beyond it the longest silent unpinned one goes, else the new one.
  static constexpr size_t kMaxPeers = 1024;
  // Links per neighbour; beyond it the oldest goes.
  static constexpr size_t kMaxLinksPerPeer = 3;
  // Links that wait for their first packet; beyond it the oldest goes.
  static constexpr size_t kMaxHalfOpen = 256;
  static constexpr absl::Duration kHalfOpenLifetime = absl::Seconds(10);
  // Handshakes that we began; beyond it Connect fails.
  static constexpr size_t kMaxAttempts = 256;
  // Datagrams that wait for PollTransmit outside of the channels; beyond it they are dropped.
  static constexpr size_t kMaxTransmits = 1024;
  // First wait for a cookie or welcome, doubled each time, and how often each is sent.
  static constexpr absl::Duration kHandshakeTimeout = absl::Milliseconds(400);
  static constexpr int kMaxHandshakeSends = 3;
  // Half-open links, and hellos a second and at once, of addresses that proved nothing: beyond it
  // they get a cookie.
  static constexpr size_t kMaxUnproved = 64;
  static constexpr double kUnprovedRate = 50;
  static constexpr double kUnprovedBurst = 100;
  // Hellos that cost a signature check, and knocks that cost an HMAC: per second, and at once.
  static constexpr double kHelloRate = 200;
  static constexpr double kHelloBurst = 400;
  static constexpr double kKnockRate = 1000;
  static constexpr double kKnockBurst = 2000;
  // Nothing heard: a link that nobody needs is dropped; a second link to the same node sooner.
  static constexpr absl::Duration kIdleLifetime = absl::Minutes(3);
  static constexpr absl::Duration kSpareLifetime = absl::Seconds(20);
  // After this a link is replaced by a fresh one, with fresh keys.
  static constexpr absl::Duration kRekeyAfter = absl::Hours(1);
  static constexpr absl::Duration kSweep = absl::Seconds(5);
  // Between two challenges to a neighbour's new address.
  static constexpr absl::Duration kChallengeGap = absl::Seconds(1);

  // All outlive the table.
  LinkTable(const NodeKeys& keys, RecordCache& records, Rng& rng, Counters& counters);

  // What we send in handshakes from now on.
  void SetSelf(const NodeRecord& self) { self_ = self; }
  // Outlives the table; nullptr: nobody looks.
  void SetTap(MessageTap* tap) { tap_ = tap; }
  // Where else to knock at a node that was silent `nth` + 1 times; such ways are detours.
  using Detour = std::function<std::optional<net::Endpoint>(const NodeId& id, size_t nth)>;
  void SetDetour(Detour detour) { detour_ = std::move(detour); }

  void OnDatagram(Instant now, const net::Endpoint& from, DatagramType type, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<LinkEvent> PollEvent();

  // Opens a link unless there is one or an attempt under way. LinkUp or ConnectFailed follows in
  // the latter two cases. With `useful_below` the round trip of the first exchange is compared, and
  // where it is not below, nothing more is sent and ConnectDeclined follows: a look costs 138 bytes
  // on the wire, a link a thousand. Without it the first datagram is a hello.
  void Connect(Instant now, const Contact& peer,
               absl::Duration useful_below = absl::InfiniteDuration());
  // The same, and messages may be queued meanwhile.
  void Connect(Instant now, const NodeRecord& peer);
  void ConnectEndpoint(Instant now, const net::Endpoint& endpoint, Opening opening);
  // Queues a message; the link may still be in the making. nullopt when there is neither a link nor
  // an attempt, or no room. MessageAcked or MessageLost follows, MessageSlow may come between.
  std::optional<uint64_t> Send(Instant now, const NodeId& peer, Purpose purpose, Bytes message) {
    return Send(now, peer, purpose, UrgencyOf(purpose), std::move(message));
  }
  std::optional<uint64_t> Send(Instant now, const NodeId& peer, Purpose purpose, Urgency urgency,
                               Bytes message);
  // The same for a message that nobody acknowledges or repeats (Channel::QueueNote). One that does
  // not fit a packet goes as Send would have it.
  void Note(Instant now, const NodeId& peer, Purpose purpose, Bytes message);
  void Cancel(const NodeId& peer, uint64_t message);
  void Ping(Instant now, const NodeId& peer);
  // "Are you there?" to another address of a linked neighbour. It answers from there, and the link
  // moves.
  void PingAt(const NodeId& peer, const net::Endpoint& at);
  // One knock whose answer is not waited for.
  void SendKnock(const net::Endpoint& endpoint);
  // The ring needs this link: it stays while idle and when the table is full.
  void SetPinned(const NodeId& peer, bool pinned);
  // Forgets the neighbour; its messages are lost. With `tell` it is told once.
  void Drop(Instant now, const NodeId& peer, bool tell);

  bool Linked(const NodeId& peer) const;
  bool Connecting(const NodeId& peer) const;
  // Of a neighbour that is linked; nullptr otherwise.
  const NodeRecord* RecordOf(const NodeId& peer) const;
  // The same for the neighbour whose id begins with `head`.
  const NodeRecord* RecordOfHead(uint64_t head) const;
  void UpdateRecord(const NodeRecord& record);
  // nullopt also for a neighbour that is reached through another.
  std::optional<net::Endpoint> EndpointOf(const NodeId& peer) const;
  // The way to a neighbour that is reached through another; nullopt for all others.
  std::optional<DetourPath> DetourTo(const NodeId& peer) const;
  // Whose network answers for a neighbour: where its link goes, or that of whoever passes
  // on, since what its record says is its own word.
  std::optional<net::Endpoint> SeenAt(const NodeId& peer) const;
  std::optional<Instant> LastHeard(const NodeId& peer) const;
  std::optional<absl::Duration> RoundTripTo(const NodeId& peer) const;
  absl::Duration TimeoutTo(const NodeId& peer) const;
  std::vector<NodeId> Peers() const;
  // Grows when a neighbour gets its first link or loses its last.
  uint64_t version() const { return version_; }
  const Traffic& traffic() const { return traffic_; }
  size_t half_open() const { return half_open_.size(); }
  size_t attempts() const { return attempts_.size(); }

 private:
  struct Peer;
  struct OpenLink {
    Link link;
    Peer* peer;  // in peers_; its links go before it does
    Instant opened;
    Instant heard;
  };
  struct HalfOpen {
    Link link;
    NodeRecord record;
    net::Endpoint endpoint;
    Instant since;
    Bytes welcome;
    pki::Sha256Digest hello;
    bool proved = false;
  };
  struct Attempt {
    Attempt(Initiator i, std::optional<NodeId> p, std::vector<net::Endpoint> a)
        : initiator(std::move(i)), peer(p), addresses(std::move(a)) {}
    Initiator initiator;
    std::optional<NodeId> peer;
    std::vector<net::Endpoint> addresses;
    size_t address = 0;
    int sends = 0;
    Instant next;
    Instant since;                                    // what we wait for is waited for
    Instant sent;                                     // last
    std::vector<absl::Duration> round_trips;          // of what was answered at the first sending
    absl::Duration bound = absl::InfiniteDuration();  // of what was sent again
    absl::Duration useful_below = absl::InfiniteDuration();
  };
  struct Challenge {
    net::Endpoint at;
    uint64_t nonce = 0;
    Instant sent;
  };
  struct Peer {
    Peer(const NodeRecord& r, Counters& counters, ReassemblyBudget& budget)
        : id(r.id()), record(r), channel(counters, budget) {}
    // What is asked of many neighbours in a row stands together.
    const NodeId id;
    bool pinned = false;
    bool ready = false;
    OpenLink* current = nullptr;
    Instant heard;
    NodeRecord record;
    absl::InlinedVector<OpenLink*, kMaxLinksPerPeer> links;  // in links_, newest last
    net::Endpoint endpoint;
    Channel channel;
    std::optional<Instant> timer;
    std::optional<Challenge> challenge;
  };

  void OnKnock(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnHello(Instant now, const net::Endpoint& from, ByteView datagram);
  // May a hello without a cookie cost us a half-open link?
  bool MayGoUnproved(Instant now);
  void OnHandshakeAnswer(Instant now, const net::Endpoint& from, DatagramType type,
                         ByteView datagram);
  void OnPacket(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnHalfOpenPacket(Instant now, const net::Endpoint& from, uint32_t index, ByteView datagram);
  void OnFrames(Instant now, const net::Endpoint& from, uint32_t index, Peer& peer,
                const Link::Opened& packet);
  void TakeMessage(Instant now, const net::Endpoint& from, Peer& peer, Bytes message);
  void OnChallengeReply(const net::Endpoint& from, Peer& peer, uint64_t nonce);
  void NoteAddress(Instant now, const net::Endpoint& from, Peer& peer);
  // False when the table is full of pinned neighbours.
  bool Open(Instant now, const net::Endpoint& from, LinkSecrets secrets, const NodeRecord& record,
            bool initiator);
  bool Adopt(Instant now, const net::Endpoint& from, Link link, const NodeRecord& record,
             bool initiator);
  bool MakeRoom(Instant now);
  uint32_t FreshIndex();
  void StartAttempt(Instant now, std::optional<NodeId> peer, std::vector<net::Endpoint> addresses,
                    Opening opening, absl::Duration useful_below = absl::InfiniteDuration());
  // True when it was too far, and is over.
  bool Declined(Instant now, std::map<uint32_t, Attempt>::iterator it);
  void SendAttempt(Instant now, Attempt& attempt);
  void FailAttempt(std::map<uint32_t, Attempt>::iterator it, bool self);
  void StepAttempts(Instant now);
  void Sweep(Instant now);
  void CloseLink(uint32_t index);
  void ErasePeer(const NodeId& id, bool report);
  void Emit(const net::Endpoint& to, Bytes datagram);
  void SendChallenge(Peer& peer, const net::Endpoint& at, Instant sent);
  void Count(const net::Transmit& transmit);
  void MarkReady(Peer& peer);
  void Retime(Peer& peer);
  void SetTimer(Peer& peer, std::optional<Instant> timer);
  void TakeReports(Peer& peer);
  Peer& AddPeer(const NodeRecord& record);
  bool SweepPeer(Instant now, Peer& peer);
  // When SweepPeer has something to do for it if nothing changes but what is heard.
  Instant SweepDue(const Peer& peer) const;
  Peer* Find(const NodeId& id);
  const Peer* Find(const NodeId& id) const;

  const NodeKeys& keys_;
  RecordCache& records_;
  Rng& rng_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  MessageTap* tap_ = nullptr;
  Detour detour_;
  CookieJar cookies_;
  TokenBucket hello_bucket_{kHelloRate, kHelloBurst};
  TokenBucket unproved_bucket_{kUnprovedRate, kUnprovedBurst};
  TokenBucket knock_bucket_{kKnockRate, kKnockBurst};
  ReassemblyBudget budget_;

  absl::btree_map<NodeId, std::unique_ptr<Peer>> peers_;
  // Nobody walks through these two: their order is chance. The first holds what peers_ owns, for
  // whoever looks for one node, which is what most timers and messages do.
  absl::flat_hash_map<NodeId, Peer*> peer_of_;
  absl::flat_hash_map<uint32_t, std::unique_ptr<OpenLink>> links_;
  std::map<uint32_t, HalfOpen> half_open_;
  std::map<uint32_t, Attempt> attempts_;
  std::map<NodeId, uint32_t> attempt_to_;
  SmallQueue<net::Transmit> transmits_;
  SmallQueue<NodeId> ready_;
  // Soonest last, of two the lower id. Channels with something under way only, so a few.
  struct Timer {
    Instant at;
    Peer* peer = nullptr;
  };
  std::vector<Timer> timers_;
  std::optional<Instant> next_sweep_;
  // Sweeps before it need not look at neighbours: none is idle, spare or old by then.
  Instant sweep_peers_;
  uint64_t version_ = 1;
  SmallQueue<LinkEvent> events_;
  Traffic traffic_;
};

}  // namespace p2pd::overlay
