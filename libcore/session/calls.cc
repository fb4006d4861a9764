#include "libcore/session/calls.h"

#include <algorithm>
#include <deque>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/session/end_reason.h"
#include "libcore/session/key_schedule.h"
#include "libcore/session/rekey.h"
#include "p2pd/wire/v1/session.pb.h"

namespace p2pd::session {
namespace {

constexpr size_t kMaxDevices = 8;  // as many as one user has states (design §4)
constexpr size_t kMaxDigits = 64;
// A callee gives up later than its caller, whose word it is that nobody answered.
constexpr absl::Duration kCalleePatience = absl::Seconds(5);

using Signal = wire::v1::CallSignal;

struct Fork {
  bool established = false;
  bool ringing = false;
  std::optional<Peer> peer;
  Bytes answer;
  std::string safety_phrase;
};

struct Call {
  CallInfo info;
  std::map<SessionId, Fork> forks;       // live ones; an incoming call has one
  CallEnd fork_end = CallEnd::kSession;  // the best word of the forks that failed
  std::optional<Instant> deadline;
  Bytes our_answer;
  std::optional<Rekey> rekey;  // by KeepFresh
};

bool Accepted(const Call& call) { return IsSpoken(call.info.state); }

bool ValidDigits(absl::string_view digits) {
  if (digits.empty() || digits.size() > kMaxDigits) return false;
  return std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'D') || c == '*' || c == '#';
  });
}

// Which of two ends of forks says more: somebody's word more than a failure.
int Weight(CallEnd end) {
  switch (end) {
    case CallEnd::kBusy:
      return 2;
    case CallEnd::kPolicy:
      return 1;
    case CallEnd::kNone:
    case CallEnd::kHungUpByUs:
    case CallEnd::kHungUpByPeer:
    case CallEnd::kCancelled:
    case CallEnd::kRejected:
    case CallEnd::kNotAnswered:
    case CallEnd::kAnsweredElsewhere:
    case CallEnd::kSession:
      return 0;
  }
  return 0;
}

CallEnd FromRefusal(EndReason reason) {
  if (reason == EndReason::kRefusedBusy) return CallEnd::kBusy;
  if (reason == EndReason::kRefusedByPolicy || reason == EndReason::kRefusedUnknownCaller)
    return CallEnd::kPolicy;
  return CallEnd::kSession;
}

}  // namespace

class Calls::Impl {
 public:
  Impl(const CallOptions& options, Sessions& sessions, Rng& rng, Counters& counters)
      : options_(options), sessions_(sessions), rng_(rng), counters_(counters) {}

  absl::StatusOr<CallId> Dial(Instant now, const pki::KeyHash& as,
                              const std::vector<RemoteDevice>& devices, Bytes offer,
                              Bytes referral);
  void Ring(Instant now, const CallId& id, ByteView answer);
  void TurnAway(Instant now, const CallId& id, EndReason reason);
  absl::Status Accept(Instant now, const CallId& id);
  absl::Status Reject(Instant now, const CallId& id);
  absl::Status HangUp(Instant now, const CallId& id);
  absl::Status Hold(Instant now, const CallId& id, bool hold);
  absl::Status SetRecorded(Instant now, const CallId& id, bool recorded);
  absl::Status Refer(Instant now, const CallId& id, ByteView referral);
  absl::Status TellRefer(Instant now, const CallId& id, wire::v1::ReferState state);
  absl::Status SendDtmf(Instant now, const CallId& id, absl::string_view digits);
  absl::Status SendPaths(Instant now, SessionId session, ByteView paths);
  absl::Status KeepFresh(Instant now, const CallId& id, absl::Duration every);
  SecretBytes MediaKey(const CallId& id, absl::string_view label, size_t size);
  bool OnSessionEvent(Instant now, const Event& event);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  Call* Find(const CallId& id) {
    const auto it = calls_.find(id);
    return it == calls_.end() ? nullptr : &it->second;
  }
  std::vector<const CallInfo*> List() const {
    std::vector<const CallInfo*> out;
    for (const CallId& id : order_) out.push_back(&calls_.at(id).info);
    return out;
  }

