#include "libcore/session/session.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"
#include "libcore/session/dialing.h"
#include "libcore/session/doorkeeper.h"
#include "libcore/session/end_reason.h"
#include "libcore/session/link.h"
#include "libcore/session/safety_phrase.h"

namespace p2pd::session {
namespace {

// From how many addresses copies of one hello are answered: those of the caller's machine.
constexpr size_t kMaxSources = 4;

enum class State {
  kDialing,      // ours: hellos are out
  kOffered,      // theirs: verified, waits for the owner's word
  kAnswered,     // theirs: the ack is out, the caller has not confirmed
  kRefused,      // theirs: the refusal is out
  kEstablished,  // keys on both sides
  kClosing,      // we said goodbye and repeat it
  kLingering,    // they said goodbye and we answer copies of it
};

// What the callee keeps of a hello until the caller has confirmed.
struct Offered {
  pki::Sha256Digest hello;
  HelloNonce nonce;
  pki::X25519Public ephemeral;
  uint64_t send_id = 0;
  std::vector<net::Endpoint> addresses;  // where the caller says it is too
  std::vector<net::Endpoint> sources;    // where copies of the hello came from
  std::vector<Bytes> ack;
};

struct Session {
  SessionId id;
  State state = State::kDialing;
  bool is_caller = false;
  pki::KeyHash identity;
  std::optional<Peer> peer;
  std::optional<Dialing> dialing;
  std::optional<Offered> offered;
  std::unique_ptr<Link> link;
  SecretBytes exporter;
  std::string safety_phrase;
  Instant deadline = Instant::Max();  // of the states that end by themselves
  Instant timer = Instant::Max();     // its place in the timer index
};

}  // namespace

class Sessions::Impl {
 public:
  Impl(const SessionOptions& options, const pki::TrustStore& trust, const WallClock& wall, Rng& rng,
       Counters& counters, absl::Time start)
      : options_(options),
        trust_(trust),
        wall_(wall),
        rng_(rng),
        counters_(counters),
        door_({options.hello_rate_before_cookie, options.strict_revocation}, trust, rng, counters,
              start) {}

  absl::StatusOr<SessionId> Dial(Instant now, const pki::KeyHash& as, const RemoteDevice& to,
                                 const DialOptions& options);
  void Answer(Instant now, SessionId id, Verdict verdict, ByteView answer, EndReason refusal);
  absl::Status Send(Instant now, SessionId id, ByteView message);
  void Close(Instant now, SessionId id);
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  void OnNetworkChanged(Instant now);
  void SettleAll(Instant now);

  Session* Find(SessionId id) {
    const auto it = sessions_.find(id);
    return it == sessions_.end() ? nullptr : &it->second;
  }
  std::optional<Instant> PollTimeout() const {
    std::optional<Instant> next = door_.Timeout();
    if (!timers_.empty()) next = Earliest(next, timers_.begin()->first);
    return next;
  }

  Doorkeeper::Identities identities_;
  std::vector<net::Endpoint> addresses_;
  std::deque<net::Transmit> out_;
  std::deque<Event> events_;

 private:
  Session& Add(State state, bool is_caller, const pki::KeyHash& identity);
  void Remove(Session& session);
  // Emits Ended, counts it, and removes the session.
  void End(Session& session, EndReason reason, absl::string_view detail);
  void EmitEnded(const Session& session, EndReason reason, absl::string_view detail);
  void Queue(net::Transmit transmit);
  void Drop(absl::string_view counter, size_t bytes);
  // Sends what is due and puts the session's timer where it belongs. Last call of every input.
  void Settle(Instant now, Session& session);
  // As Settle, when what is said in answer is known, so that it goes in the same datagram.
  void SettleSoon(const Session& session) { unsettled_.push_back(session.id); }
  Instant TimerOf(const Session& session) const;

  void OnHello(Instant now, const net::Endpoint& from, const HelloFragment& fragment);
  void OnVerified(Instant now, const net::Endpoint& from, Doorkeeper::Knock::Verified verified);
  void OnHelloAgain(const net::Endpoint& from, SessionId id);
  void OnAck(Instant now, const net::Endpoint& from, const AckFragment& fragment);
  void OnCookie(Instant now, const net::Endpoint& from, const CookieReply& reply);
  void OnNotHere(Instant now, const net::Endpoint& from, const NotHereReply& reply);
  void OnPacket(Instant now, const net::Endpoint& from, const PacketFrame& frame, size_t bytes);
  void OnReceived(Instant now, Session& session, Link::Incoming incoming);
  Session* FindDialing(const HelloNonce& nonce);
  void StartLink(Instant now, Session& session, const Link::Options& options, SessionKeys keys);
  bool TimerFired(Instant now, Session& session);

