// LetterBox: letters that this node sends and gets (letter.h). It repeats ours, hands theirs up,
// and sends answers back without ever shooting at a bystander.
//
// Rules: an address that proved nothing gets no more bytes than came from it: where the answer is
// larger, a refusal with a cookie goes instead, and the same letter with the cookie gets the answer
// in up to eight datagrams, once. Who expects an answer of two or three datagrams sends as many
// copies of the letter at once, and each pays for a part of it. The cookie is good for this
// request of this origin and address, and spent at the first letter that brings it. Whoever sends
// that letter again gets no more than it has. A letter costs us one X25519 and one or two signature
// checks, so letters are taken from a bucket before anything is computed. What comes again is known
// by (origin, message id) in RequestTable, as any request is; a letter that somebody kept and sends
// again after the minute for which answers are kept runs again, as a routed request would: services
// are idempotent. A target is hearsay: to an address that never answered go a few letters only
// (letter_quota.h). Ours is sent twice, then given up: a node that does not answer is nobody's
// fault, and the caller has other ways. Threads: one owner. Limits: below, each with a counter.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/letter.h"
#include "libcore/overlay/letter_quota.h"
#include "libcore/overlay/traffic.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

// Somebody asks.
struct LetterReceived {
  Letter letter;
  LetterPath path;
};
// The root of a routed request of ours sent this straight to us; it proves itself.
struct StraightReply {
  wire::v1::RouteReply reply;
};
// The end of a letter of ours, by its message id. Answered:
struct LetterAnswered {
  uint64_t message_id = 0;
  NodeRecord from;
  Bytes payload;
  wire::v1::AnswerError error = wire::v1::ANSWER_ERROR_NONE;
  // Of a routed request that ended elsewhere; it replaces payload and error, and proves itself.
  std::optional<wire::v1::RouteReply> reply;
};
// request or answer do not fit one datagram, but now we know the node's record;
struct LetterNeedsLink {
  uint64_t message_id = 0;
  NodeRecord to;
  Service service = Service::kOverlay;
  Bytes payload;
};
// not yet, and it was repeated: the caller may take another way;
struct LetterLate {
  uint64_t message_id = 0;
};
// or nobody with the right key answered.
struct LetterLost {
  uint64_t message_id = 0;
  uint64_t head = 0;  // of the silent
};
using LetterEvent = std::variant<LetterReceived, LetterAnswered, StraightReply, LetterNeedsLink,
                                 LetterLate, LetterLost>;

class LetterBox {
 public:
  // Letters that are opened: a second, and at once. At a quarter of a millisecond (with a record
  // that is new) a flood takes a sixteenth of a processor core; what goes beyond is dropped unread.
  static constexpr double kLetterRate = 250;
  static constexpr double kLetterBurst = 500;
  // Letters of ours under way, and their payloads in bytes; beyond it Send fails.
  static constexpr size_t kMaxPending = 1024;
  static constexpr size_t kMaxPendingBytes = 8 << 20;
  // Datagrams that wait for PollTransmit; beyond it they are dropped.
  static constexpr size_t kMaxTransmits = 1024;
  static constexpr int kMaxSends = 2;
  // Spent cookies of one slot (CookieJar::kSlot): of all letters that can be opened in it. Beyond
  // it a cookie is as good as none.
  static constexpr size_t kMaxSpent = 8192;
  // LetterOptions::repeat_after is held within these, the bounds of a link's retransmission timer.
  static constexpr absl::Duration kMinRepeat = absl::Milliseconds(30);
  static constexpr absl::Duration kMaxRepeat = absl::Seconds(1);

  // All outlive the box.
  LetterBox(const NodeKeys& keys, RecordCache& records, Rng& rng, Counters& counters)
      : keys_(keys), records_(records), rng_(rng), counters_(counters) {}

  void SetSelf(const NodeRecord& self) { self_ = self; }

