// Sessions: from a signed hello to keys in one round trip, and a small reliable channel under those
// keys.
//
// A hello goes straight to the machine that the state object names, sealed to the device's key; the
// ack comes back signed over both. After it both sides hold keys from X25519 ephemerals, bound to
// the whole transcript. What is authenticated: caller's certificate and device, callee's e-mail,
// key and device, offer, answer, addresses.
//
// Rules: nothing is answered to a hello that does not verify, except the two small replies that say
// "not here" and "cookie first", both smaller than the hello. A hello older than 120 s, or than our
// start, needs a cookie. Each refused attempt has a named EndReason and a counter. Threads: one
// owner (core). After each input drain PollTransmit, PollTimeout, PollEvent. Sources: design §5;
// SIGMA (Krawczyk 2003); RFC 5869; RFC 8446 for transcript and nonces.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/net/transmit.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/device.h"
#include "p2pd/wire/v1/objects.pb.h"

namespace p2pd::session {

// What a session is for; presence never rings.
enum class Purpose : uint8_t { kPresence = 1, kCall = 2, kMessage = 3, kService = 4 };

struct SessionIdTag;
using SessionId = Strong<SessionIdTag, uint64_t>;  // local to this node
struct CallIdTag;
using CallId =
    FixedBytes<CallIdTag, 16>;  // chosen by the caller, the same on both sides and on all forks

// Somebody who may dial and be dialled from this node. Kept until RemoveIdentity.
struct LocalIdentity {
  std::string email;  // normalised
  pki::CertificateChain chain;
  pki::DeviceKeys device;
  wire::v1::DeviceCertificate device_certificate;
};

// One device of a callee, as a verified user state names it.
struct RemoteDevice {
  std::string email;  // what the user dialled, normalised
  pki::UserPublicKey user_key;
  pki::DeviceInfo device;
  std::vector<net::Endpoint> addresses;  // tried together, at most 6: 4, and 2 ways through others
};

// Who is at the other end, proven.
struct Peer {
  std::string email;
  std::string name;
  pki::KeyHash user;
  pki::DeviceId device;
  pki::Ed25519Public signing_key;  // the device's, certified by the user's key
  pki::Certificate certificate;
  pki::CertificateHash root;
  pki::RevocationStatus revocation = pki::RevocationStatus::kUnknown;
};

// Why a session ended or never was. Names appear in the API (CallEndReason) and as counters
// "session.<name>".
enum class EndReason {
  kNone,
  // Ended well.
  kClosedByPeer,
  kClosedByUs,
  // Nobody answered at any address.
  kNoAnswer,
  kTimedOut,  // established, then silent
  // What the other side said.
  kNotLoggedInHere,  // another user, or nobody, at that machine now
  kRefusedByPolicy,
  kRefusedBusy,
  kRefusedUnknownCaller,  // our chain is not trusted there
  // What we found wrong in an ack or a hello.
  kWrongEmail,
  kCertificateExpired,
  kCertificateRevoked,
  kCertificateUntrusted,  // root not trusted
  kCertificateInvalid,    // any other ChainFault
  kRevocationUnknown,
  kWrongIdentity,  // signed by somebody else than whom we called: a stranger logged in at that
                   // machine
  kBadSignature,   // changed ack or hello
  kReplayedHello,
  kStaleHello,
  kResealedHello,  // a hello meant for somebody else, sealed to us by a third party
  kMalformed,
  kTooMany,  // our own limit
};
absl::string_view EndReasonName(EndReason reason);  // "WRONG_EMAIL", …

// A verified hello waits for our word: Acknowledge or Refuse in the same turn.
struct IncomingHello {
  SessionId id;
  Purpose purpose = Purpose::kPresence;
  CallId call;
  Peer caller;
  pki::KeyHash identity;  // which of ours was called
  net::Endpoint from;
  Bytes offer;     // opaque here, at most kMaxOffer
  Bytes referral;  // as it came, at most kMaxReferral; empty where nobody sent the caller
};
// Keys stand. For the caller: the ack verified. For the callee: the caller's first protected packet
// verified.
struct Established {
  SessionId id;
  Peer peer;
  net::Endpoint remote;
  Bytes answer;                          // caller's side only
  std::string safety_phrase;             // four words of the transcript, the same on both sides
  absl::Duration round_trip;             // caller's side only
  std::vector<net::Endpoint> addresses;  // where the peer says it can be reached too, at most 4
};
struct MessageReceived {
  SessionId id;
  Bytes message;
};
// An authenticated packet came from a new address and answered a challenge there.
struct RemoteMoved {
  SessionId id;
  net::Endpoint remote;
};
struct Ended {
  SessionId id;
  EndReason reason = EndReason::kNone;
  std::string detail;  // one sentence for a person
};
using Event = std::variant<IncomingHello, Established, MessageReceived, RemoteMoved, Ended>;

inline constexpr size_t kMaxOffer = 1024;
inline constexpr size_t kMaxReferral = 2048;
inline constexpr size_t kMaxMessage = 16 * 1024;

struct SessionOptions {
  bool strict_revocation = false;
  // Hellos per second above which a cookie is asked for first.
  double hello_rate_before_cookie = 50;
  absl::Duration dial_timeout = absl::Seconds(5);   // no ack at all
  absl::Duration idle_timeout = absl::Seconds(30);  // established; keep-alives go out at half of it
};

class Sessions {
 public:
  // `trust`, `crypto`, `wall`, `rng`, `counters` outlive the object. `start` is the daemon's start
  // in wall time.
  Sessions(const SessionOptions& options, const pki::TrustStore& trust, pki::Crypto& crypto,
           const WallClock& wall, Rng& rng, Counters& counters, absl::Time start);
  ~Sessions();

