// Agent: finds by which way the two ends of one session reach each other, and keeps watch over it:
// ICE (RFC 8445) for one component over one UDP port.
//
// Checks go to all addresses that the other side told, and to those from which its own authentic
// checks came; an answer that comes back from there proves the pair, in both directions. The first
// proved pair is used at once; the controlling side nominates a better one as soon as there is one,
// and both sides go on hearing from the old one, so that nothing is lost. Proved pairs are kept
// warm, the one in use more often: its answers are the other side's consent (RFC 7675), and when
// they stop coming the next best takes its place.
//
// Rules:
//  - An address is believed after an authentic answer of a check that we sent there, and only then.
//  - Whoever does not hold the session's keys gets no answer, gains no state and costs one HMAC.
//  - Our own candidates all have the port as base, so a pair is named by the remote endpoint alone,
//    and with one component there is nothing to freeze: pairs begin as waiting.
//  - A restart has new credentials and checks everything anew; the path in use stays in use until
//    another is proved or consent has ended. Either side may begin it, both at once is the same.
// Threads: one owner. After each input drain PollTransmit, PollTimeout, PollEvent. Limits: below.
// Sources: RFC 8445, RFC 8489, RFC 7675, draft-thatcher-ice-renomination.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/ice/candidate.h"
#include "libcore/ice/credentials.h"
#include "libcore/ice/stun_message.h"
#include "libcore/net/transmit.h"

namespace p2pd::ice {

// A proved way to the other side.
struct Path {
  net::Endpoint remote;
  // How the remote endpoint became known; kRelayed: through a third.
  CandidateType type = CandidateType::kHost;
  absl::Duration round_trip;

  bool relayed() const { return type == CandidateType::kRelayed; }
};

// From now on datagrams go there.
struct PathSelected {
  Path path;
};
// Consent has ended (RFC 7675 §5.1): nothing may be sent any more. Checks go on.
struct PathLost {};
using Event = std::variant<PathSelected, PathLost>;

class Agent {
 public:
  // Remote endpoints, told or seen; beyond it new ones are not checked.
  static constexpr size_t kMaxPairs = 24;
  // Between two first checks (RFC 8445 §14.2 allows from 5 ms where both sides are known).
  static constexpr absl::Duration kPace = absl::Milliseconds(20);
  // The first wait for an answer, doubled up to kMaxWait, and how often a check is sent. Shorter
  // than RFC 8445's 500 ms: the first check through two translators is always lost.
  static constexpr absl::Duration kFirstWait = absl::Milliseconds(200);
  static constexpr absl::Duration kMaxWait = absl::Seconds(1);
  static constexpr int kMaxSends = 7;
  // Of a pair that was proved: silent for 200 + 400 + 800 + 1,000 ms, and another one is used.
  static constexpr int kMaxRefreshSends = 4;
  // Between two checks of the pair in use, ±20 % (RFC 7675 §5.1), and of those kept warm: shorter
  // than what translators remember.
  static constexpr absl::Duration kConsentInterval = absl::Seconds(4);
  static constexpr absl::Duration kWarmInterval = absl::Seconds(12);
  // RFC 7675 §5.1.
  static constexpr absl::Duration kConsentLife = absl::Seconds(30);
  // Pairs that failed are tried again after so long while none is proved; beside one that is, those
  // that would be better after kWarmInterval more.
  static constexpr absl::Duration kRetry = absl::Seconds(2);
  // How long checks under the credentials before a restart are still answered.
  static constexpr absl::Duration kOldGeneration = absl::Seconds(10);

  struct Options {
    Side side = Side::kCaller;  // the caller controls, unless both say they do
    SecretBytes secret;         // of the session, at least 16 bytes
    std::vector<Candidate> local;
  };
  Agent(Options options, Rng& rng, Counters& counters);

  uint32_t generation() const { return generation_; }
  // What the other side is to be told.
  const std::vector<Candidate>& local() const { return local_; }
  // Another set; a change of addresses takes a Restart, too.
  void SetLocal(std::vector<Candidate> local) { local_ = std::move(local); }
  // The other side's word. A greater generation restarts, a smaller one is passed over.
  void AddRemote(Instant now, const CandidateList& list);
  void Restart(Instant now) { StartGeneration(now, generation_ + 1); }

  // A message from `from`, and the datagram it was parsed from; `relayed`: it came through a third.
  // False when it is none of this session's.
  bool OnMessage(Instant now, const net::Endpoint& from, bool relayed, const StunMessage& message,
                 ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit();
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

  // The path in use; nullopt before the first is proved and after PathLost.
  std::optional<Path> selected() const;
  // All proved ones, best first.
  std::vector<Path> proved() const;
  bool controlling() const { return controlling_; }

 private:
  enum class State { kWaiting, kInProgress, kProved, kFailed };
  // A request under way.
  struct Check {
    TransactionId id;
    bool controlling = false;  // our role when it was sent
    int sends = 0;
    Instant first_sent;
    Instant next;
    absl::Duration wait;
    Bytes datagram;
  };
  struct Pair {
    CandidateType type = CandidateType::kHost;
    uint32_t remote_priority = 0;
    State state = State::kWaiting;
    bool triggered = false;  // to be checked before the others
    bool nominate = false;   // our next check is to say so
    uint64_t nominated = 0;  // by the other side, counted; 0: not
    std::optional<Check> check;
    Instant due;       // proved: the next check; failed: the next try
    Instant answered;  // the last one
    absl::Duration round_trip;
  };
  using Pairs = std::map<net::Endpoint, Pair>;

  void StartGeneration(Instant now, uint32_t generation);
  Pairs::iterator AddPair(const net::Endpoint& remote, CandidateType type, uint32_t priority);
  uint64_t PriorityOfPair(const Pair& pair) const;
  static uint32_t OwnPriority(const Pair& pair, bool revealed);
  bool OnRequest(Instant now, const net::Endpoint& from, bool relayed, const StunMessage& request,
                 ByteView datagram);
  bool OnResponse(Instant now, const net::Endpoint& from, const StunMessage& response,
                  ByteView datagram);
  // False: the roles stay as they are and the other side was told so.
  bool SettleRoles(const net::Endpoint& from, const StunMessage& request, ByteView key);
  void Trigger(Instant now, Pair& pair);
  void Begin(Instant now, const net::Endpoint& remote, Pair& pair);
  void Send(Instant now, const net::Endpoint& remote, Check& check);
  void OnSilence(Instant now, const net::Endpoint& remote, Pair& pair);
  // The best proved pair by our role's rule.
  Pairs::iterator Best();
  void Choose(Instant now);
  bool AnyProved() const;
  // When a pair that failed is tried again.
  Instant RetryAt(const Pair& pair, bool any_proved) const;
  // The pair whose first check is next, and end() for none.
  Pairs::iterator NextToBegin();

  Side side_;
  bool controlling_;
  SecretBytes secret_;
  Rng& rng_;
  Counters& counters_;
  uint64_t tie_breaker_;
  uint32_t generation_ = 0;
  Credentials ours_;
  Credentials theirs_;
  // Of the generations before and after: requests under them are ours, too.
  std::optional<Credentials> ours_before_;
  Instant before_until_;
  Credentials ours_after_;
  std::vector<Candidate> local_;
  Pairs pairs_;
  std::optional<net::Endpoint> selected_;
  bool said_ = false;  // controlling: the other side is told which is selected
  uint64_t nominations_ = 0;
  Instant next_begin_;
  std::deque<net::Transmit> out_;
  std::deque<Event> events_;
};

}  // namespace p2pd::ice