  struct Order {
    uint64_t message_id = 0;  // random
    LetterTarget target;
    Service service = Service::kOverlay;
    Bytes payload;
    size_t answer_bytes = 0;
    absl::Duration repeat_after = absl::Milliseconds(400);
    // The request, signed, when it is to the root of a key: the receiver sends it on.
    std::optional<wire::v1::RouteMessage> route;
  };
  // LetterAnswered, LetterNeedsLink or LetterLost follows. A payload that fits no datagram ends in
  // LetterNeedsLink, a routed request in InvalidArgument. InvalidArgument also when no letter can
  // go to this target, ResourceExhausted when too many are under way, or went to this address
  // without an answer.
  absl::Status Send(Instant now, Order order);
  // Nothing more comes of this letter.
  void Cancel(uint64_t message_id);
  // Answers a LetterReceived; more than once is harmless.
  // In place of an answer: a cookie, with which the letter comes again, proved.
  void DemandProof(Instant now, const LetterPath& path) { Refuse(now, path, 0); }
  void Answer(Instant now, const LetterPath& path, ByteView payload, wire::v1::AnswerError error);
  // The same with what the root of a key answered to whom we sent the request on.
  void AnswerRouted(Instant now, const LetterPath& path, const wire::v1::RouteReply& reply);
  // To where the origin of a routed request says that it is, beside the answer that goes by hops.
  // Nothing is sent where it is larger than the request was.
  void AnswerStraight(const LetterPath& path, const wire::v1::RouteReply& reply);
  // The root of this request of ours may answer straight, until Unexpect. `request` is signed; each
  // of its attempts is told.
  void Expect(uint64_t message_id, const wire::v1::RouteMessage& request);
  void Unexpect(uint64_t message_id);

  // kLetter and kLetterAnswer only.
  void OnDatagram(Instant now, const net::Endpoint& from, DatagramType type, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit();
  std::optional<Instant> PollTimeout() const;
  std::optional<LetterEvent> PollEvent();
  size_t pending() const { return pending_.size(); }
  // Datagrams of both kinds that were sent.
  const Traffic::Sum& sent() const { return sent_; }

 private:
  struct Pending {
    Order order;
    std::optional<NodeRecord> known;
    std::optional<Cookie> cookie;
    bool link_wanted = false;
    std::vector<SealedLetter> sealed;  // the copies
    std::map<size_t, Bytes> parts;     // of the answer, as they come
    int sends = 0;
    Instant next;
  };

  void OnLetter(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnAnswer(Instant now, const net::Endpoint& from, ByteView datagram);
  // The letter among the request's that an answer with this name is sealed for.
  static const AnswerSeal& SealOf(const Pending& pending, uint64_t name);
  // True when the answer is whole; `answer` holds it then.
  static bool Collect(Pending& pending, LetterAnswer& answer);
  void OnRefusal(Instant now, uint64_t message_id, const LetterAnswer& refusal);
  // Seals `pending` anew; false when it cannot be.
  bool Write(Pending& pending);
  // Registers what was written, and sends it.
  void Post(Instant now, uint64_t message_id, Pending& pending);
  void SendNow(Instant now, uint64_t message_id, Pending& pending);
  void Withdraw(const Pending& pending);
  void Forget(std::map<uint64_t, Pending>::iterator it);
  void Emit(const net::Endpoint& to, Bytes datagram);
  const CookieJar& Jar();
  // True when the letter's cookie is good, once.
  bool Spend(Instant now, const net::Endpoint& from, const Letter& letter);
  void Refuse(Instant now, const LetterPath& path, std::optional<size_t> size);

  const NodeKeys& keys_;
  RecordCache& records_;
  Rng& rng_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  std::optional<CookieJar> jar_;
  std::map<uint32_t, std::set<Cookie>> spent_;  // by slot: two at most
  TokenBucket bucket_{kLetterRate, kLetterBurst};
  LetterQuota quota_;

  std::map<uint64_t, Pending> pending_;            // by message id
  std::map<uint64_t, uint64_t> by_name_;           // the answer's name -> message id
  std::set<std::pair<Instant, uint64_t>> timers_;  // with the message id
  // Straight answers that may come, by name, and the names by message id: as many as Exchange has
  // requests under way, and attempts of each.
  std::map<uint64_t, AnswerSeal> expected_;
  std::multimap<uint64_t, uint64_t> expected_names_;
  size_t pending_bytes_ = 0;
  std::deque<net::Transmit> transmits_;
  std::deque<LetterEvent> events_;
  Traffic::Sum sent_;
};

}  // namespace p2pd::overlay