  void AddIdentity(LocalIdentity identity);  // replaces one of the same user key
  // Nobody is "here" under this key any more. Sessions that stand live on; close them if they
  // should not.
  void RemoveIdentity(const pki::KeyHash& user);
  // Null: nobody is here under that key. Valid until the next call of a method that is not const.
  const LocalIdentity* Identity(const pki::KeyHash& user) const;
  // Our own addresses, for hellos: at most the first 4 are told.
  void SetAddresses(std::vector<net::Endpoint> addresses);

  // Says hello to one device. Exactly one Ended follows, after at most one Established. NotFound if
  // `as` is no identity of ours, ResourceExhausted beyond kMaxSessions, InvalidArgument when the
  // device has no address, offer or referral are too long or our chain does not fit in a hello.
  //
  // Every IncomingHello is followed by exactly one Ended, too; after Refuse with its reason.
  static constexpr size_t kMaxSessions = 4096;
  // Of them: hellos that verified and whose caller has not confirmed the keys yet.
  static constexpr size_t kMaxUnconfirmed = 512;
  // How long a callee waits for the caller's first protected packet.
  static constexpr absl::Duration kConfirmTimeout = absl::Seconds(10);
  // How long what was said last is repeated after Close, and answered after a goodbye.
  static constexpr absl::Duration kLinger = absl::Seconds(3);
  // Datagrams that wait for PollTransmit.
  static constexpr size_t kMaxQueued = 8192;
  struct DialOptions {
    Purpose purpose = Purpose::kPresence;
    CallId call;
    Bytes offer;
    Bytes referral;
  };
  absl::StatusOr<SessionId> Dial(Instant now, const pki::KeyHash& as, const RemoteDevice& to,
                                 const DialOptions& options);

  // After IncomingHello. `answer` at most kMaxOffer bytes, longer ones are a bug. The ack tells no
  // address of ours but the one it comes from. Unknown ids are passed over.
  void Acknowledge(Instant now, SessionId id, ByteView answer);
  void Refuse(Instant now, SessionId id,
              EndReason reason);  // kRefusedByPolicy, kRefusedBusy, kRefusedUnknownCaller

  // Reliable, in order, encrypted. FailedPrecondition unless established, ResourceExhausted beyond
  // 64 unacknowledged.
  absl::Status Send(Instant now, SessionId id, ByteView message);
  // Sends the goodbye (retransmitted a few times) and ends with kClosedByUs.
  void Close(Instant now, SessionId id);

  // Key material bound to this session, the same on both sides; `label` separates uses. Empty
  // unless established (callee: acknowledged). For media: "media caller" and "media callee".
  SecretBytes ExportKey(SessionId id, absl::string_view label, size_t size) const;
  // By which our device signs within this session; null when there is no such session, and once its
  // identity was removed. Valid until the next call of a method that is not const.
  const pki::Ed25519Key* SigningKey(SessionId id) const;
  std::optional<net::Endpoint> RemoteEndpoint(SessionId id) const;
  bool IsCaller(SessionId id) const;
  // Packets go there from now on. The owner proved, under keys of this session (ExportKey), that
  // the peer is reached there and answers from there.
  void FollowPath(SessionId id, const net::Endpoint& remote);

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  // Our own address changed: all sessions send a packet at once so that peers follow.
  void OnNetworkChanged(Instant now);
  std::optional<net::Transmit> PollTransmit(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Event> PollEvent();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::session