  std::deque<CallEvent> events_;

 private:
  Call& Add(const CallId& id);
  absl::StatusOr<Call*> Running(const CallId& id);
  void Changed(const Call& call) { events_.push_back(CallChanged{call.info.id}); }
  void SetState(Call& call, CallState state);
  void Tell(Instant now, SessionId session, Signal::Kind kind, absl::string_view digits = "");
  // Says `kind` on the session and closes it; the fork is ours no more.
  void Dismiss(Instant now, Call& call, SessionId session, Signal::Kind kind);
  void DismissOthers(Instant now, Call& call, std::optional<SessionId> but, Signal::Kind kind);
  void Finish(Instant now, Call& call, CallEnd end);
  // The session is none of this call's any more.
  void Forget(const Call& call, SessionId session);

  bool OnHello(Instant now, const IncomingHello& hello);
  void OnEstablished(Instant now, Call& call, const Established& established);
  void OnEnded(Instant now, Call& call, const Ended& ended);
  void OnMessage(Instant now, Call& call, SessionId session, ByteView message);
  void OnCalleeSignal(Instant now, Call& call, SessionId session, Signal::Kind kind);
  void OnCallerSignal(Instant now, Call& call, Signal::Kind kind);
  void OnSharedSignal(Instant now, Call& call, SessionId session, const Signal& signal);
  void OnKeyHalf(Instant now, Call& call, SessionId session, const Signal& signal);
  void BeginRekey(Instant now, Call& call);
  void TellHalf(Instant now, SessionId session, Signal::Kind kind, Rekey::Half half);
  void Rekeyed(Call& call, bool begun_here);
  void Win(Instant now, Call& call, SessionId session);

  CallOptions options_;
  Sessions& sessions_;
  Rng& rng_;
  Counters& counters_;
  std::map<CallId, Call> calls_;
  std::vector<CallId> order_;  // oldest first
  std::deque<CallId> ended_;   // oldest first
  std::map<SessionId, CallId> by_session_;
};

// --- the table ---

Call& Calls::Impl::Add(const CallId& id) {
  Call& call = calls_[id];
  call.info.id = id;
  order_.push_back(id);
  return call;
}

absl::StatusOr<Call*> Calls::Impl::Running(const CallId& id) {
  Call* call = Find(id);
  if (call == nullptr) return absl::NotFoundError("no such call");
  if (call->info.state == CallState::kEnded)
    return absl::FailedPreconditionError("the call has ended");
  return call;
}

void Calls::Impl::SetState(Call& call, CallState state) {
  if (call.info.state == state) return;
  call.info.state = state;
  Changed(call);
}

void Calls::Impl::Tell(Instant now, SessionId session, Signal::Kind kind,
                       absl::string_view digits) {
  Signal signal;
  signal.set_kind(kind);
  if (!digits.empty()) signal.set_digits(std::string(digits));
  // A session that ended under us says so by its Ended; one that is full has a dead peer.
  if (!sessions_.Send(now, session, AsBytes(signal.SerializeAsString())).ok())
    counters_.Add("session.signal_unsent");
}

void Calls::Impl::Dismiss(Instant now, Call& call, SessionId session, Signal::Kind kind) {
  const auto fork = call.forks.find(session);
  if (fork == call.forks.end()) return;
  if (fork->second.established) Tell(now, session, kind);
  call.forks.erase(fork);
  Forget(call, session);
  sessions_.Close(now, session);
}

void Calls::Impl::DismissOthers(Instant now, Call& call, std::optional<SessionId> but,
                                Signal::Kind kind) {
  std::vector<SessionId> sessions;
  for (const auto& [session, fork] : call.forks) {
    if (session != but) sessions.push_back(session);
  }
  for (const SessionId session : sessions) Dismiss(now, call, session, kind);
}

