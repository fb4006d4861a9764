// Node: one member of the overlay. It keeps the leaf set and the prefix table right while others
// come and go, carries requests for a key to the key's root, and lets the layers above talk to
// single nodes over encrypted links.
//
// Rules: no node enters a table before we exchanged packets with it and it proved its key. A
// stranger's address is validated before it costs state or a reply larger than its request. The
// overlay does not know what a request means; it hands requests for other services up as events and
// carries the answers back. Threads: one owner. After each input drain PollTransmit, PollTimeout,
// PollEvent. Sources: Rhea et al. 2004 (Bamboo); Castro et al. 2004 (MSPastry); design §3.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/detour_path.h"
#include "libcore/overlay/hint.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/ring_id.h"
#include "libcore/overlay/traffic.h"

namespace p2pd::overlay {

// Who of the layers above a request is for. On the wire one byte; unknown services are answered
// with an error.
enum class Service : uint8_t {
  kOverlay = 0,
  kStore = 1,
  kPresence = 2,
  kSession = 3,
  kApplication = 4,
  kArchive = 5,    // S-trackers among themselves
  kSubmission = 6  // to S-trackers, of people
};

// Of requests for it, and of their answers, on a link.
constexpr Urgency UrgencyOf(Service service) {
  if (service == Service::kSession) return Urgency::kCallSetup;
  return service == Service::kOverlay ? Urgency::kMaintenance : Urgency::kReply;
}

struct RequestIdTag;
using RequestId = Strong<RequestIdTag, uint64_t>;  // ours, of a request that we sent
struct AnswerTokenTag;
using AnswerToken = Strong<AnswerTokenTag, uint64_t>;  // of a request that waits for our answer

// Payloads of requests and answers, in bytes. What does not fit one datagram travels in fragments
// over the link.
inline constexpr size_t kMaxPayload = 72 * 1024;

// Another node asks us something.
struct IncomingRequest {
  AnswerToken token;
  Service service = Service::kOverlay;
  NodeRecord from;  // the origin, verified; where it says that it is, is its own word
  // Who brought it, as seen on the wire: the other end of the link, the sender of the letter, or of
  // a routed request who handed it to us. `proved` when that is the origin and it gets there what
  // we send; a letter without our cookie may come from anywhere.
  net::Endpoint bearer;
  bool proved = false;
  std::optional<Key> key;  // set when it was routed to us as the root of this key
  int hops = 0;
  Bytes payload;
};
// The answer to a request of ours.
struct Response {
  RequestId id;
  NodeRecord from;
  int hops = 0;
  absl::Duration round_trip;
  Bytes payload;
};
// No answer: DeadlineExceeded, Unavailable (no path, not joined), ResourceExhausted (too many under
// way), Unimplemented.
struct RequestFailed {
  RequestId id;
  absl::Status status;
};
// Members of the leaf set came or went; who keeps replicas looks at what to repair.
struct LeafSetChanged {
  std::vector<NodeId> joined;
  std::vector<NodeId> left;
};
// How a routed request travelled: for `overlay trace`. Recorded with RouteOptions::trace only.
struct TraceHop {
  NodeId id;
  net::Endpoint endpoint;
  // From the first attempt until it came there. Nobody's clock shows it: it is what the stops
  // measured of keeping it, and half of the rest of there and back, divided among the links as
  // their round trips are. Never more than there and back.
  absl::Duration since_start;
  // What it stayed there, by that node's clock.
  absl::Duration waited = absl::ZeroDuration();
  // Whom that node tried in vain before the next.
  std::vector<NodeId> silent = {};
};
enum class JoinState { kAlone, kJoining, kActive, kLeaving };
struct JoinStateChanged {
  JoinState state = JoinState::kAlone;
};
// Where a node is with which we have no link, as somebody said; it proves it by its answer.
struct LetterTarget {
  uint64_t head = 0;  // the first 64 bits of its id
  net::Endpoint endpoint;
  pki::X25519Public sealing_key;  // of its record
};
// One who keeps a key by the hints, and the time after which its silence says that it is gone.
struct NearNode {
  LetterTarget target;
  absl::Duration patience;
};
// What FindReplicas found; none when nobody knew.
struct ReplicasFound {
  RequestId id;
  std::vector<NearNode> replicas;
};
// A datagram of a session or call came through another node.
struct PassageReceived {
  net::Endpoint from;  // the way, as DetourPath has it
  Bytes datagram;
};
using Event = std::variant<PassageReceived, IncomingRequest, Response, RequestFailed, ReplicasFound,
                           LeafSetChanged, JoinStateChanged>;

struct NodeOptions {
  std::vector<net::Endpoint> addresses;  // our own, as others reach us; 1..4
  Role role = Role::kPeer;
  uint64_t epoch = 0;  // wall-clock ms at start: larger than at any earlier start
  int leaves_per_side = 8;
  int replicas_per_side = 4;
  double maintenance_bytes_per_second = 400;  // 100..4,000
  // The multicast group through which nodes on one link find each other (link_local.h); what is
  // sent there goes to all of the link, ourselves perhaps included. nullopt: off.
  std::optional<net::Endpoint> link_group;
  // What we pass on for nodes that others cannot reach, in bytes a second; 0: nothing.
  double passage_bytes_per_second = 256 << 10;
};

struct RouteOptions {
  absl::Duration timeout = absl::Seconds(4);
  // Any node that is among the replicas of the key may answer, not only the root.
  bool any_replica = false;
  // The root answers at once, so that silence means that nobody is there: hints of who it is may be
  // tried first, in a letter.
  bool prompt = true;
  // As in LetterOptions.
  size_t answer_bytes = 0;
  // 0: by the best first hop. Others go by way of another neighbour each, whatever the key: whoever
  // asks by several ways is not in one liar's hands.
  size_t way = 0;
  // Record the path (Response arrives with it through trace()).
  bool trace = false;
};

struct LetterOptions {
  absl::Duration timeout = absl::Seconds(4);
  // Bytes of the answer's payload. The letter is padded so that an answer of this size comes at
  // once, and from 961 to 2,880 bytes two or three are sent; a larger one costs another round trip,
  // or a link.
  size_t answer_bytes = 0;
  // The round trip to be expected with its variation (30 ms to 1 s): after it the letter is sent a
  // second time, and after two more it is given up.
  absl::Duration repeat_after = absl::Milliseconds(400);
  // Fails (Unavailable) when it is sent the second time, for who has another way; what still comes
  // only says that the node is there.
  bool once = false;
};

// What is known of a neighbour, for `overlay peers` and the API.
struct PeerInfo {
  NodeRecord record;
  net::Endpoint endpoint;
  bool leaf = false;
  bool table = false;
  std::optional<absl::Duration> round_trip;
  absl::Duration last_heard;  // ago
};

class WideTable;
class MessageTap;

class Node {
 public:
  // `rng`, `counters` outlive the node.
  Node(const NodeOptions& options, const NodeKeys& keys, Rng& rng, Counters& counters);
  ~Node();

