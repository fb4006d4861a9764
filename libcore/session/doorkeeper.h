// Doorkeeper: everything that stands between a stranger's datagram and a verified hello.
//
// In this order, the cheap before the dear: known hint or "not here"; cookie when more hellos come
// than we like; bounded reassembly; unsealing; age and replay; signature, device, chain. What fails
// is counted by its reason and answered by silence, but for "not here" and "cookie first", both
// smaller than what they answer. Nothing here allocates more than was received. Threads: one owner.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "libcore/base/token_bucket.h"
#include "libcore/session/cookie.h"
#include "libcore/session/handshake.h"
#include "libcore/session/reassembly.h"
#include "libcore/session/replay_cache.h"

namespace p2pd::session {

class Doorkeeper {
 public:
  // Hellos a second of one network with a valid cookie: each costs about 0.4 ms of verification.
  static constexpr double kProvedRate = 20;
  static constexpr double kProvedBurst = 40;
  static constexpr size_t kMaxNetworks = 1024;
  // "Not here" replies a second, to all together.
  static constexpr double kNotHereRate = 50;

  struct Options {
    double hello_rate_before_cookie = 50;
    bool strict_revocation = false;
  };
  Doorkeeper(const Options& options, const pki::TrustStore& trust, Rng& rng, Counters& counters,
             absl::Time start);

  using Identities = std::map<pki::KeyHash, LocalIdentity>;
  struct Knock {
    std::optional<Bytes> reply;  // to whoever sent the fragment
    // One of the two, or none.
    struct Verified {
      OpenedHello hello;
      Peer caller;
      pki::KeyHash identity;
      bool proved = false;
    };
    std::optional<Verified> verified;
    std::optional<SessionId> again;  // a copy of the hello that made this session
  };
  Knock OnFragment(Instant now, absl::Time wall, const net::Endpoint& from,
                   const HelloFragment& fragment, const Identities& identities);
  // After Verified: this hello made `session`; no copy of it makes another.
  void Remember(absl::Time wall, const Knock::Verified& verified, SessionId session);

  void OnTimeout(Instant now) { reassembly_.Expire(now); }
  std::optional<Instant> Timeout() const { return reassembly_.NextExpiry(); }
  size_t pending() const { return reassembly_.size(); }

 private:
  bool Admit(Instant now, const net::Endpoint& from, const HelloFragment& fragment, bool proved,
             Knock& out);
  Bytes AskForCookie(Instant now, const net::Endpoint& from, const HelloNonce& nonce);
  void SayNotHere(Instant now, const HelloNonce& nonce, Knock& out);
  void Judge(Instant now, absl::Time wall, const net::Endpoint& from, const HelloFragment& fragment,
             const Reassembly::Whole& whole, bool proved, const LocalIdentity& identity,
             OpenedHello hello, Knock& out);

  Options options_;
  const pki::TrustStore& trust_;
  Counters& counters_;
  CookieMaker cookies_;
  Reassembly reassembly_;
  ReplayCache replays_;
  TokenBucket unproved_;
  TokenBucket not_here_;
  std::map<net::IpAddress, TokenBucket> networks_;
};

}  // namespace p2pd::session
