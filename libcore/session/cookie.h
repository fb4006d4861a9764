// Cookies: a proof that whoever says hello receives at the address it claims, without state here.
//
// A cookie is the low byte of the epoch and 128 bits of HMAC-SHA256 over the epoch, the address and
// the attempt's nonce, under a secret that dies with the process. So a cookie is good for one
// address and one attempt, for 60 to 120 s, and never across a restart. Threads: one owner.
// Sources: DTLS 1.3 (RFC 9147 §5.1), design §5.
#pragma once

#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/session/envelope.h"

namespace p2pd::session {

class CookieMaker {
 public:
  explicit CookieMaker(Rng& rng);

  Cookie Make(Instant now, const net::Endpoint& to, const HelloNonce& nonce) const;
  // True for a cookie of this epoch or the one before.
  bool Check(Instant now, const net::Endpoint& from, const HelloNonce& nonce,
             const Cookie& cookie) const;

  // How long an epoch lasts: a caller needs one round trip, so a minute is plenty.
  static constexpr absl::Duration kEpoch = absl::Seconds(60);

 private:
  Cookie ForEpoch(int64_t epoch, const net::Endpoint& endpoint, const HelloNonce& nonce) const;
  SecretBytes secret_;
};

}  // namespace p2pd::session
