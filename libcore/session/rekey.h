// Rekey: fresh media keys for a call that goes on, agreed by two signed X25519 halves that travel
// through the call's own signalling.
//
//   S₀ = what the session exports              Sₙ = HKDF(X25519 of epoch n, salt = Sₙ₋₁,
//                                                    info = "p2pd rekey" ‖ n ‖ caller's ‖ callee's)
//
// Rules: each half is signed by the device that the certificate's key certified, over what names
// the session, the role, the epoch and, in the answer, both halves; so no half serves anywhere or
// ever again. Sₙ needs Sₙ₋₁ and the fresh secret: who learns one of the two has nothing. The old
// secret is forgotten at once. When both begin, the caller's half counts and the callee answers
// it. A half without an answer is repeated as it is, and a repeated one is answered as before, so
// the two sides never stand at different secrets of one epoch. Threads: one owner. Limits: one
// open half, one remembered answer; a peer begins an epoch at most every kLeastInterval. Sources:
// RFC 3711 §8.1 (re-keying), SIGMA (Krawczyk 2003), RFC 5869.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/x25519.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {

class Rekey {
 public:
  using Half = wire::v1::MediaKeyHalf;
  // Below, a peer only makes us compute; what comes sooner is dropped and repeated by it.
  static constexpr absl::Duration kLeastInterval = absl::Seconds(1);
  // An open half is sent again after so long. The channel below is reliable: this is for halves
  // that the other side dropped.
  static constexpr absl::Duration kRepeat = absl::Seconds(5);
  static constexpr size_t kSecretSize = 32;

  struct Options {
    bool caller = false;
    absl::Duration every;     // the callee waits a quarter longer, so that one begins
    pki::Ed25519Public peer;  // the other device's signing key
    SecretBytes binding;      // names the session, the same on both sides
    SecretBytes secret;       // S₀, kSecretSize bytes
  };
  Rekey(Instant now, Options options);

  // The half to send, when one is due. `ours` signs.
  std::optional<Half> OnTimeout(Instant now, const pki::Ed25519Key& ours, Rng& rng);
  Instant Timeout() const { return due_; }

  struct Begun {
    std::optional<Half> answer;  // none: the half was dropped
    bool fresh = false;          // epoch() is new; else the answer repeats an earlier one
  };
  // The other side begins an epoch.
  Begun OnHalf(Instant now, const Half& half, const pki::Ed25519Key& ours, Rng& rng);
  // The other side answers ours. True when epoch() is new, false when the answer was dropped.
  bool OnAnswer(Instant now, const Half& half);

  // 0 until the first agreement.
  uint32_t epoch() const { return epoch_; }
  // Of epoch(), kSecretSize bytes.
  const SecretBytes& secret() const { return secret_; }

 private:
  Bytes ToSign(bool by_caller, uint32_t epoch, ByteView half, ByteView answered) const;
  Half Sign(const pki::Ed25519Key& ours, const pki::X25519Public& half, ByteView answered) const;
  // The half, when it is one of the next epoch and the peer signed it.
  std::optional<pki::X25519Public> Verified(const Half& half, ByteView answered) const;
  bool Advance(Instant now, const pki::X25519Key& ours, const pki::X25519Public& theirs);

  Options options_;
  uint32_t epoch_ = 0;
  SecretBytes secret_;
  Instant changed_at_;
  Instant due_;
  std::optional<pki::X25519Key> open_;  // our half of epoch_ + 1
  pki::X25519Public answered_;          // their half of epoch_, and what we said to it
  std::optional<Half> answer_;
};

}  // namespace p2pd::session