void Calls::Impl::Finish(Instant now, Call& call, CallEnd end) {
  // Whoever is left is told nothing more than that the session closes.
  std::vector<SessionId> sessions;
  for (const auto& [session, fork] : call.forks) sessions.push_back(session);
  for (const SessionId session : sessions) {
    Forget(call, session);
    sessions_.Close(now, session);
  }
  call.forks.clear();
  call.deadline.reset();
  call.rekey.reset();
  call.info.end = end;
  SetState(call, CallState::kEnded);
  ended_.push_back(call.info.id);
  if (ended_.size() > options_.max_ended_kept) {
    const CallId oldest = ended_.front();
    ended_.pop_front();
    order_.erase(std::find(order_.begin(), order_.end(), oldest));
    calls_.erase(oldest);
  }
}

void Calls::Impl::Forget(const Call& call, SessionId session) {
  by_session_.erase(session);
  events_.push_back(ForkEnded{call.info.id, session});
}

// --- what the owner does ---

absl::StatusOr<CallId> Calls::Impl::Dial(Instant now, const pki::KeyHash& as,
                                         const std::vector<RemoteDevice>& devices, Bytes offer,
                                         Bytes referral) {
  if (devices.empty() || devices.size() > kMaxDevices)
    return absl::InvalidArgumentError(
        absl::StrCat("a call goes to 1 to ", kMaxDevices, " devices"));
  if (calls_.size() - ended_.size() >= options_.max_calls) {
    counters_.Add("session.refused_calls_full");
    return absl::ResourceExhaustedError(absl::StrCat("at most ", options_.max_calls, " calls"));
  }
  const CallId id = rng_.Make<CallId>();
  std::vector<SessionId> sessions;
  absl::Status status;
  for (const RemoteDevice& device : devices) {
    const absl::StatusOr<SessionId> session = sessions_.Dial(
        now, as, device,
        {.purpose = Purpose::kCall, .call = id, .offer = offer, .referral = referral});
    if (session.ok()) {
      sessions.push_back(*session);
    } else {
      status.Update(session.status());
    }
  }
  if (sessions.empty()) return status;
  Call& call = Add(id);
  call.info.outgoing = true;
  call.info.identity = as;
  call.info.peer_email = devices.front().email;
  call.info.offer = std::move(offer);
  call.deadline = now + options_.ring_timeout;
  for (const SessionId session : sessions) {
    call.forks[session];
    by_session_[session] = id;
  }
  Changed(call);
  return id;
}

void Calls::Impl::Ring(Instant now, const CallId& id, ByteView answer) {
  Call* call = Find(id);
  if (call == nullptr || call->info.outgoing || call->info.state != CallState::kDialing) return;
  call->info.answer = ToBytes(answer);
  // It rings once the caller has shown that it holds the keys: a hello that somebody recorded and
  // sends again gets that far never.
  sessions_.Acknowledge(now, *call->info.session, answer);
}

void Calls::Impl::TurnAway(Instant now, const CallId& id, EndReason reason) {
  Call* call = Find(id);
  if (call == nullptr || call->info.outgoing || call->info.state != CallState::kDialing) return;
  sessions_.Refuse(now, *call->info.session, reason);
  by_session_.erase(*call->info.session);
  call->forks.clear();
  call->info.session_reason = reason;
  Finish(now, *call, FromRefusal(reason));
}

absl::Status Calls::Impl::Accept(Instant now, const CallId& id) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (call->info.outgoing || call->info.state != CallState::kRinging)
    return absl::FailedPreconditionError("the call does not ring here");
  call->deadline.reset();
  Tell(now, *call->info.session, Signal::KIND_ACCEPT);
  SetState(*call, CallState::kActive);
  return absl::OkStatus();
}

absl::Status Calls::Impl::Reject(Instant now, const CallId& id) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (call->info.outgoing || call->info.state != CallState::kRinging)
    return absl::FailedPreconditionError("the call does not ring here");
  Dismiss(now, *call, *call->info.session, Signal::KIND_REJECT);
  Finish(now, *call, CallEnd::kRejected);
  return absl::OkStatus();
}

