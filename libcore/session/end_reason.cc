#include "libcore/session/end_reason.h"

#include "libcore/base/check.h"

namespace p2pd::session {
namespace {

struct Names {
  absl::string_view name;
  absl::string_view counter;
};

Names NamesOf(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return {"NONE", "session.none"};
    case EndReason::kClosedByPeer:
      return {"CLOSED_BY_PEER", "session.closed_by_peer"};
    case EndReason::kClosedByUs:
      return {"CLOSED_BY_US", "session.closed_by_us"};
    case EndReason::kNoAnswer:
      return {"NO_ANSWER", "session.no_answer"};
    case EndReason::kTimedOut:
      return {"TIMED_OUT", "session.timed_out"};
    case EndReason::kNotLoggedInHere:
      return {"NOT_LOGGED_IN_HERE", "session.not_logged_in_here"};
    case EndReason::kRefusedByPolicy:
      return {"REFUSED_BY_POLICY", "session.refused_by_policy"};
    case EndReason::kRefusedBusy:
      return {"REFUSED_BUSY", "session.refused_busy"};
    case EndReason::kRefusedUnknownCaller:
      return {"REFUSED_UNKNOWN_CALLER", "session.refused_unknown_caller"};
    case EndReason::kWrongEmail:
      return {"WRONG_EMAIL", "session.wrong_email"};
    case EndReason::kCertificateExpired:
      return {"CERTIFICATE_EXPIRED", "session.certificate_expired"};
    case EndReason::kCertificateRevoked:
      return {"CERTIFICATE_REVOKED", "session.certificate_revoked"};
    case EndReason::kCertificateUntrusted:
      return {"CERTIFICATE_UNTRUSTED", "session.certificate_untrusted"};
    case EndReason::kCertificateInvalid:
      return {"CERTIFICATE_INVALID", "session.certificate_invalid"};
    case EndReason::kRevocationUnknown:
      return {"REVOCATION_UNKNOWN", "session.revocation_unknown"};
    case EndReason::kWrongIdentity:
      return {"WRONG_IDENTITY", "session.wrong_identity"};
    case EndReason::kBadSignature:
      return {"BAD_SIGNATURE", "session.bad_signature"};
    case EndReason::kReplayedHello:
      return {"REPLAYED_HELLO", "session.replayed_hello"};
    case EndReason::kStaleHello:
      return {"STALE_HELLO", "session.stale_hello"};
    case EndReason::kResealedHello:
      return {"RESEALED_HELLO", "session.resealed_hello"};
    case EndReason::kMalformed:
      return {"MALFORMED", "session.malformed"};
    case EndReason::kTooMany:
      return {"TOO_MANY", "session.too_many"};
  }
  P2PD_CHECK(false);
}

}  // namespace

absl::string_view EndReasonName(EndReason reason) { return NamesOf(reason).name; }
absl::string_view EndReasonCounter(EndReason reason) { return NamesOf(reason).counter; }

EndReason FromChainFault(pki::ChainFault fault) {
  switch (fault) {
    case pki::ChainFault::kNone:
      return EndReason::kNone;
    case pki::ChainFault::kExpired:
      return EndReason::kCertificateExpired;
    case pki::ChainFault::kRevoked:
      return EndReason::kCertificateRevoked;
    case pki::ChainFault::kUntrustedRoot:
      return EndReason::kCertificateUntrusted;
    case pki::ChainFault::kWrongEmail:
      return EndReason::kWrongEmail;
    case pki::ChainFault::kRevocationUnknown:
      return EndReason::kRevocationUnknown;
    case pki::ChainFault::kMalformed:
    case pki::ChainFault::kNotYetValid:
    case pki::ChainFault::kBadSignature:
    case pki::ChainFault::kPathTooLong:
    case pki::ChainFault::kNameConstraint:
    case pki::ChainFault::kNotACa:
    case pki::ChainFault::kWrongUsage:
      return EndReason::kCertificateInvalid;
  }
  P2PD_CHECK(false);
}

}  // namespace p2pd::session
