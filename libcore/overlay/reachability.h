// Reachability: can nodes to which we never wrote reach us? Who cannot be reached is no peer: it
// would stand in tables as the root of keys that nobody can ask it for.
//
// Rules: what comes from an address to which nothing went out of late is a proof; of most nodes a
// stranger's handshake is, soon after they joined, and it costs nothing. Whoever waits for longer
// asks a neighbour to have one of its own neighbours knock; a knock that was sent from a stranger's
// address and did not come counts, and three from three addresses decide. A proof holds until our
// address changes. Who is unreachable goes on asking. Where all addresses are known, as in a small
// ring, nothing can be proved, and nothing is decided. Threads: one owner. Limits: below. Sources:
// RFC 4787 §4 and §5 (translators), RFC 8445 §2; design §3 ('a peer has proved reachable').
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/token_bucket.h"
#include "libcore/overlay/exchange.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/ring.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

class Reachability {
 public:
  enum class Verdict { kOpen, kReachable, kUnreachable };

  // Addresses to which we wrote; beyond it nothing counts as a stranger until they are forgotten.
  static constexpr size_t kMaxWritten = 4096;
  // A translator lets an address in for as long as it remembers that we wrote to it: 5 minutes are
  // recommended (RFC 4787 REQ-5).
  static constexpr absl::Duration kWrittenLifetime = absl::Minutes(10);
  // Strangers come by themselves within this time of joining.
  static constexpr absl::Duration kPatience = absl::Seconds(10);
  // Between two questions, at first and at most: half as long again after each that said nothing.
  static constexpr absl::Duration kAsk = absl::Seconds(5);
  static constexpr absl::Duration kMaxAsk = absl::Minutes(5);
  static constexpr absl::Duration kAskTimeout = absl::Seconds(4);
  // A knock that was sent before its sender said so has come by then.
  static constexpr absl::Duration kKnockPatience = absl::Seconds(1);
  // Strangers whose knocks did not come, of different addresses.
  static constexpr size_t kNeeded = 3;
  // Knocks that we send for others: per second, and at once. Each has fewer bytes than the request.
  static constexpr double kKnockRate = 1;
  static constexpr double kKnockBurst = 4;
  // Questions of others that wait for a neighbour of ours.
  static constexpr size_t kMaxRelays = 16;

  // All outlive it. A client by choice proves nothing.
  Reachability(Role role, LinkTable& links, Ring& ring, Exchange& exchange, Rng& rng,
               Counters& counters);

  void SetSelf(const NodeRecord& self) { self_ = self; }
  // We have joined.
  void Start(Instant now);
  void Stop();
  // Another address has to be proved anew.
  void OnAddressChanged(Instant now);

  // While this holds, whatever goes out and comes in has to be shown.
  bool watching() const { return role_ == Role::kPeer && verdict_ != Verdict::kReachable; }
  void OnSent(Instant now, const net::Endpoint& to);
  void OnReceived(Instant now, const net::Endpoint& from);

  // A question of somebody else.
  void OnProbe(Instant now, const ProbeRequest& request);
  // True when it belongs to a question of ours.
  bool OnResponse(Instant now, const Response& response);
  bool OnRequestFailed(Instant now, const RequestFailed& failed);

  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  Verdict verdict() const { return verdict_; }
  // The new role once it changed.
  std::optional<Role> TakeChange();

 private:
  // Nothing went there of late, and it is no neighbour in a private network where ours is public.
  bool IsStranger(Instant now, const net::IpAddress& address);
  void Decide(Verdict verdict);
  // Of whom to ask something.
  std::vector<const NodeRecord*> Members(const NodeId& except) const;
  void Ask(Instant now);
  void Relay(Instant now, const ProbeRequest& request);

  const Role role_;
  LinkTable& links_;
  Ring& ring_;
  Exchange& exchange_;
  Rng& rng_;
  Counters& counters_;
  std::optional<NodeRecord> self_;
  Verdict verdict_ = Verdict::kOpen;
  std::optional<Role> change_;

  std::map<net::IpAddress, Instant> written_;  // when last
  Instant crowded_until_;
  std::optional<Instant> next_;
  absl::Duration ask_ = kAsk;
  std::optional<RequestId> asked_;
  // A stranger says that it knocked; until when that is waited for.
  std::optional<std::pair<net::IpAddress, Instant>> knocked_;
  std::set<net::IpAddress> missed_;

  TokenBucket knocks_{kKnockRate, kKnockBurst};
  struct Pending {
    AnswerToken token;
    NodeId knocker;
  };
  std::map<RequestId, Pending> relays_;
};

}  // namespace p2pd::overlay
