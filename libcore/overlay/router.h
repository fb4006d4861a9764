// Router: carries routed requests hop by hop to the root of their key, and the answers back.
//
// Rules: a hop counts as made when the neighbour acknowledged the message. At the first timeout the
// next best hop is tried; when nobody else can help, the message waits for the silent root until it
// answers or is found dead. Requests that end here wait until we are active. Copies of one attempt
// are dropped by (origin, message id, attempt), and nothing is noted of a request before its
// signature is checked: else a forged one would keep the true one out, or lead its answer astray.
// Each neighbour has a bucket of checks. An answer goes over the link to the origin where there is
// one, else by the way the latest attempt came, signed by the responder; and then, if it is no
// larger than the request was, in one datagram straight to where the origin says that it is, too:
// on average that is half as far, and nobody is sent more than was paid for. Threads: one owner.
// Limits: below, each with a counter. Sources: Castro et al. 2004 §3.3; design §3.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "libcore/base/counters.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/fair_share.h"
#include "libcore/overlay/letter.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/route.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

// A request by its origin: unique, since the number is random.
struct MessageName {
  NodeId origin;
  uint64_t id = 0;
  friend auto operator<=>(const MessageName&, const MessageName&) = default;
};

// A routed request that ended at this node; its signature has been verified.
struct Delivered {
  MessageName name;
  NodeRecord origin;
  NodeId previous;  // who handed it to us; ourselves when we are the origin
  int hops = 0;
  wire::v1::RouteBody body;
  std::vector<wire::v1::RouteTrace> trace;
  // The origin sent it to us in a letter, and is answered by one.
  std::optional<LetterPath> letter;
  // Where the origin says that it is, for an answer that is no larger than the request was.
  std::optional<LetterPath> straight;
  Instant arrived = Instant();  // here
};
// An answer to be sent in a datagram of its own: to a request that came by letter and ended beyond
// us, or straight to the origin of one that ended here.
struct LetterReply {
  LetterPath path;
  wire::v1::RouteReply reply;
  bool straight = false;
};
// An answer to a request of ours; authentic.
struct ReplyArrived {
  uint64_t message_id = 0;
  NodeRecord responder;
  wire::v1::RouteReplyBody body;
};

class Router {
 public:
  static constexpr uint32_t kMaxHops = 24;  // ttl of design §3
  // Requests under way through this node, and for how long. A neighbour has his share, what came by
  // letter that of one; beyond it they are refused. Our own are refused when the table is full.
  static constexpr size_t kMaxFlights = 1024;
  static constexpr absl::Duration kFlightLifetime = absl::Seconds(10);
  // Requests remembered for duplicate suppression and for the way back. Beyond it whoever handed us
  // most of them loses his oldest.
  static constexpr size_t kMaxSeen = 8192;
  static constexpr absl::Duration kSeenLifetime = absl::Seconds(60);
  // Answers that wait for their acknowledgement.
  static constexpr size_t kMaxReplies = 1024;
  // Signatures that are checked for one neighbour: a second, and at once; beyond it his requests
  // are dropped unread. A check takes a tenth of a millisecond, so this is a tenth of a processor
  // core.
  static constexpr double kCheckRate = 1000;
  static constexpr double kCheckBurst = 2000;
  // A broken one counts for so many: honest neighbours hand none on.
  static constexpr double kBrokenCosts = 100;

  Router(const NodeKeys& keys, LinkTable& links, Ring& ring, RecordCache& records,
         Counters& counters)
      : keys_(keys), links_(links), ring_(ring), records_(records), counters_(counters) {}

  void SetSelf(const NodeRecord& self) { self_ = self; }

  // Whom a request, and a stop of a trace, name as silent, at most.
  static constexpr int kMaxSilent = 8;

  // Sends a request of our own on its way; `avoid` are first hops to go round where possible, and
  // `since` is when its first attempt began. Returns the first hop taken, ourselves when it stayed
  // here.
  std::optional<NodeId> Submit(Instant now, const wire::v1::RouteMessage& message,
                               const std::set<NodeId>& avoid, Instant since);
  void OnRoute(Instant now, const NodeId& from, wire::v1::RouteMessage message);
  void OnReply(Instant now, const NodeId& from, const wire::v1::RouteReply& reply);
  // A routed request in a letter: its origin is proved. If its address is, too, the letter came
  // back with a cookie: the request runs again, for its answer was too large.
  void OnLetter(Instant now, LetterPath path, wire::v1::RouteMessage message);
  // The answer to a letter of ours, by way of `from`.
  void OnLetterReply(const NodeId& from, const wire::v1::RouteReply& reply);
  // Answers a delivered request.
  void Reply(Instant now, const Delivered& request, wire::v1::RouteReplyBody body);

