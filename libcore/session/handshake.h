// Hello and ack: made and judged, without network, timers or tables.
//
// The plaintext of a hello is a length of 16 bits, a wire.v1.SessionHello, and zeros up to full
// datagrams; it is sealed to the X25519 key that the callee's certified key signed. An ack is the
// callee's ephemeral key followed by a wire.v1.SessionAck under the handshake's key.
//
// Rules: signatures come before chains, since they are cheaper; what a fault is called depends on
// what was proved before it (see each function). Whoever opens an ack has the keys only after every
// check passed. Threads: one owner. Sources: design §5, SIGMA.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/session/envelope.h"
#include "libcore/session/key_schedule.h"
#include "libcore/session/session.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {

inline constexpr size_t kMaxAddresses = 4;

struct HelloOptions {
  Purpose purpose = Purpose::kPresence;
  HelloNonce nonce;
  CallId call;
  absl::Time time;
  pki::X25519Public ephemeral;
  uint64_t receive_id = 0;
  ByteView offer;
  ByteView referral;
  std::vector<net::Endpoint> addresses;
  std::optional<Cookie> cookie;
};
struct SealedHello {
  std::vector<Bytes> datagrams;
  pki::Sha256Digest digest;
};
// InvalidArgument when it does not fit in four datagrams or the device's key is of small order.
absl::StatusOr<SealedHello> MakeHello(const LocalIdentity& from, const RemoteDevice& to,
                                      const HelloOptions& options, Rng& rng);

// What the callee reads before it has verified anything.
struct OpenedHello {
  wire::v1::SessionHello::Body body;
  Bytes body_bytes;
  Bytes signature;
  pki::Sha256Digest digest;
  Purpose purpose = Purpose::kPresence;
  HelloNonce nonce;
  CallId call;
  absl::Time time;
  pki::X25519Public ephemeral;
  pki::DeviceId caller_device;  // as it claims, until AuthenticateCaller
  std::optional<Cookie> cookie;
};
// kNotLoggedInHere when it is not sealed to this device; kMalformed; kResealedHello when what was
// signed names another user or device; kWrongEmail when it names an address that is not ours.
struct HelloOpening {
  EndReason fault = EndReason::kNone;
  std::optional<OpenedHello> hello;  // exactly when fault is kNone
};
HelloOpening OpenHello(const LocalIdentity& us, const HelloFragment& envelope, ByteView sealed);

struct Judged {
  EndReason fault = EndReason::kNone;
  std::string detail;
  std::optional<Peer> peer;  // exactly when fault is kNone
};
// Signature of the device, device by the certificate's key, chain, e-mail.
Judged AuthenticateCaller(const OpenedHello& hello, const pki::TrustStore& trust, absl::Time now,
                          bool strict);

using Verdict = wire::v1::SessionAck::Verdict;
struct AckOptions {
  Verdict verdict = wire::v1::SessionAck::VERDICT_ACCEPTED;
  HelloNonce hello_nonce;
  pki::Sha256Digest hello;
  pki::X25519Public caller_ephemeral;
  uint64_t receive_id = 0;
  ByteView answer;
  std::vector<net::Endpoint> addresses;
};
struct MadeAck {
  std::vector<Bytes> datagrams;
  SessionKeys keys;
};
// nullopt when the caller's ephemeral key is of small order or the ack does not fit in four
// datagrams.
std::optional<MadeAck> MakeAck(const LocalIdentity& from, const AckOptions& options, Rng& rng);
// The most that an ack of this identity can take on the wire.
size_t AckBound(const LocalIdentity& from);

struct OpenedAck {
  Peer peer;
  SessionKeys keys;
  Bytes answer;
  std::vector<net::Endpoint> addresses;
  uint64_t receive_id = 0;
};
// `proved` tells a fault that somebody who opened our hello caused from one that anybody on the
// path may have. In order: kBadSignature (the seal does not hold), kMalformed, kWrongIdentity
// (another user's or device's credentials), kBadSignature, the chain's faults, kRefused….
struct AckJudgement {
  bool proved = false;
  EndReason fault = EndReason::kNone;
  std::string detail;
  std::optional<OpenedAck> ack;  // exactly when fault is kNone
};
struct AckContext {
  const pki::X25519Key& ephemeral;
  const pki::Sha256Digest& hello;
  const HelloNonce& nonce;
  const RemoteDevice& to;
};
AckJudgement JudgeAck(const AckContext& context, ByteView ack, const pki::TrustStore& trust,
                      absl::Time now, bool strict);

}  // namespace p2pd::session
