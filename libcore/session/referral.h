// Referral: the paper that a transferred caller shows: who sent whom to whom, signed by the device
// of who did.
//
// Rules: it counts for the one who was sent, at the one it names, until it expires; the reader
// takes each nonce once. It proves a key, not that the key belongs to the address: the reader knows
// that key already (a contact's, or that of the other end of the call it replaces), or the paper
// is worth nothing to it. Threads: any. Sources: RFC 3515 (REFER), RFC 3891 (Replaces), RFC 3892
// (Referred-By).
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/device.h"
#include "libcore/pki/user_key.h"
#include "libcore/session/session.h"

namespace p2pd::session {

// From signing to the target's machine: looking for a person takes seconds.
inline constexpr absl::Duration kReferralLife = absl::Minutes(2);

struct ReferralNonceTag;
using ReferralNonce = FixedBytes<ReferralNonceTag, 16>;

struct Referral {
  std::string by;        // normalised address, as claimed
  pki::KeyHash by_user;  // proved
  pki::DeviceId device;  // of by_user, proved
  pki::KeyHash referee;  // who is sent
  std::string target;    // normalised address
  absl::Time expires;
  ReferralNonce nonce;
  std::optional<CallId> replaces;  // a call between `by_user` and the target
};

struct ReferralTerms {
  pki::KeyHash referee;
  std::string target;
  std::optional<CallId> replaces;
};
// Signed by the identity's device; counts for kReferralLife from `now`. At most kMaxReferral bytes
// unless the user's key is an RSA key of more than 4,096 bits.
Bytes MakeReferral(const LocalIdentity& by, const ReferralTerms& terms, absl::Time now, Rng& rng);
// nullopt unless all of it is well-formed, signed, and not expired at `now`.
std::optional<Referral> VerifyReferral(ByteView encoded, absl::Time now);

}  // namespace p2pd::session