  void OnAcked(uint64_t handle);
  void OnSlow(Instant now, uint64_t handle);
  void OnLost(Instant now, uint64_t handle);
  // Membership changed, or we became active: what waits is looked at again.
  void Reconsider(Instant now);
  void OnLinkDown(const NodeId& id) { checks_.erase(id); }
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  std::optional<Delivered> PollDelivered();
  std::optional<ReplyArrived> PollReply();
  std::optional<LetterReply> PollLetterReply();
  size_t flights() const { return flights_.size(); }
  size_t seen() const { return seen_.size(); }

 private:
  struct Flight {
    wire::v1::RouteMessage message;
    wire::v1::RouteBody body;
    Key key;
    NodeRecord origin;
    NodeId previous;
    std::set<NodeId> tried;
    std::optional<std::pair<NodeId, uint64_t>> out;  // neighbour, handle
    Instant expires;
    std::optional<LetterPath> letter;
    bool is_signed = false;  // as far as we checked
    bool counted = false;    // in its holder's share
    Instant arrived;
  };
  struct Seen {
    NodeId previous;
    uint32_t attempt = 0;  // the latest; earlier ones are of no use any more
    Purpose answer = Purpose::kAnswer;
    Urgency urgency = Urgency::kReply;
    Instant expires;
    std::optional<LetterPath> letter;
    bool delivered = false;
  };
  struct ReplyFlight {
    wire::v1::RouteReply reply;
    MessageName name;
    std::set<NodeId> tried;
    std::optional<NodeRecord> origin;  // known at the responder
  };

  std::optional<Flight> Parse(Instant now, const NodeId& from, wire::v1::RouteMessage message);
  // True when the origin signed it; a neighbour is charged for the check.
  bool Check(Instant now, const NodeId& from, Flight& flight);
  std::optional<NodeId> Launch(Instant now, Flight flight);
  // Takes the next step; false when the flight is over.
  bool Step(Instant now, uint64_t id, Flight& flight);
  bool SendTo(Instant now, uint64_t id, Flight& flight, const NodeId& to);
  // The neighbour to whom it is under way is silent, and who gets it next is told so.
  static void NoteSilent(Flight& flight);
  void Deliver(const Flight& flight);
  // nullopt where the origin is linked, can be reached by others only, or wants a trace of the
  // hops.
  std::optional<LetterPath> StraightTo(const Flight& flight) const;
  using SeenOrder = std::map<NodeId, std::deque<std::pair<Instant, MessageName>>>;
  void Note(Instant now, const Flight& flight);
  void ForgetOldest(SeenOrder::iterator of);
  void ForgetExpired(Instant now, const NodeId& holder);
  // To whose account it is.
  static NodeId HolderOf(const Flight& flight) {
    return flight.letter ? NodeId() : flight.previous;
  }
  std::map<uint64_t, Flight>::iterator End(std::map<uint64_t, Flight>::iterator flight);
  void End(uint64_t id) { End(flights_.find(id)); }
  void SendReply(Instant now, ReplyFlight flight);
  void AcceptReply(const NodeId& from, const wire::v1::RouteReply& reply,
                   const wire::v1::RouteReplyBody& body);
  wire::v1::RouteTrace Stop() const;
  // What became of the request here until now, when it is sent to this one.
  void AddTrace(Instant now, const Flight& flight, const NodeId& to,
                wire::v1::RouteMessage& message) const;

  const NodeKeys& keys_;
  LinkTable& links_;
  Ring& ring_;
  RecordCache& records_;
  Counters& counters_;
  std::optional<NodeRecord> self_;

  uint64_t next_flight_ = 1;
  std::map<uint64_t, Flight> flights_;
  FairShare<NodeId> share_{kMaxFlights};    // of the flights of others
  std::map<uint64_t, uint64_t> flight_of_;  // handle -> flight
  std::map<MessageName, Seen> seen_;
  std::map<NodeId, TokenBucket> checks_;  // of linked neighbours
  // What each holder handed us, oldest first, and who has how much.
  SeenOrder seen_order_;
  std::set<std::pair<size_t, NodeId>> seen_sizes_;
  size_t seen_noted_ = 0;
  std::map<uint64_t, ReplyFlight> replies_;  // by handle
  std::deque<Delivered> delivered_;
  std::deque<ReplyArrived> arrived_;
  std::deque<LetterReply> letter_replies_;
};

}  // namespace p2pd::overlay
