// Calls: ringing, accept, reject, busy, cancel, bye over sessions of purpose call; one call forks
// to all devices of the callee, and the first to accept wins.
//
// Rules: an incoming call rings only after the hello verified and the owner's policy let it; a call
// that nobody answers ends by itself; "answered elsewhere" is not "rejected". What a call is about
// (offer, answer) is opaque here. An accepted call changes its media keys by rekey.h once its owner
// asks for it by KeepFresh. Threads: one owner (core), the owner of the Sessions below.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libcore/session/session.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {

enum class CallState {
  kDialing,  // hellos are out
  kRinging,  // somebody's telephone rings (outgoing: at least one fork; incoming: ours)
  kActive,   // accepted
  kHeld,     // accepted, at least one side holds
  kEnded,
};

// Accepted, and not over.
inline bool IsSpoken(CallState state) {
  return state == CallState::kActive || state == CallState::kHeld;
}

enum class CallEnd {
  kNone,
  kHungUpByUs,
  kHungUpByPeer,
  kCancelled,  // by the caller before it was accepted
  kRejected,
  kBusy,
  kNotAnswered,  // rang until the timeout
  kAnsweredElsewhere,
  kPolicy,
  kSession,  // see `session_reason`
};

struct CallInfo {
  CallId id;
  bool outgoing = false;
  pki::KeyHash identity;  // which of ours
  std::string peer_email;
  std::optional<Peer> peer;  // once proven
  CallState state = CallState::kDialing;
  CallEnd end = CallEnd::kNone;
  EndReason session_reason = EndReason::kNone;  // of the last fork that failed
  std::string detail;
  bool held_by_us = false;
  bool held_by_peer = false;
  bool recorded_by_us = false;
  bool recorded_by_peer = false;
  std::optional<SessionId> session;  // the fork that won; for incoming calls the only one
  std::string safety_phrase;
  Bytes offer;             // the caller's
  Bytes referral;          // the caller's, as it came; empty where nobody sent him
  Bytes answer;            // the callee's, of the fork that won
  uint32_t key_epoch = 0;  // of MediaKey: how often the keys have changed
};

// Emitted on every change of a call's CallInfo.
struct CallChanged {
  CallId id;
};
// A device acknowledged the hello: keys stand with it. The first of these is "keys after one round
// trip".
struct CallKeysReady {
  CallId id;
  SessionId session;
};
// An incoming call passed verification: the owner decides by Ring or TurnAway in the same turn.
struct CallOffered {
  CallId id;
};
struct DtmfReceived {
  CallId id;
  std::string digits;  // 0-9 A-D * #
};
// Where the other end of one fork says it can be reached; opaque here.
struct PathsReceived {
  CallId id;
  SessionId session;
  Bytes paths;
};
// Both sides hold fresh keys (CallInfo::key_epoch). Who began may send under them at once: the
// other side has them already. Who answered sends under them when it has received under them.
struct CallRekeyed {
  CallId id;
  bool begun_here = false;
};
// The other side wants this one to call somebody else in this call's place; nothing is verified
// yet.
struct ReferReceived {
  CallId id;
  Bytes referral;  // at most kMaxReferral
};
// How far the other side is with what Refer asked of it.
struct ReferStateReceived {
  CallId id;
  wire::v1::ReferState state = wire::v1::REFER_STATE_UNSPECIFIED;
};
// A fork is over, whatever becomes of the call.
struct ForkEnded {
  CallId id;
  SessionId session;
};
using CallEvent = std::variant<CallChanged, CallKeysReady, CallOffered, DtmfReceived, PathsReceived,
                               CallRekeyed, ReferReceived, ReferStateReceived, ForkEnded>;

struct CallOptions {
  absl::Duration ring_timeout = absl::Seconds(60);
  size_t max_calls = 64;        // all states but kEnded
  size_t max_ended_kept = 256;  // for ListCalls
};

class Calls {
 public:
  Calls(const CallOptions& options, Sessions& sessions, const WallClock& wall, Rng& rng,
        Counters& counters);
  ~Calls();

  // Dials all `devices` (1..8) of one callee at once. ResourceExhausted, NotFound (identity).
  absl::StatusOr<CallId> Dial(Instant now, const pki::KeyHash& as,
                              const std::vector<RemoteDevice>& devices, Bytes offer,
                              Bytes referral = Bytes());
  // After CallOffered: rings with this answer to be sent in the ack, or refuses.
  void Ring(Instant now, const CallId& id, ByteView answer);
  void TurnAway(Instant now, const CallId& id, EndReason reason);
  // FailedPrecondition in the wrong state, NotFound.
  absl::Status Accept(Instant now, const CallId& id);
  absl::Status Reject(Instant now, const CallId& id);
  absl::Status HangUp(Instant now, const CallId& id);
  absl::Status Hold(Instant now, const CallId& id, bool hold);
  absl::Status SendDtmf(Instant now, const CallId& id, absl::string_view digits);
  // Tells the other side that the call is recorded here, or no more; the owner does it.
  absl::Status SetRecorded(Instant now, const CallId& id, bool recorded);
  // Asks the other side of an accepted call to call somebody else (referral.h), and answers such a
  // request. FailedPrecondition in the wrong state, NotFound.
  absl::Status Refer(Instant now, const CallId& id, ByteView referral);
  absl::Status TellRefer(Instant now, const CallId& id, wire::v1::ReferState state);

  // To the other end of one fork whose keys stand. As Sessions::Send.
  absl::Status SendPaths(Instant now, SessionId session, ByteView paths);

  // Fresh keys for an accepted call after each `every` (more than zero), begun by whichever side is
  // first; without it those of the other side are dropped. FailedPrecondition in the wrong state or
  // when the identity has logged out, NotFound.
  absl::Status KeepFresh(Instant now, const CallId& id, absl::Duration every);
  // Key material of the present epoch, the same on both sides; as Sessions::ExportKey of the fork
  // that won, and exactly that in epoch 0.
  SecretBytes MediaKey(const CallId& id, absl::string_view label, size_t size) const;

  const CallInfo* Find(const CallId& id) const;
  std::vector<const CallInfo*> List() const;  // oldest first

  // Session events of purpose call. True when the event was ours.
  bool OnSessionEvent(Instant now, const Event& event);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<CallEvent> PollEvent();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace p2pd::session
