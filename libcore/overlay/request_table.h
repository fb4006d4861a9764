// RequestTable: requests that others (or we ourselves) put to this node. Each is shown to the layer
// above once; copies that come later get the answer again, or wait for it. Through the hands of
// hops it goes a few times only: a copy that one of them kept costs him nothing.
//
// Threads: one owner. Limits: below; who sent a request holds its place, and nobody gets more than
// his share of them; a refused request is answered 'busy'.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/time.h"
#include "libcore/overlay/fair_share.h"
#include "libcore/overlay/letter.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/router.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

// How an answer travels: a routed one as Router says, a direct one over the link, that to a letter
// as LetterBox says.
struct DirectPath {
  NodeId peer;
  Urgency urgency = Urgency::kReply;
};
using ReturnPath = std::variant<Delivered, DirectPath, LetterPath>;

// What is sent back.
struct AnswerContent {
  Bytes payload;
  wire::v1::AnswerError error = wire::v1::ANSWER_ERROR_NONE;
};

class RequestTable {
 public:
  // Requests that wait for the layer above, and how long it has. One neighbour, or one address from
  // which letters come, has an eighth of them, all letters half.
  static constexpr size_t kMaxOpen = 1024;
  static constexpr absl::Duration kOpenLifetime = absl::Seconds(10);
  // Answers kept for late copies: number, bytes, and for how long.
  static constexpr size_t kMaxAnswers = 2048;
  static constexpr size_t kMaxAnswerBytes = 8 << 20;
  static constexpr absl::Duration kAnswerLifetime = absl::Seconds(60);
  // How often an answer goes again to whom others routed it for: as many attempts as there are.
  static constexpr uint32_t kMaxRepeats = kAttempts;

  static constexpr size_t kMaxOpenLetters = kMaxOpen / 2;

  explicit RequestTable(Counters& counters) : counters_(counters) {}
  // What we ask ourselves is in nobody's share.
  void SetSelf(const NodeId& self) { self_ = self; }

  enum class Arrival { kNew, kWaiting, kAnswered, kSpent, kRefused };
  struct Admission {
    Arrival arrival = Arrival::kRefused;
    AnswerToken token;                      // of kNew
    const AnswerContent* answer = nullptr;  // of kAnswered, until the next call
  };
  // `path` is where the answer goes; of several that come the last one's counts, for each
  // of the copies in which it was sent.
  Admission Admit(Instant now, const MessageName& name, ReturnPath path);

  struct Finished {
    MessageName name;
    std::vector<ReturnPath> paths;  // of its copies
  };
  // nullopt when there is no such open request: late, double, or never given out.
  std::optional<Finished> Answer(Instant now, AnswerToken token, const AnswerContent& content);

  // Forgets an open request, so that it is new when it comes again; the ways back of its copies.
  std::vector<ReturnPath> Withdraw(AnswerToken token);
  // nullptr when there is no such open request.
  const std::vector<ReturnPath>* PathsOf(AnswerToken token) const;

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  size_t open() const { return open_.size(); }

 private:
  // Who brought it: a neighbour, or an address, without its port where it is public.
  using Holder = std::variant<NodeId, net::Endpoint>;
  struct Open {
    MessageName name;
    std::vector<ReturnPath> paths;
    Instant expires;
    std::optional<Holder> holder;  // nullopt: us
  };
  std::optional<Holder> HolderOf(const ReturnPath& path) const;
  bool TakePlace(const std::optional<Holder>& holder);
  void Erase(std::map<uint64_t, Open>::iterator open);
  struct Kept {
    AnswerContent content;
    uint32_t repeats = 0;  // by way of hops
  };
  Counters& counters_;
  uint64_t next_token_ = 1;
  std::map<uint64_t, Open> open_;  // by token, so by age
  NodeId self_;
  FairShare<Holder> share_{kMaxOpen};
  size_t open_letters_ = 0;
  std::map<MessageName, uint64_t> token_of_;
  std::map<MessageName, Kept> answers_;
  std::deque<std::pair<Instant, MessageName>> answer_order_;
  size_t answer_bytes_ = 0;
};

}  // namespace p2pd::overlay