absl::Status Calls::Impl::HangUp(Instant now, const CallId& id) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (Accepted(*call)) {
    DismissOthers(now, *call, std::nullopt, Signal::KIND_BYE);
    Finish(now, *call, CallEnd::kHungUpByUs);
  } else if (call->info.outgoing) {
    DismissOthers(now, *call, std::nullopt, Signal::KIND_CANCEL);
    Finish(now, *call, CallEnd::kCancelled);
  } else {
    DismissOthers(now, *call, std::nullopt, Signal::KIND_REJECT);
    Finish(now, *call, CallEnd::kRejected);
  }
  return absl::OkStatus();
}

absl::Status Calls::Impl::Hold(Instant now, const CallId& id, bool hold) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!Accepted(*call)) return absl::FailedPreconditionError("the call is not accepted");
  if (call->info.held_by_us == hold) return absl::OkStatus();
  call->info.held_by_us = hold;
  Tell(now, *call->info.session, hold ? Signal::KIND_HOLD : Signal::KIND_RESUME);
  call->info.state = hold || call->info.held_by_peer ? CallState::kHeld : CallState::kActive;
  Changed(*call);
  return absl::OkStatus();
}

absl::Status Calls::Impl::SetRecorded(Instant now, const CallId& id, bool recorded) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!Accepted(*call)) return absl::FailedPreconditionError("the call is not accepted");
  if (call->info.recorded_by_us == recorded) return absl::OkStatus();
  call->info.recorded_by_us = recorded;
  Tell(now, *call->info.session, recorded ? Signal::KIND_RECORDING : Signal::KIND_NOT_RECORDING);
  Changed(*call);
  return absl::OkStatus();
}

absl::Status Calls::Impl::Refer(Instant now, const CallId& id, ByteView referral) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!Accepted(*call)) return absl::FailedPreconditionError("the call is not accepted");
  Signal signal;
  signal.set_kind(Signal::KIND_REFER);
  signal.set_referral(ToText(referral));
  return sessions_.Send(now, *call->info.session, AsBytes(signal.SerializeAsString()));
}

absl::Status Calls::Impl::TellRefer(Instant now, const CallId& id, wire::v1::ReferState state) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!Accepted(*call)) return absl::FailedPreconditionError("the call is not accepted");
  Signal signal;
  signal.set_kind(Signal::KIND_REFER_STATE);
  signal.set_refer_state(state);
  return sessions_.Send(now, *call->info.session, AsBytes(signal.SerializeAsString()));
}

absl::Status Calls::Impl::SendDtmf(Instant now, const CallId& id, absl::string_view digits) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!ValidDigits(digits))
    return absl::InvalidArgumentError(
        absl::StrCat("digits are 1 to ", kMaxDigits, " of 0-9 A-D * #"));
  if (!Accepted(*call)) return absl::FailedPreconditionError("the call is not accepted");
  Signal signal;
  signal.set_kind(Signal::KIND_DTMF);
  signal.set_digits(std::string(digits));
  return sessions_.Send(now, *call->info.session, AsBytes(signal.SerializeAsString()));
}

absl::Status Calls::Impl::SendPaths(Instant now, SessionId session, ByteView paths) {
  Signal signal;
  signal.set_kind(Signal::KIND_PATHS);
  signal.set_paths(ToText(paths));
  return sessions_.Send(now, session, AsBytes(signal.SerializeAsString()));
}

// --- fresh media keys ---

absl::Status Calls::Impl::KeepFresh(Instant now, const CallId& id, absl::Duration every) {
  P2PD_ASSIGN_OR_RETURN(Call * call, Running(id));
  if (!Accepted(*call) || !call->info.peer)
    return absl::FailedPreconditionError("the call is not accepted");
  const SessionId session = *call->info.session;
  Rekey::Options options;
  options.caller = call->info.outgoing;
  options.every = every;
  options.peer = call->info.peer->signing_key;
  options.binding = sessions_.ExportKey(session, "rekey binding", Rekey::kSecretSize);
  options.secret = sessions_.ExportKey(session, "rekey secret", Rekey::kSecretSize);
  if (options.secret.empty()) return absl::FailedPreconditionError("no keys stand");
  call->rekey.emplace(now, std::move(options));
  return absl::OkStatus();
}