  SessionOptions options_;
  const pki::TrustStore& trust_;
  const WallClock& wall_;
  Rng& rng_;
  Counters& counters_;
  Doorkeeper door_;
  uint64_t next_id_ = 1;
  size_t unconfirmed_ = 0;
  std::map<SessionId, Session> sessions_;
  std::map<HelloNonce, SessionId> by_nonce_;     // ours that dial
  std::map<uint64_t, SessionId> by_receive_id_;  // those with a link
  std::set<std::pair<Instant, SessionId>> timers_;
  std::vector<SessionId> unsettled_;
};

// --- the table ---

Session& Sessions::Impl::Add(State state, bool is_caller, const pki::KeyHash& identity) {
  const SessionId id(next_id_++);
  Session& session = sessions_[id];
  session.id = id;
  session.state = state;
  session.is_caller = is_caller;
  session.identity = identity;
  return session;
}

void Sessions::Impl::Remove(Session& session) {
  timers_.erase({session.timer, session.id});
  if (session.dialing) by_nonce_.erase(session.dialing->nonce());
  if (session.link) by_receive_id_.erase(session.link->receive_id());
  if (session.offered) --unconfirmed_;
  sessions_.erase(session.id);
}

void Sessions::Impl::EmitEnded(const Session& session, EndReason reason, absl::string_view detail) {
  counters_.Add(EndReasonCounter(reason));
  events_.push_back(Ended{session.id, reason, std::string(detail)});
}

void Sessions::Impl::End(Session& session, EndReason reason, absl::string_view detail) {
  EmitEnded(session, reason, detail);
  Remove(session);
}

void Sessions::Impl::Queue(net::Transmit transmit) {
  if (out_.size() >= kMaxQueued) {
    Drop("session.dropped_transmit_queue_full", transmit.datagram.size());
    return;
  }
  out_.push_back(std::move(transmit));
}

void Sessions::Impl::Drop(absl::string_view counter, size_t bytes) {
  counters_.Add(counter);
  counters_.Add("session.dropped_bytes", bytes);
}

Instant Sessions::Impl::TimerOf(const Session& session) const {
  Instant next = session.deadline;
  if (session.dialing) next = std::min(next, session.dialing->Timeout());
  const bool live = session.state == State::kEstablished || session.state == State::kClosing;
  if (session.link && live) next = std::min(next, session.link->Timeout());
  return next;
}

void Sessions::Impl::Settle(Instant now, Session& session) {
  std::vector<net::Transmit> due;
  if (session.dialing) session.dialing->Flush(now, due);
  if (session.link && session.state != State::kAnswered) session.link->Flush(now, due);
  for (net::Transmit& transmit : due) Queue(std::move(transmit));
  if (session.link && session.link->Exhausted()) {
    if (session.state == State::kEstablished)
      EmitEnded(session, EndReason::kTooMany, "the session's key is used up");
    return Remove(session);
  }
  if (session.state == State::kClosing && session.link->channel().AllAcknowledged())
    return Remove(session);
  timers_.erase({session.timer, session.id});
  session.timer = TimerOf(session);
  if (session.timer != Instant::Max()) timers_.insert({session.timer, session.id});
}

void Sessions::Impl::SettleAll(Instant now) {
  for (const SessionId id : std::exchange(unsettled_, {})) {
    if (Session* session = Find(id)) Settle(now, *session);
  }
}

// --- calling ---

absl::StatusOr<SessionId> Sessions::Impl::Dial(Instant now, const pki::KeyHash& as,
                                               const RemoteDevice& to, const DialOptions& options) {
  const auto identity = identities_.find(as);
  if (identity == identities_.end())
    return absl::NotFoundError("nobody is logged in here under that key");
  if (sessions_.size() >= kMaxSessions) {
    counters_.Add(EndReasonCounter(EndReason::kTooMany));
    return absl::ResourceExhaustedError(absl::StrCat("at most ", kMaxSessions, " sessions"));
  }
  Dialing::Setup setup{.purpose = options.purpose,
                       .call = options.call,
                       .offer = options.offer,
                       .referral = options.referral,
                       .addresses = addresses_,
                       .timeout = options_.dial_timeout};
  P2PD_ASSIGN_OR_RETURN(Dialing dialing, Dialing::Begin(now, wall_.At(now), identity->second, to,
                                                        std::move(setup), rng_));
  Session& session = Add(State::kDialing, true, as);
  const SessionId id = session.id;
  by_nonce_.emplace(dialing.nonce(), id);
  session.dialing.emplace(std::move(dialing));
  Settle(now, session);
  return id;
}

Session* Sessions::Impl::FindDialing(const HelloNonce& nonce) {
  const auto it = by_nonce_.find(nonce);
  return it == by_nonce_.end() ? nullptr : Find(it->second);
}

void Sessions::Impl::OnCookie(Instant now, const net::Endpoint& from, const CookieReply& reply) {
  Session* session = FindDialing(reply.nonce);
  if (session == nullptr) return counters_.Add("session.dropped_cookie");
  const auto identity = identities_.find(session->identity);
  if (identity == identities_.end())
    return End(*session, EndReason::kClosedByUs, "logged out while dialling");
  session->dialing->OnCookie(now, wall_.At(now), identity->second, from, reply.cookie, rng_,
                             counters_);
  Settle(now, *session);
}

void Sessions::Impl::OnNotHere(Instant now, const net::Endpoint& from, const NotHereReply& reply) {
  Session* session = FindDialing(reply.nonce);
  if (session == nullptr) return counters_.Add("session.dropped_not_here");
  session->dialing->OnNotHere(from, counters_);
  if (session->dialing->failure())
    return End(*session, session->dialing->failure()->reason, session->dialing->failure()->detail);
  Settle(now, *session);
}

void Sessions::Impl::StartLink(Instant now, Session& session, const Link::Options& options,
                               SessionKeys keys) {
  session.link =
      std::make_unique<Link>(now, options, session.is_caller ? keys.caller : keys.callee,
                             session.is_caller ? keys.callee : keys.caller, rng_, counters_);
  session.exporter = std::move(keys.exporter);
  session.safety_phrase = SafetyPhrase(keys.safety.view());
  by_receive_id_.emplace(options.receive_id, session.id);
}

void Sessions::Impl::OnAck(Instant now, const net::Endpoint& from, const AckFragment& fragment) {
  Session* session = FindDialing(fragment.nonce);
  if (session == nullptr) return counters_.Add("session.dropped_ack");
  Dialing& dialing = *session->dialing;
  std::optional<OpenedAck> ack =
      dialing.OnAck(now, wall_.At(now), fragment, trust_, options_.strict_revocation, counters_);
  if (dialing.failure()) return End(*session, dialing.failure()->reason, dialing.failure()->detail);
  if (!ack) return Settle(now, *session);

  const absl::Duration round_trip = dialing.RoundTrip(now);
  const Link::Options options{.receive_id = dialing.receive_id(),
                              .send_id = ack->receive_id,
                              .remote = from,
                              .remote_proved = true,
                              .idle_timeout = options_.idle_timeout};
  by_nonce_.erase(fragment.nonce);
  session->dialing.reset();  // with it the ephemeral key goes
  if (by_receive_id_.count(options.receive_id) != 0)
    return End(*session, EndReason::kTooMany, "two sessions chose one number");
  StartLink(now, *session, options, std::move(ack->keys));
  session->state = State::kEstablished;
  session->peer = ack->peer;
  session->link->channel().OnRoundTrip(round_trip);
  session->link->Ping(now);  // the first protected packet: it confirms the keys
  events_.push_back(Established{.id = session->id,
                                .peer = std::move(ack->peer),
                                .remote = from,
                                .answer = std::move(ack->answer),
                                .safety_phrase = session->safety_phrase,
                                .round_trip = round_trip,
                                .addresses = std::move(ack->addresses)});
  Settle(now, *session);
}

// --- being called ---

void Sessions::Impl::OnHello(Instant now, const net::Endpoint& from,
                             const HelloFragment& fragment) {
  Doorkeeper::Knock knock = door_.OnFragment(now, wall_.At(now), from, fragment, identities_);
  if (knock.reply) Queue(net::Transmit{from, *std::move(knock.reply)});
  if (knock.again) OnHelloAgain(from, *knock.again);
  if (knock.verified) OnVerified(now, from, *std::move(knock.verified));
}

void Sessions::Impl::OnVerified(Instant now, const net::Endpoint& from,
                                Doorkeeper::Knock::Verified verified) {
  if (sessions_.size() >= kMaxSessions || unconfirmed_ >= kMaxUnconfirmed)
    return counters_.Add(EndReasonCounter(EndReason::kTooMany));
  Session& session = Add(State::kOffered, false, verified.identity);
  ++unconfirmed_;
  door_.Remember(wall_.At(now), verified, session.id);
  session.deadline = now + kConfirmTimeout;
  session.peer = verified.caller;
  Offered offered;
  offered.hello = verified.hello.digest;
  offered.nonce = verified.hello.nonce;
  offered.ephemeral = verified.hello.ephemeral;
  offered.send_id = verified.hello.body.receive_id();
  offered.sources = {from};
  for (const std::string& address : verified.hello.body.addresses()) {
    if (const auto endpoint = net::Endpoint::FromBytes(AsBytes(address)))
      offered.addresses.push_back(*endpoint);
  }
  session.offered = std::move(offered);
  events_.push_back(IncomingHello{.id = session.id,
                                  .purpose = verified.hello.purpose,
                                  .call = verified.hello.call,
                                  .caller = std::move(verified.caller),
                                  .identity = verified.identity,
                                  .from = from,
                                  .offer = ToBytes(verified.hello.body.offer()),
                                  .referral = ToBytes(verified.hello.body.referral())});
  Settle(now, session);
}

void Sessions::Impl::OnHelloAgain(const net::Endpoint& from, SessionId id) {
  Session* session = Find(id);
  if (session != nullptr && session->offered) {
    std::vector<net::Endpoint>& sources = session->offered->sources;
    const bool known = std::find(sources.begin(), sources.end(), from) != sources.end();
    if (known || sources.size() < kMaxSources) {
      if (!known) sources.push_back(from);
      counters_.Add("session.hello_repeated");
      for (const Bytes& datagram : session->offered->ack) Queue(net::Transmit{from, datagram});
      return;
    }
  }
  if (session != nullptr && session->link && session->link->remote() == from)
    return counters_.Add("session.hello_repeated");  // late, and needed no more
  counters_.Add(EndReasonCounter(EndReason::kReplayedHello));
}

void Sessions::Impl::Answer(Instant now, SessionId id, Verdict verdict, ByteView answer,
                            EndReason refusal) {
  P2PD_CHECK(answer.size() <= kMaxOffer);
  Session* session = Find(id);
  if (session == nullptr || session->state != State::kOffered) return;
  const auto identity = identities_.find(session->identity);
  if (identity == identities_.end())
    return End(*session, EndReason::kClosedByUs, "logged out before the answer");
  Offered& offered = *session->offered;
  AckOptions options;
  options.verdict = verdict;
  options.hello_nonce = offered.nonce;
  options.hello = offered.hello;
  options.caller_ephemeral = offered.ephemeral;
  options.receive_id = rng_.Next();
  options.answer = answer;
  std::optional<MadeAck> ack = MakeAck(identity->second, options, rng_);
  if (!ack || by_receive_id_.count(options.receive_id) != 0)
    return End(*session, EndReason::kMalformed, "the caller's key is of small order");
  offered.ack = std::move(ack->datagrams);
  for (const net::Endpoint& source : offered.sources) {
    for (const Bytes& datagram : offered.ack) Queue(net::Transmit{source, datagram});
  }
  if (refusal == EndReason::kNone) {
    session->state = State::kAnswered;
    StartLink(now, *session,
              {.receive_id = options.receive_id,
               .send_id = offered.send_id,
               .remote = offered.sources.front(),
               .idle_timeout = options_.idle_timeout},
              std::move(ack->keys));
  } else {
    session->state = State::kRefused;
    EmitEnded(*session, refusal, "refused");
  }
  Settle(now, *session);
}

// --- established ---

void Sessions::Impl::OnPacket(Instant now, const net::Endpoint& from, const PacketFrame& frame,
                              size_t bytes) {
  const auto found = by_receive_id_.find(frame.receiver_id);
  Session* session = found == by_receive_id_.end() ? nullptr : Find(found->second);
  if (session == nullptr) return Drop("session.dropped_unknown_receiver", bytes);
  Link::Incoming incoming = session->link->OnPacket(now, from, frame);
  if (!incoming.opened) return counters_.Add("session.dropped_bytes", bytes);
  if (session->state == State::kAnswered) {
    session->state = State::kEstablished;
    session->deadline = Instant::Max();
    Established established;
    established.id = session->id;
    established.peer = *session->peer;
    established.remote = from;
    established.safety_phrase = session->safety_phrase;
    established.addresses = std::move(session->offered->addresses);
    events_.push_back(std::move(established));
    session->offered.reset();
    --unconfirmed_;
  }
  OnReceived(now, *session, std::move(incoming));
}

void Sessions::Impl::OnReceived(Instant now, Session& session, Link::Incoming incoming) {
  const bool open = session.state == State::kEstablished;
  if (open && incoming.moved) events_.push_back(RemoteMoved{session.id, session.link->remote()});
  for (Bytes& message : incoming.received.messages) {
    if (open) events_.push_back(MessageReceived{session.id, std::move(message)});
  }
  if (incoming.received.violation) {
    if (open) EmitEnded(session, EndReason::kMalformed, "the other side broke the protocol");
    return Remove(session);
  }
  if (incoming.received.goodbye && session.state != State::kLingering) {
    if (open) EmitEnded(session, EndReason::kClosedByPeer, "closed by the other side");
    session.state = State::kLingering;
    session.deadline = now + kLinger;
    session.link->Silence();
  }
  SettleSoon(session);
}

absl::Status Sessions::Impl::Send(Instant now, SessionId id, ByteView message) {
  Session* session = Find(id);
  if (session == nullptr || session->state != State::kEstablished)
    return absl::FailedPreconditionError("the session is not established");
  if (message.size() > kMaxMessage)
    return absl::InvalidArgumentError(
        absl::StrCat("a message has at most ", kMaxMessage, " bytes"));
  if (!session->link->channel().Push(message)) {
    counters_.Add("session.refused_messages_full");
    return absl::ResourceExhaustedError(
        absl::StrCat(Channel::kMaxMessages, " messages wait for acknowledgement"));
  }
  Settle(now, *session);
  return absl::OkStatus();
}

void Sessions::Impl::Close(Instant now, SessionId id) {
  Session* session = Find(id);
  if (session == nullptr) return;
  switch (session->state) {
    case State::kDialing:
    case State::kOffered:
      return End(*session, EndReason::kClosedByUs, "closed here before it stood");
    case State::kAnswered:
    case State::kEstablished:
      EmitEnded(*session, EndReason::kClosedByUs, "closed here");
      if (session->offered) {
        session->offered.reset();
        --unconfirmed_;
      }
      session->state = State::kClosing;
      session->deadline = now + kLinger;
      session->link->channel().PushGoodbye();
      return Settle(now, *session);
    case State::kRefused:
    case State::kClosing:
    case State::kLingering:
      return;
  }
}

// --- inputs ---

void Sessions::Impl::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<Envelope> envelope = ParseEnvelope(datagram);
  if (!envelope) return Drop("session.dropped_malformed", datagram.size());
  if (const auto* hello = std::get_if<HelloFragment>(&*envelope)) return OnHello(now, from, *hello);
  if (const auto* ack = std::get_if<AckFragment>(&*envelope)) return OnAck(now, from, *ack);
  if (const auto* cookie = std::get_if<CookieReply>(&*envelope))
    return OnCookie(now, from, *cookie);
  if (const auto* not_here = std::get_if<NotHereReply>(&*envelope))
    return OnNotHere(now, from, *not_here);
  OnPacket(now, from, std::get<PacketFrame>(*envelope), datagram.size());
}