  // Starts to join through any of `bootstrap` and of `cache` (SaveCache() of an earlier run). With
  // neither the node is alone and is its own ring until somebody joins it. Bootstrap entries that
  // do not answer are tried again for ever, backing off to one minute; a ring that split is healed
  // through them.
  void Start(Instant now, const std::vector<net::Endpoint>& bootstrap, ByteView cache);
  // Tells the leaf set that we go; PollTransmit has the farewells. No requests are accepted after
  // it.
  void Leave(Instant now);
  // Our addresses changed (another network): new record, links re-validated.
  void SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses);
  // One more bootstrap entry, such as a contact's p2p: link names.
  void AddBootstrap(Instant now, const net::Endpoint& endpoint);

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

  // Carries `payload` to the root of `key` (ourselves included: then IncomingRequest appears at
  // this node). Per-hop acknowledgement, fail-over at the first RTO, retry by another first hop: 4
  // attempts within options.timeout. Exactly one Response or RequestFailed follows. Duplicates may
  // reach the root after a retry: services are idempotent.
  RequestId Route(Instant now, const Key& key, Service service, Bytes payload,
                  const RouteOptions& options);
  // Asks one node directly (ourselves not allowed); a link is made if there is none.
  // With `repair` it goes behind everything else on the link, and so does the answer: nobody waits
  // for it.
  RequestId Ask(Instant now, const NodeRecord& peer, Service service, Bytes payload,
                absl::Duration timeout, bool repair = false);
  // Asks a node with which we have no link, in one datagram each way; the link is used where there
  // is one, and made where request or answer turn out not to fit. Response::from begins with the
  // head asked for and holds the sealing key, so it is proved. A letter is repeated once;
  // Unavailable then comes after three times repeat_after, and the hint counts as failed. Also:
  // InvalidArgument for ourselves, an address that cannot be or a key that is none,
  // ResourceExhausted, DeadlineExceeded, Unimplemented.
  RequestId AskUnlinked(Instant now, const LetterTarget& target, Service service, Bytes payload,
                        const LetterOptions& options = {});
  // Answers an IncomingRequest. Late or double answers are dropped and counted. Requests that are
  // never answered are forgotten after 10 s.
  void Answer(Instant now, AnswerToken token, Bytes payload);
  // In place of an answer to a request that came in a letter and is not proved: the origin brings a
  // cookie, and the request arrives again. False for every other request, which waits on.
  bool DemandProof(Instant now, AnswerToken token);