SecretBytes Calls::Impl::MediaKey(const CallId& id, absl::string_view label, size_t size) {
  const Call* call = Find(id);
  if (call == nullptr || !call->info.session) return SecretBytes();
  if (call->info.key_epoch == 0) return sessions_.ExportKey(*call->info.session, label, size);
  return call->rekey ? Export(call->rekey->secret(), label, size) : SecretBytes();
}

void Calls::Impl::TellHalf(Instant now, SessionId session, Signal::Kind kind, Rekey::Half half) {
  Signal signal;
  signal.set_kind(kind);
  *signal.mutable_key_half() = std::move(half);
  if (!sessions_.Send(now, session, AsBytes(signal.SerializeAsString())).ok())
    counters_.Add("session.signal_unsent");
}

void Calls::Impl::BeginRekey(Instant now, Call& call) {
  const pki::Ed25519Key* key = sessions_.SigningKey(*call.info.session);
  if (key == nullptr) {  // logged out: nobody may sign any more, and the keys stay
    call.rekey.reset();
    return counters_.Add("session.rekey_without_identity");
  }
  if (std::optional<Rekey::Half> half = call.rekey->OnTimeout(now, *key, rng_))
    TellHalf(now, *call.info.session, Signal::KIND_REKEY, *std::move(half));
}

void Calls::Impl::Rekeyed(Call& call, bool begun_here) {
  call.info.key_epoch = call.rekey->epoch();
  counters_.Add("session.rekeyed");
  events_.push_back(CallRekeyed{call.info.id, begun_here});
}

void Calls::Impl::OnKeyHalf(Instant now, Call& call, SessionId session, const Signal& signal) {
  const pki::Ed25519Key* key = sessions_.SigningKey(session);
  if (!call.rekey || call.info.session != session || key == nullptr)
    return counters_.Add("session.dropped_rekey");
  if (signal.kind() == Signal::KIND_REKEY_ANSWER) {
    if (!call.rekey->OnAnswer(now, signal.key_half()))
      return counters_.Add("session.dropped_rekey");
    return Rekeyed(call, true);
  }
  Rekey::Begun begun = call.rekey->OnHalf(now, signal.key_half(), *key, rng_);
  if (!begun.answer) return counters_.Add("session.dropped_rekey");
  TellHalf(now, session, Signal::KIND_REKEY_ANSWER, *std::move(begun.answer));
  if (begun.fresh) Rekeyed(call, false);
}

// --- what the sessions say ---

bool Calls::Impl::OnHello(Instant now, const IncomingHello& hello) {
  if (hello.purpose != Purpose::kCall) return false;
  // The caller chose the id; one that stands here already is ours or somebody else's.
  const bool taken = Find(hello.call) != nullptr;
  if (taken || calls_.size() - ended_.size() >= options_.max_calls) {
    counters_.Add(taken ? "session.refused_call_id_taken" : "session.refused_calls_full");
    sessions_.Refuse(now, hello.id, EndReason::kRefusedBusy);
    return true;
  }
  Call& call = Add(hello.call);
  call.info.identity = hello.identity;
  call.info.peer_email = hello.caller.email;
  call.info.peer = hello.caller;
  call.info.session = hello.id;
  call.info.offer = hello.offer;
  call.info.referral = hello.referral;
  call.forks[hello.id].peer = hello.caller;
  by_session_[hello.id] = hello.call;
  events_.push_back(CallOffered{hello.call});
  return true;
}