// True when the session is gone.
bool Sessions::Impl::TimerFired(Instant now, Session& session) {
  if (session.dialing) {
    session.dialing->OnTimeout(now);
    if (session.dialing->failure()) {
      End(session, session.dialing->failure()->reason, session.dialing->failure()->detail);
      return true;
    }
  }
  if (session.deadline <= now) {
    // A refused one, a closed one and a lingering one have had their Ended.
    const bool waits = session.state == State::kOffered || session.state == State::kAnswered;
    if (waits) EmitEnded(session, EndReason::kNoAnswer, "the caller did not confirm the keys");
    Remove(session);
    return true;
  }
  const bool live = session.state == State::kEstablished || session.state == State::kClosing;
  if (session.link && live) {
    session.link->OnTimeout(now);
    if (session.link->Dead(now)) {
      if (session.state == State::kEstablished)
        EmitEnded(session, EndReason::kTimedOut, "nothing was heard from the other side");
      Remove(session);
      return true;
    }
  }
  return false;
}

void Sessions::Impl::OnTimeout(Instant now) {
  door_.OnTimeout(now);
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Session& session = *Find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    session.timer = Instant::Max();
    if (!TimerFired(now, session)) Settle(now, session);
  }
}

void Sessions::Impl::OnNetworkChanged(Instant now) {
  std::vector<SessionId> ids;
  for (const auto& [id, session] : sessions_) {
    if (session.state == State::kEstablished) ids.push_back(id);
  }
  for (const SessionId id : ids) {
    Session& session = *Find(id);
    session.link->Ping(now);
    Settle(now, session);
  }
}

