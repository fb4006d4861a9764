// Exchange: requests and answers as the layers above see them. Ours: routed to a key or put to one
// node, retried, timed out, each ending in exactly one Response or RequestFailed. Theirs: given up
// once, answered once, repeated to copies.
//
// Rules: the first attempt of a routed request is a letter to whom hints name as the root, where
// there is no link to him; what he does not answer within his round trip goes hop by hop. A retry
// keeps the message id, so that the root runs it once; it takes another first hop where there is
// one. Service 0 is the overlay's own and never reaches the layers above. Threads: one owner.
// Sources: design §3 (4 attempts, 4 s).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/overlay/letter_box.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/request_table.h"
#include "libcore/overlay/router.h"
#include "libcore/overlay/shortcut.h"

namespace p2pd::overlay {

// A request to service 0: for the node's own membership.
struct ProbeRequest {
  AnswerToken token;
  NodeRecord from;
  wire::v1::OverlayProbe probe;
};
// A letter to the node with this head was not answered.
struct HintSilent {
  uint64_t head = 0;
};
using ExchangeEvent =
    std::variant<IncomingRequest, Response, RequestFailed, ProbeRequest, HintSilent>;

class Exchange {
 public:
  // Requests of ours under way; beyond it they fail with ResourceExhausted.
  static constexpr size_t kMaxOutgoing = 4096;
  static constexpr int kMaxAttempts = 4;
  // Each attempt waits so long for an answer: three times the round trip of late, within these. The
  // hops go round the silent by themselves and wait where the root died, which takes a second
  // (Liveness::kShortProbes): who asks again before asks for nothing. It helps where a hop died
  // with the request, which is rare. All four go into the 4 s of design §3.
  static constexpr absl::Duration kMinWait = absl::Milliseconds(1100);
  static constexpr absl::Duration kMaxWait = absl::Milliseconds(1300);
  static constexpr size_t kMaxTraces = 16;
  // Attempts are numbered from here where letters went before: one has 0 and its copy 1, another 2
  // and 3.
  static constexpr uint32_t kAfterLetter = 2;
  static_assert(2 * kAfterLetter + kMaxAttempts <= kAttempts);

  Exchange(const NodeKeys& keys, LinkTable& links, LetterBox& letters, Router& router, Ring& ring,
           Rng& rng, Counters& counters)
      : keys_(keys),
        links_(links),
        letters_(letters),
        router_(router),
        ring_(ring),
        rng_(rng),
        counters_(counters),
        requests_(counters) {}

  void SetSelf(const NodeRecord& self) {
    self_ = self;
    requests_.SetSelf(self.id());
  }
  // Outlives it; without one every request goes hop by hop.
  void SetShortcut(Shortcut& shortcut) { shortcut_ = &shortcut; }
  // No new requests from here on: we leave.
  void Close() { closed_ = true; }

  struct RouteCall {
    Key key;
    Service service = Service::kOverlay;
    Bytes payload;
    RouteOptions options;
    bool skip_origin = false;
    // When set, the request goes to this neighbour first, whatever the key: to join through it.
    std::optional<NodeId> through;
  };
  RequestId Route(Instant now, RouteCall call);
  // A number for what is asked past us.
  RequestId Reserve() { return RequestId(next_id_++); }
  RequestId Ask(Instant now, const NodeRecord& peer, Service service, Bytes payload,
                absl::Duration timeout, bool repair = false);
  // As Node::AskUnlinked.
  RequestId AskByLetter(Instant now, const LetterTarget& target, Service service, Bytes payload,
                        const LetterOptions& options);
  void Answer(Instant now, AnswerToken token, AnswerContent content);
  // As Node::DemandProof.
  bool DemandProof(Instant now, AnswerToken token);
  std::vector<TraceHop> TraceOf(RequestId id) const;

  void OnDelivered(Instant now, const Delivered& delivered);
  void OnReply(Instant now, const ReplyArrived& reply);
  void OnDirectRequest(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                       const wire::v1::DirectRequest& request);
  void OnDirectAnswer(Instant now, const NodeId& from, const wire::v1::DirectAnswer& answer);
  void OnLetterEvent(Instant now, LetterEvent event);
  void OnLost(Instant now, uint64_t handle);
  void OnAcked(uint64_t handle) { waiting_.erase(handle); }

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<ExchangeEvent> PollEvent();
  size_t outgoing() const { return outgoing_.size(); }

 private:
  struct Outgoing {
    RequestId id;
    uint64_t message_id = 0;
    Instant started;
    Instant deadline;
    // Routed.
    std::optional<wire::v1::RouteBody> route;
    std::set<NodeId> first_hops;
    std::optional<NodeId> through;
    int attempts = 0;
    absl::Duration wait;
    Instant next;
    // Direct.
    std::optional<NodeRecord> peer;
    // A letter of ours is under way; a routed one to the node with this head, 0 once he said that
    // he does not help.
    bool letter = false;
    uint64_t asked = 0;
    std::optional<absl::Duration> expected;  // until its answer comes
    size_t answer_bytes = 0;
    uint64_t beside = 0;  // the letter that went to somebody beside him when he was late; 0: none
    bool once = false;    // it is not waited for any longer when it is late
  };

  std::optional<RequestId> Refuse(size_t payload);
  std::optional<NodeId> AnotherWay(const Key& key, size_t way) const;
  void Attempt(Instant now, Outgoing& out);
  // The first attempt of a routed request; false when there is no shortcut.
  bool TryLetter(Instant now, const RouteCall& call, Outgoing& out);
  // The second: to somebody beside the root that was late; false when there is nobody.
  bool TryBeside(Instant now, Outgoing& out);
  // Our request that this letter is for.
  uint64_t RequestOf(uint64_t letter) const;
  void OnLetterAnswered(Instant now, LetterAnswered answered);
  void OnLetterLate(Instant now, uint64_t letter);
  void OnLetterTooLarge(Instant now, const LetterNeedsLink& large);
  // Over the link, which is made if there is none. False when there is no room for it.
  bool SendDirect(Instant now, Outgoing& out, const NodeRecord& peer, Service service,
                  const Bytes& payload, bool repair);
  void OnLetter(Instant now, LetterReceived received);
  void Arrive(Instant now, const MessageName& name, ReturnPath path, IncomingRequest request);
  void SendBack(Instant now, const MessageName& name, const ReturnPath& path,
                const AnswerContent& content);
  void Finish(Instant now, uint64_t message_id, const NodeRecord& from, int hops, Bytes payload,
              wire::v1::AnswerError error);
  void Fail(uint64_t message_id, absl::Status status);
  // The answer came `took` after the first attempt.
  void KeepTrace(RequestId id, absl::Duration took, const wire::v1::RouteReplyBody& body);

  const NodeKeys& keys_;
  LinkTable& links_;
  LetterBox& letters_;
  Router& router_;
  Ring& ring_;
  Shortcut* shortcut_ = nullptr;
  Rng& rng_;
  Counters& counters_;
  RequestTable requests_;
  std::optional<NodeRecord> self_;
  bool closed_ = false;

  uint64_t next_id_ = 1;
  std::map<uint64_t, Outgoing> outgoing_;  // by message id
  std::map<uint64_t, uint64_t> beside_;    // second letters, and the requests that they are for
  std::map<uint64_t, uint64_t> waiting_;   // handle of a direct request -> message id
  RoundTrip route_time_;
  std::map<uint64_t, std::vector<TraceHop>> traces_;
  std::deque<ExchangeEvent> events_;
};

}  // namespace p2pd::overlay