void Calls::Impl::OnEstablished(Instant now, Call& call, const Established& established) {
  Fork& fork = call.forks[established.id];
  fork.established = true;
  fork.peer = established.peer;
  fork.answer = established.answer;
  fork.safety_phrase = established.safety_phrase;
  events_.push_back(CallKeysReady{call.info.id, established.id});
  if (!call.info.peer) call.info.peer = established.peer;
  if (call.info.outgoing) return Changed(call);
  call.info.safety_phrase = established.safety_phrase;
  call.deadline = now + options_.ring_timeout + kCalleePatience;
  Tell(now, established.id, Signal::KIND_RINGING);
  SetState(call, CallState::kRinging);
}

void Calls::Impl::OnEnded(Instant now, Call& call, const Ended& ended) {
  call.forks.erase(ended.id);
  Forget(call, ended.id);
  call.info.session_reason = ended.reason;
  call.info.detail = ended.detail;
  if (Accepted(call)) {
    const bool hung_up = ended.reason == EndReason::kClosedByPeer;
    return Finish(now, call, hung_up ? CallEnd::kHungUpByPeer : CallEnd::kSession);
  }
  if (!call.info.outgoing) {
    // A caller that closes without a word has given up as well.
    const bool gone = ended.reason == EndReason::kClosedByPeer;
    return Finish(now, call, gone ? CallEnd::kCancelled : CallEnd::kSession);
  }
  const CallEnd end = FromRefusal(ended.reason);
  if (Weight(end) > Weight(call.fork_end)) call.fork_end = end;
  if (call.forks.empty()) return Finish(now, call, call.fork_end);
  Changed(call);
}

void Calls::Impl::Win(Instant now, Call& call, SessionId session) {
  if (call.info.state != CallState::kDialing && call.info.state != CallState::kRinging) return;
  const Fork fork = call.forks.at(session);
  DismissOthers(now, call, session, Signal::KIND_ANSWERED_ELSEWHERE);
  call.deadline.reset();
  call.info.session = session;
  call.info.peer = fork.peer;
  call.info.answer = fork.answer;
  call.info.safety_phrase = fork.safety_phrase;
  SetState(call, CallState::kActive);
}

void Calls::Impl::OnCalleeSignal(Instant now, Call& call, SessionId session, Signal::Kind kind) {
  if (!call.info.outgoing) return counters_.Add("session.dropped_signal");
  const bool waiting =
      call.info.state == CallState::kDialing || call.info.state == CallState::kRinging;
  if (!waiting) return counters_.Add("session.dropped_signal");
  if (kind == Signal::KIND_RINGING) {
    call.forks[session].ringing = true;
    return SetState(call, CallState::kRinging);
  }
  if (kind == Signal::KIND_ACCEPT) return Win(now, call, session);
  if (kind == Signal::KIND_REJECT) {
    // The person has spoken, at whichever device: the others stop ringing.
    DismissOthers(now, call, session, Signal::KIND_ANSWERED_ELSEWHERE);
    return Finish(now, call, CallEnd::kRejected);
  }
  // Busy: this device only.
  if (Weight(CallEnd::kBusy) > Weight(call.fork_end)) call.fork_end = CallEnd::kBusy;
  call.forks.erase(session);
  Forget(call, session);
  sessions_.Close(now, session);
  if (call.forks.empty()) Finish(now, call, call.fork_end);
}

void Calls::Impl::OnCallerSignal(Instant now, Call& call, Signal::Kind kind) {
  // "Answered elsewhere" may cross our accept; the others mean nothing after it.
  const bool ringing = call.info.state == CallState::kRinging;
  if (call.info.outgoing || (!ringing && kind != Signal::KIND_ANSWERED_ELSEWHERE))
    return counters_.Add("session.dropped_signal");
  if (kind == Signal::KIND_CANCEL) return Finish(now, call, CallEnd::kCancelled);
  if (kind == Signal::KIND_NOT_ANSWERED) return Finish(now, call, CallEnd::kNotAnswered);
  Finish(now, call, CallEnd::kAnsweredElsewhere);
}