  const NodeRecord& self() const;
  JoinState join_state() const;
  // True when no live node that we know is nearer to `key`.
  bool IsRoot(const Key& key) const;
  // The `count` live nodes nearest to `key` that we know, nearest first, ourselves included.
  std::vector<NodeRecord> Nearest(const Key& key, size_t count) const;
  // The replica set of `key` as we see it: replicas_per_side on each side of the key, ourselves
  // included where we belong; empty optional when the key is so far that our leaf set does not
  // cover it.
  std::optional<std::vector<NodeRecord>> ReplicaSet(const Key& key) const;
  // The `count` nodes nearest to `key` as hints say, nearest first, ourselves left out: hearsay,
  // for whom to ask first (AskUnlinked proves who answers). Nodes that we are linked with are among
  // them.
  std::vector<Hint> NearestHints(const Key& key, size_t count) const;
  // True when all nodes near `key` that have been up for some two minutes are among the hints.
  bool HintsCover(const Key& key) const;
  // The replicas of `key` by the hints, nearest to us in round trips first. Empty where the hints
  // do not cover the key, or where we are a replica: Route knows as much. For reads of what proves
  // itself, or is compared.
  std::vector<NearNode> NearReplicas(const Key& key) const;
  // The same by what a near neighbour knows, where our own hints do not reach: one ReplicasFound
  // follows. nullopt when there is nobody to ask, or no need.
  std::optional<RequestId> FindReplicas(Instant now, const Key& key);
  // How far a node is: measured where there is a link, predicted else.
  std::optional<absl::Duration> RoundTripTo(const Hint& hint) const;
  // It did not answer. It is dropped at once, and pinged if there is a link.
  void HintFailed(Instant now, uint64_t head);
  const WideTable& wide_table() const;
  // Where we are in the space of round trips.
  const Coordinate& coordinate() const;
  std::vector<NodeRecord> LeafSet() const;
  std::vector<PeerInfo> Peers(Instant now) const;
  // Path of the response with this id if it was routed with trace; kept until the next 16 traces.
  std::vector<TraceHop> TraceOf(RequestId id) const;
  // Our address as others see it, when at least 2 of them agree.
  std::optional<net::Endpoint> ObservedAddress() const;
  // All addresses at which others see us, the most frequent first.
  std::vector<net::Endpoint> SeenAddresses() const;
  // The ways to us through others, where strangers cannot reach us (passages.h): what to tell them.
  std::vector<DetourPath> Ways() const;
  // A datagram of a session or call on such a way; lost if there is none.
  void SendPassage(Instant now, const DetourPath& path, ByteView datagram);
  Traffic traffic() const;
  // Before Start: outlives the node (link_table.h).
  void SetTap(MessageTap* tap);
  // Bootstrap cache for the next start, at most 16 KiB: that of the last start and who is there
  // now.
  Bytes SaveCache();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::overlay