// --- the public face ---

Sessions::Sessions(const SessionOptions& options, const pki::TrustStore& trust,
                   pki::Crypto& /*crypto*/, const WallClock& wall, Rng& rng, Counters& counters,
                   absl::Time start)
    : impl_(std::make_unique<Impl>(options, trust, wall, rng, counters, start)) {}
Sessions::~Sessions() = default;

void Sessions::AddIdentity(LocalIdentity identity) {
  const pki::KeyHash user = identity.chain.leaf().public_key().hash();
  impl_->identities_.insert_or_assign(user, std::move(identity));
}
const LocalIdentity* Sessions::Identity(const pki::KeyHash& user) const {
  const auto found = impl_->identities_.find(user);
  return found == impl_->identities_.end() ? nullptr : &found->second;
}
void Sessions::RemoveIdentity(const pki::KeyHash& user) { impl_->identities_.erase(user); }
void Sessions::SetAddresses(std::vector<net::Endpoint> addresses) {
  impl_->addresses_ = std::move(addresses);
}

absl::StatusOr<SessionId> Sessions::Dial(Instant now, const pki::KeyHash& as,
                                         const RemoteDevice& to, const DialOptions& options) {
  return impl_->Dial(now, as, to, options);
}
void Sessions::Acknowledge(Instant now, SessionId id, ByteView answer) {
  impl_->Answer(now, id, wire::v1::SessionAck::VERDICT_ACCEPTED, answer, EndReason::kNone);
}
void Sessions::Refuse(Instant now, SessionId id, EndReason reason) {
  Verdict verdict = wire::v1::SessionAck::VERDICT_POLICY;
  if (reason == EndReason::kRefusedBusy) verdict = wire::v1::SessionAck::VERDICT_BUSY;
  if (reason == EndReason::kRefusedUnknownCaller)
    verdict = wire::v1::SessionAck::VERDICT_UNKNOWN_CALLER;
  impl_->Answer(now, id, verdict, ByteView(), reason);
}
absl::Status Sessions::Send(Instant now, SessionId id, ByteView message) {
  return impl_->Send(now, id, message);
}
void Sessions::Close(Instant now, SessionId id) { impl_->Close(now, id); }