void Calls::Impl::OnSharedSignal(Instant now, Call& call, SessionId session, const Signal& signal) {
  if (!Accepted(call) || call.info.session != session)
    return counters_.Add("session.dropped_signal");
  if (signal.kind() == Signal::KIND_BYE) return Finish(now, call, CallEnd::kHungUpByPeer);
  if (signal.kind() == Signal::KIND_DTMF) {
    if (!ValidDigits(signal.digits())) return counters_.Add("session.dropped_signal");
    events_.push_back(DtmfReceived{call.info.id, signal.digits()});
    return;
  }
  if (signal.kind() == Signal::KIND_REFER) {
    if (signal.referral().size() > kMaxReferral) return counters_.Add("session.dropped_signal");
    events_.push_back(ReferReceived{call.info.id, ToBytes(absl::string_view(signal.referral()))});
    return;
  }
  if (signal.kind() == Signal::KIND_REFER_STATE) {
    events_.push_back(ReferStateReceived{call.info.id, signal.refer_state()});
    return;
  }
  if (signal.kind() == Signal::KIND_RECORDING || signal.kind() == Signal::KIND_NOT_RECORDING) {
    call.info.recorded_by_peer = signal.kind() == Signal::KIND_RECORDING;
    return Changed(call);
  }
  call.info.held_by_peer = signal.kind() == Signal::KIND_HOLD;
  call.info.state =
      call.info.held_by_us || call.info.held_by_peer ? CallState::kHeld : CallState::kActive;
  Changed(call);
}

void Calls::Impl::OnMessage(Instant now, Call& call, SessionId session, ByteView message) {
  Signal signal;
  if (!signal.ParseFromArray(message.data(), static_cast<int>(message.size())))
    return counters_.Add("session.dropped_signal");
  switch (signal.kind()) {
    case Signal::KIND_RINGING:
    case Signal::KIND_ACCEPT:
    case Signal::KIND_REJECT:
    case Signal::KIND_BUSY:
      return OnCalleeSignal(now, call, session, signal.kind());
    case Signal::KIND_CANCEL:
    case Signal::KIND_ANSWERED_ELSEWHERE:
    case Signal::KIND_NOT_ANSWERED:
      return OnCallerSignal(now, call, signal.kind());
    case Signal::KIND_BYE:
    case Signal::KIND_HOLD:
    case Signal::KIND_RESUME:
    case Signal::KIND_DTMF:
    case Signal::KIND_RECORDING:
    case Signal::KIND_NOT_RECORDING:
    case Signal::KIND_REFER:
    case Signal::KIND_REFER_STATE:
      return OnSharedSignal(now, call, session, signal);
    case Signal::KIND_REKEY:
    case Signal::KIND_REKEY_ANSWER:
      return OnKeyHalf(now, call, session, signal);
    case Signal::KIND_PATHS:
      events_.push_back(
          PathsReceived{call.info.id, session, ToBytes(absl::string_view(signal.paths()))});
      return;
    case Signal::KIND_UNSPECIFIED:
    case wire::v1::CallSignal_Kind_CallSignal_Kind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::CallSignal_Kind_CallSignal_Kind_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  counters_.Add("session.dropped_signal");  // of a later version
}

bool Calls::Impl::OnSessionEvent(Instant now, const Event& event) {
  if (const auto* hello = std::get_if<IncomingHello>(&event)) return OnHello(now, *hello);
  const SessionId id = std::visit([](const auto& e) { return e.id; }, event);
  const auto found = by_session_.find(id);
  if (found == by_session_.end()) return false;
  Call& call = calls_.at(found->second);
  if (const auto* established = std::get_if<Established>(&event)) {
    OnEstablished(now, call, *established);
  } else if (const auto* ended = std::get_if<Ended>(&event)) {
    OnEnded(now, call, *ended);
  } else if (const auto* message = std::get_if<MessageReceived>(&event)) {
    OnMessage(now, call, id, message->message);
  }
  // RemoteMoved: the owner asks Sessions::RemoteEndpoint.
  return true;
}

void Calls::Impl::OnTimeout(Instant now) {
  std::vector<CallId> due;
  for (const auto& [id, call] : calls_) {
    if (call.deadline && *call.deadline <= now) due.push_back(id);
  }
  for (const CallId& id : due) {
    Call& call = *Find(id);
    DismissOthers(now, call, std::nullopt,
                  call.info.outgoing ? Signal::KIND_NOT_ANSWERED : Signal::KIND_REJECT);
    Finish(now, call, CallEnd::kNotAnswered);
  }
  for (auto& [id, call] : calls_) {
    if (call.rekey && call.rekey->Timeout() <= now) BeginRekey(now, call);
  }
}

std::optional<Instant> Calls::Impl::PollTimeout() const {
  std::optional<Instant> next;
  for (const auto& [id, call] : calls_) {
    next = Earliest(next, call.deadline);
    if (call.rekey) next = Earliest(next, call.rekey->Timeout());
  }
  return next;
}

// --- the public face ---

Calls::Calls(const CallOptions& options, Sessions& sessions, const WallClock& /*wall*/, Rng& rng,
             Counters& counters)
    : impl_(std::make_unique<Impl>(options, sessions, rng, counters)) {}
Calls::~Calls() = default;

absl::StatusOr<CallId> Calls::Dial(Instant now, const pki::KeyHash& as,
                                   const std::vector<RemoteDevice>& devices, Bytes offer,
                                   Bytes referral) {
  return impl_->Dial(now, as, devices, std::move(offer), std::move(referral));
}
void Calls::Ring(Instant now, const CallId& id, ByteView answer) { impl_->Ring(now, id, answer); }
void Calls::TurnAway(Instant now, const CallId& id, EndReason reason) {
  impl_->TurnAway(now, id, reason);
}
absl::Status Calls::Accept(Instant now, const CallId& id) { return impl_->Accept(now, id); }
absl::Status Calls::Reject(Instant now, const CallId& id) { return impl_->Reject(now, id); }
absl::Status Calls::HangUp(Instant now, const CallId& id) { return impl_->HangUp(now, id); }
absl::Status Calls::Hold(Instant now, const CallId& id, bool hold) {
  return impl_->Hold(now, id, hold);
}
absl::Status Calls::SetRecorded(Instant now, const CallId& id, bool recorded) {
  return impl_->SetRecorded(now, id, recorded);
}
absl::Status Calls::Refer(Instant now, const CallId& id, ByteView referral) {
  return impl_->Refer(now, id, referral);
}
absl::Status Calls::TellRefer(Instant now, const CallId& id, wire::v1::ReferState state) {
  return impl_->TellRefer(now, id, state);
}
absl::Status Calls::SendDtmf(Instant now, const CallId& id, absl::string_view digits) {
  return impl_->SendDtmf(now, id, digits);
}
absl::Status Calls::SendPaths(Instant now, SessionId session, ByteView paths) {
  return impl_->SendPaths(now, session, paths);
}
absl::Status Calls::KeepFresh(Instant now, const CallId& id, absl::Duration every) {
  return impl_->KeepFresh(now, id, every);
}
SecretBytes Calls::MediaKey(const CallId& id, absl::string_view label, size_t size) const {
  return impl_->MediaKey(id, label, size);
}
const CallInfo* Calls::Find(const CallId& id) const {
  const Call* call = impl_->Find(id);
  return call == nullptr ? nullptr : &call->info;
}
std::vector<const CallInfo*> Calls::List() const { return impl_->List(); }
bool Calls::OnSessionEvent(Instant now, const Event& event) {
  return impl_->OnSessionEvent(now, event);
}
void Calls::OnTimeout(Instant now) { impl_->OnTimeout(now); }
std::optional<Instant> Calls::PollTimeout() const { return impl_->PollTimeout(); }
std::optional<CallEvent> Calls::PollEvent() {
  if (impl_->events_.empty()) return std::nullopt;
  CallEvent event = std::move(impl_->events_.front());
  impl_->events_.pop_front();
  return event;
}

}  // namespace p2pd::session