SecretBytes Sessions::ExportKey(SessionId id, absl::string_view label, size_t size) const {
  const Session* session = impl_->Find(id);
  if (session == nullptr || session->exporter.empty()) return SecretBytes();
  return Export(session->exporter, label, size);
}
const pki::Ed25519Key* Sessions::SigningKey(SessionId id) const {
  const Session* session = impl_->Find(id);
  if (session == nullptr) return nullptr;
  const auto identity = impl_->identities_.find(session->identity);
  return identity == impl_->identities_.end() ? nullptr : &identity->second.device.signing_key;
}
std::optional<net::Endpoint> Sessions::RemoteEndpoint(SessionId id) const {
  const Session* session = impl_->Find(id);
  if (session == nullptr || !session->link) return std::nullopt;
  return session->link->remote();
}
bool Sessions::IsCaller(SessionId id) const {
  const Session* session = impl_->Find(id);
  return session != nullptr && session->is_caller;
}

void Sessions::FollowPath(SessionId id, const net::Endpoint& remote) {
  Session* session = impl_->Find(id);
  if (session != nullptr && session->link) session->link->Follow(remote);
}

void Sessions::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  impl_->OnDatagram(now, from, datagram);
}
void Sessions::OnTimeout(Instant now) { impl_->OnTimeout(now); }
void Sessions::OnNetworkChanged(Instant now) { impl_->OnNetworkChanged(now); }
std::optional<net::Transmit> Sessions::PollTransmit(Instant now) {
  impl_->SettleAll(now);
  if (impl_->out_.empty()) return std::nullopt;
  net::Transmit transmit = std::move(impl_->out_.front());
  impl_->out_.pop_front();
  return transmit;
}
std::optional<Instant> Sessions::PollTimeout() const { return impl_->PollTimeout(); }
std::optional<Event> Sessions::PollEvent() {
  if (impl_->events_.empty()) return std::nullopt;
  Event event = std::move(impl_->events_.front());
  impl_->events_.pop_front();
  return event;
}

}  // namespace p2pd::session
