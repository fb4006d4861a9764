#include "libcore/node/call_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/overlay/detour_path.h"

namespace p2pd::node {
namespace {

using presence::JourneyStep;
using session::CallEnd;
using session::CallInfo;
using session::CallState;

// Ended calls that ListCalls still shows.
constexpr size_t kEndedKept = 256;
constexpr size_t kStepsMax = 64;
// Keypad digits that a call still shows.
constexpr size_t kDigitsMax = 64;

std::string Fingerprint(const session::Calls& calls, const session::CallId& wire) {
  return Hex(calls.MediaKey(wire, "media both fingerprint", 8).view());
}

absl::string_view StateWord(CallState state) {
  switch (state) {
    case CallState::kDialing:
      return "dialing";
    case CallState::kRinging:
      return "ringing";
    case CallState::kActive:
      return "active";
    case CallState::kHeld:
      return "held";
    case CallState::kEnded:
      return "ended";
  }
  return "";
}

// A way through a third, as steps show it.
std::string WayText(const overlay::DetourPath& way) {
  return absl::StrCat("by way of node ", overlay::Short(overlay::FromHead(way.via)));
}

absl::Status UnknownCall(const session::CallId& call) {
  return absl::NotFoundError(absl::StrCat("no call ", Hex(call.view())));
}

}  // namespace

CallDesk::CallDesk(const Options& options, const Parts& parts)
    : options_(options), parts_(parts), ring_policy_(options.ring, parts.counters) {}

CallDesk::Record* CallDesk::FindRecord(const session::CallId& call) {
  const auto found = records_.find(call);
  return found == records_.end() ? nullptr : &found->second;
}

const CallDesk::Record* CallDesk::FindRecord(const session::CallId& call) const {
  const auto found = records_.find(call);
  return found == records_.end() ? nullptr : &found->second;
}

CallDesk::Record* CallDesk::FindByWire(const session::CallId& wire) {
  for (auto& [id, record] : records_) {
    if (record.wire == wire) return &record;
  }
  return nullptr;
}

CallDesk::Record* CallDesk::FindByOnward(const session::CallId& wire) {
  for (auto& [id, record] : records_) {
    if (record.onward && record.onward->wire == wire) return &record;
  }
  return nullptr;
}

std::string CallDesk::EmailOf(const pki::KeyHash& identity) const {
  for (const presence::IdentityInfo& info : parts_.presence.Identities()) {
    if (info.user == identity) return info.email;
  }
  return std::string();
}

absl::StatusOr<session::CallId> CallDesk::WireOf(const session::CallId& call) const {
  const Record* record = FindRecord(call);
  if (record == nullptr) return UnknownCall(call);
  if (!record->wire) return absl::FailedPreconditionError("the other side has not been found yet");
  return *record->wire;
}

void CallDesk::Changed(Instant now, Record& record, absl::string_view what) {
  parts_.events.Add(Topic::kCall, Hex(record.view.info.id.view()), std::string(what),
                    parts_.wall.At(now));
}

void CallDesk::AddStep(Instant now, Record& record, JourneyStep::Kind kind, std::string detail) {
  if (record.view.steps.size() >= kStepsMax) return;
  JourneyStep step;
  step.kind = kind;
  step.since_start = now - record.dialled;
  step.detail = std::move(detail);
  record.view.steps.push_back(std::move(step));
}

absl::StatusOr<session::CallId> CallDesk::Dial(Instant now, absl::string_view as,
                                               absl::string_view email) {
  P2PD_ASSIGN_OR_RETURN(const presence::IdentityInfo identity, parts_.presence.Identity(as));
  P2PD_ASSIGN_OR_RETURN(const std::string callee, pki::NormaliseEmail(email));
  if (callee == identity.email) {
    return absl::InvalidArgumentError(
        absl::StrCat(callee, " is you: dial somebody else's address"));
  }
  // Whom we call would drop a hello with such a certificate without a word.
  if (identity.fault != pki::ChainFault::kNone) {
    return absl::FailedPreconditionError(identity.problem);
  }
  const bool logging_in = identity.state == presence::IdentityState::kLoggingIn;
  if (!logging_in && identity.state != presence::IdentityState::kLoggedIn) {
    return absl::FailedPreconditionError(
        absl::StrCat(identity.email, " is not logged in: run p2pctl login first"));
  }
  const absl::Time ends = identity.chain->leaf().not_after();
  if (ends <= parts_.wall.At(now)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate of ", identity.email, " expired on ",
                     absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", ends, absl::UTCTimeZone()),
                     ": ask for a new one and install it with p2pctl identity install"));
  }
  const auto under_way = std::count_if(records_.begin(), records_.end(), [](const auto& entry) {
    return entry.second.view.info.state != CallState::kEnded;
  });
  if (static_cast<size_t>(under_way) >= session::CallOptions().max_calls) {
    return absl::ResourceExhaustedError("too many calls are under way");
  }
  Forget();
  const auto id = parts_.rng.Make<session::CallId>();
  Record& record = records_[id];
  order_.push_back(id);
  record.dialled = now;
  record.view.info.id = id;
  record.view.info.outgoing = true;
  record.view.info.identity = identity.user;
  record.view.info.peer_email = callee;
  record.view.identity_email = identity.email;
  record.view.created = parts_.wall.At(now);
  if (logging_in) {
    record.login_until = now + kLoginWait;
    Changed(now, record, "waiting for the log-in");
  } else {
    StartResolving(now, record);
  }
  return id;
}

void CallDesk::StartResolving(Instant now, Record& record) {
  record.login_until.reset();
  record.resolving =
      parts_.presence.Resolve(now, record.view.identity_email, record.view.info.peer_email);
  Changed(now, record, "dialing");
}

void CallDesk::OnIdentityChanged(Instant now, const std::string& email) {
  for (auto& [id, record] : records_) {
    if (!record.login_until || record.view.identity_email != email) continue;
    const absl::StatusOr<presence::IdentityInfo> identity = parts_.presence.Identity(email);
    if (identity.ok() && identity->state == presence::IdentityState::kLoggingIn) continue;
    if (identity.ok() && identity->state == presence::IdentityState::kLoggedIn) {
      StartResolving(now, record);
      continue;
    }
    record.login_until.reset();
    (void)StillLoggedIn(now, record);
  }
}

void CallDesk::TakeLastFigures(Record& record) {
  record.figures_until.reset();
  record.view.figures_pending = false;
}

void CallDesk::OnTimeout(Instant now) {
  for (auto& [id, record] : records_) {
    if (record.figures_until && *record.figures_until <= now) {
      TakeLastFigures(record);
      Changed(now, record, StateWord(record.view.info.state));
    }
    if (!record.login_until || *record.login_until > now) continue;
    record.login_until.reset();
    const std::string& email = record.view.identity_email;
    const absl::StatusOr<presence::IdentityInfo> identity = parts_.presence.Identity(email);
    const std::string why = identity.ok() ? identity->problem : std::string();
    EndUnresolved(now, record,
                  absl::FailedPreconditionError(
                      absl::StrCat(email, " is still logging in", why.empty() ? "" : ": ", why,
                                   "; try again, p2pctl identity show says when it is done")),
                  "NOT_LOGGED_IN", pki::ChainFault::kNone);
  }
}

std::optional<Instant> CallDesk::PollTimeout() const {
  std::optional<Instant> next;
  for (const auto& [id, record] : records_) {
    next = Earliest(Earliest(next, record.login_until), record.figures_until);
  }
  return next;
}

bool CallDesk::OnPresence(Instant now, const presence::OperationDone& done) {
  Record* record = nullptr;
  for (auto& [id, candidate] : records_) {
    if (candidate.resolving == done.id) record = &candidate;
    if (candidate.onward && candidate.onward->resolving == done.id) {
      DialOnward(now, candidate, done);
      return true;
    }
  }
  if (record == nullptr) return false;
  record->resolving.reset();
  if (record->view.info.state == CallState::kEnded) return true;
  if (done.resolved) {
    for (const JourneyStep& step : done.resolved->steps) record->view.steps.push_back(step);
  }
  if (!StillLoggedIn(now, *record)) return true;
  if (!done.status.ok() || done.resolved->key_changed) {
    const absl::Status changed = absl::FailedPreconditionError(absl::StrCat(
        record->view.info.peer_email,
        " has another key than the one you know: remove the contact and add it again if you trust "
        "the new one"));
    EndUnresolved(now, *record, done.status.ok() ? changed : done.status,
                  done.status.ok() ? "KEY_CHANGED" : done.problem, done.fault);
    return true;
  }
  record->offer = media::MakeOffer(media::NegotiationOptions(), parts_.rng);
  const auto wire = parts_.calls.Dial(now, record->view.info.identity, done.resolved->devices,
                                      record->offer->encoded);
  if (!wire.ok()) {
    EndUnresolved(now, *record, wire.status(), "", pki::ChainFault::kNone);
    return true;
  }
  record->wire = *wire;
  std::string targets;
  for (const session::RemoteDevice& device : done.resolved->devices) {
    for (const net::Endpoint& address : device.addresses) {
      const auto way = overlay::DetourPath::From(address);
      absl::StrAppend(&targets, targets.empty() ? "" : ", ",
                      way ? WayText(*way) : address.ToString());
    }
  }
  AddStep(now, *record, JourneyStep::Kind::kHelloSent, absl::StrCat("to ", targets));
  Changed(now, *record, "hello sent");
  return true;
}

// Looking for somebody takes a while, and brings the revocation lists that may name ourselves.
bool CallDesk::StillLoggedIn(Instant now, Record& record) {
  const std::string& email = record.view.identity_email;
  const absl::StatusOr<presence::IdentityInfo> identity = parts_.presence.Identity(email);
  const bool revoked = identity.ok() && identity->fault != pki::ChainFault::kNone;
  if (identity.ok() && !revoked && identity->state == presence::IdentityState::kLoggedIn) {
    return true;
  }
  const std::string why = identity.ok() ? identity->problem : std::string("it is gone");
  EndUnresolved(now, record,
                absl::FailedPreconditionError(
                    absl::StrCat(email, " is not logged in", why.empty() ? "" : ": ", why)),
                "NOT_LOGGED_IN", identity.ok() ? identity->fault : pki::ChainFault::kNone);
  return false;
}

void CallDesk::EndUnresolved(Instant now, Record& record, absl::Status status, std::string problem,
                             pki::ChainFault fault) {
  record.view.info.state = CallState::kEnded;
  record.view.info.end = CallEnd::kSession;
  record.view.info.detail = std::string(status.message());
  record.view.resolve_status = std::move(status);
  record.view.problem = std::move(problem);
  record.view.fault = fault;
  record.view.ended = parts_.wall.At(now);
  Changed(now, record, "ended");
}

std::optional<presence::Caller> CallDesk::JudgeCaller(Instant now, const CallInfo& info) {
  const std::string as = EmailOf(info.identity);
  if (as.empty() || !info.peer) return std::nullopt;
  return parts_.presence.JudgeCaller(now, as, info.peer->email, info.peer->user);
}

RingPolicy::Verdict CallDesk::MayRing(Instant now, const CallInfo& info, bool referred) {
  const std::optional<presence::Caller> caller = JudgeCaller(now, info);
  if (!caller) return RingPolicy::Verdict::kRefused;
  const bool talking = std::any_of(records_.begin(), records_.end(), [](const auto& entry) {
    return IsSpoken(entry.second.view.info.state) && !entry.second.view.voicemail;
  });
  return ring_policy_.Judge(now, parts_.wall.At(now),
                            {info.peer->user, *caller, referred, talking});
}

void CallDesk::OnOffered(Instant now, const session::CallId& wire) {
  const CallInfo* info = parts_.calls.Find(wire);
  if (info == nullptr) return;
  const std::optional<session::Referral> referral = ReadReferral(now, *info);
  if (referral && referral->replaces) {
    if (draining_ || !TakeOver(now, *info, *referral)) {
      parts_.counters.Add("node.refused_replacement");
      parts_.calls.TurnAway(now, wire, session::EndReason::kRefusedByPolicy);
    }
    return;
  }
  using Verdict = RingPolicy::Verdict;
  const bool room = !draining_ && records_.count(wire) == 0;
  const Verdict verdict = room ? MayRing(now, *info, referral.has_value()) : Verdict::kRefused;
  std::optional<media::Answer> answer;
  if (verdict != Verdict::kRefused) {
    answer = media::AnswerOffer(info->offer, media::NegotiationOptions(), parts_.rng);
    if (!answer) parts_.counters.Add("node.refused_incompatible_offer");
  }
  if (!answer) {
    parts_.calls.TurnAway(now, wire, session::EndReason::kRefusedByPolicy);
    return;
  }
  Forget();
  Record& record = records_[wire];
  order_.push_back(wire);
  record.dialled = now;
  record.wire = wire;
  record.view.info = *info;
  record.view.created = parts_.wall.At(now);
  record.view.identity_email = EmailOf(info->identity);
  record.view.quiet = verdict == Verdict::kQuietly;
  if (referral) record.view.referred_by = referral->by;
  record.contact = JudgeCaller(now, *info) == presence::Caller::kContact;
  // A missed call all the same.
  if (record.view.quiet && !options_.answering) {
    parts_.calls.TurnAway(now, wire, session::EndReason::kRefusedBusy);
    return;
  }
  record.answer = std::move(answer);
  parts_.calls.Ring(now, wire, record.answer->encoded);
  Changed(now, record, "ringing");
}

std::optional<media::CallMediaConfig> CallDesk::MediaConfig(Instant now, Record& record) {
  const CallInfo& info = *parts_.calls.Find(*record.wire);
  std::optional<media::Negotiated> negotiated;
  if (record.answer) negotiated = record.answer->negotiated;
  if (record.offer) negotiated = media::AcceptAnswer(*record.offer, info.answer);
  // The proved way, or that of the session while there is none.
  std::optional<net::Endpoint> remote = parts_.sessions.RemoteEndpoint(*info.session);
  if (const auto path = parts_.paths.Selected(*info.session)) remote = path->remote;
  if (!negotiated || !remote) {
    parts_.counters.Add("node.ended_incompatible_answer");
    record.view.incompatible = true;
    (void)parts_.calls.HangUp(now, info.id);
    return std::nullopt;
  }
  media::CallMediaConfig config;
  config.negotiated = *negotiated;
  config.keys = MediaKeys(info, negotiated->suite);
  config.remote = *remote;
  config.options = options_.media;
  record.suite = negotiated->suite;
  SetRemote(record, *remote);
  record.view.key_fingerprint = Fingerprint(parts_.calls, info.id);
  // Without an identifier in each packet nobody could tell the old keys from the new.
  if (negotiated->mki) (void)parts_.calls.KeepFresh(now, info.id, options_.rekey);
  return config;
}

void CallDesk::StartMedia(Instant now, Record& record) {
  if (record.media_started || !record.view.info.session) return;
  std::optional<media::CallMediaConfig> config = MediaConfig(now, record);
  if (!config) return;
  record.media_started = true;
  media_.push_back(MediaStart{record.view.info.id, *std::move(config)});
}

media::CallMediaKeys CallDesk::MediaKeys(const CallInfo& wire, media::SrtpSuite suite) const {
  const auto take = [&](absl::string_view side, absl::string_view what, size_t size) {
    return parts_.calls.MediaKey(wire.id, absl::StrCat("media ", side, " ", what), size);
  };
  const size_t key_size = media::SrtpKeySize(suite);
  const absl::string_view ours = wire.outgoing ? "caller" : "callee";
  const absl::string_view theirs = wire.outgoing ? "callee" : "caller";
  media::CallMediaKeys keys;
  keys.send_key = take(ours, "key", key_size);
  keys.send_salt = take(ours, "salt", media::kSrtpSaltSize);
  keys.receive_key = take(theirs, "key", key_size);
  keys.receive_salt = take(theirs, "salt", media::kSrtpSaltSize);
  return keys;
}

void CallDesk::OnRekeyed(Instant now, const session::CallRekeyed& rekeyed) {
  const CallInfo* info = parts_.calls.Find(rekeyed.id);
  Record* record = FindByWire(rekeyed.id);
  if (info == nullptr || record == nullptr || !record->media_started) return;
  record->view.info.key_epoch = info->key_epoch;
  record->view.key_fingerprint = Fingerprint(parts_.calls, rekeyed.id);
  media_.push_back(MediaRekey{.call = record->view.info.id,
                              .keys = MediaKeys(*info, record->suite),
                              .epoch = info->key_epoch,
                              .send = rekeyed.begun_here});
  Changed(now, *record, absl::StrCat("keys of epoch ", info->key_epoch));
}

void CallDesk::SetRemote(Record& record, const std::optional<net::Endpoint>& remote) {
  record.view.remote = remote;
  record.view.relayed = remote && overlay::IsDetour(*remote);
}

void CallDesk::OnPath(Instant now, const PathChanged& changed) {
  std::optional<net::Endpoint> remote;
  if (changed.path) remote = changed.path->remote;
  MoveMedia(now, changed.session, remote);
}

void CallDesk::OnRemoteMoved(Instant now, const session::RemoteMoved& moved) {
  // What was proved for the voice counts more than where a packet of the session came from.
  if (!parts_.paths.Selected(moved.id)) MoveMedia(now, moved.id, moved.remote);
}

void CallDesk::MoveMedia(Instant now, session::SessionId session,
                         const std::optional<net::Endpoint>& remote) {
  for (auto& [id, record] : records_) {
    if (!record.media_started || record.view.info.session != session) continue;
    if (record.view.remote == remote) continue;
    SetRemote(record, remote);
    media_.push_back(MediaRemote{id, remote});
    Changed(now, record,
            !remote               ? "path lost"
            : record.view.relayed ? "path relayed"
                                  : "path direct");
  }
}

void CallDesk::OnChanged(Instant now, const session::CallId& wire) {
  if (Record* record = FindByOnward(wire)) return OnOnwardChanged(now, *record);
  const CallInfo* info = parts_.calls.Find(wire);
  Record* record = FindByWire(wire);
  if (info == nullptr || record == nullptr) return;
  const bool ends = info->state == CallState::kEnded;
  if (ends && record->onward) return CutLoose(now, *record);
  const session::CallId id = record->view.info.id;
  const CallState before = record->view.info.state;
  const bool by_us = record->view.info.held_by_us;
  const bool by_peer = record->view.info.held_by_peer;
  record->view.info = *info;
  record->view.info.id = id;
  if (IsSpoken(info->state) && !record->view.accepted) {
    if (info->session) parts_.paths.Reveal(now, *info->session);
    record->view.accepted = parts_.wall.At(now);
    StartMedia(now, *record);
  }
  if (record->media_started && (info->held_by_us != by_us || info->held_by_peer != by_peer)) {
    media_.push_back(MediaHold{id, info->held_by_us, info->held_by_peer});
  }
  if (ends && before != CallState::kEnded) OnEnded(now, *record);
  Changed(now, *record, StateWord(info->state));
}

void CallDesk::OnEnded(Instant now, Record& record) {
  record.view.ended = parts_.wall.At(now);
  const bool by_peer =
      record.view.info.end == CallEnd::kHungUpByPeer || record.view.info.end == CallEnd::kSession;
  if (by_peer) EndSending(now, record, wire::v1::REFER_STATE_FAILED);
  if (!record.media_started) return;
  media_.push_back(MediaStop{record.view.info.id});
  BreakUp(now, std::exchange(record.view.conference, 0));
  record.figures_until = now + kFiguresWait;
  record.view.figures_pending = true;
}

void CallDesk::OnKeysReady(Instant now, const session::CallKeysReady& ready) {
  Record* onward = FindByOnward(ready.id);
  Record* record = onward != nullptr ? onward : FindByWire(ready.id);
  if (record == nullptr) return;
  const bool outgoing = parts_.calls.Find(ready.id)->outgoing;
  // Who was sent here by whom we talk to is no stranger.
  const bool stranger = !outgoing && onward == nullptr && !record->contact;
  parts_.paths.Start(now, ready.session, stranger);
  if (outgoing) {
    AddStep(now, *record, JourneyStep::Kind::kAckVerified, "signed by the device that was called");
  }
  AddStep(now, *record, JourneyStep::Kind::kKeysReady, "X25519, HKDF-SHA256, AES-GCM");
  Changed(now, *record, "keys ready");
}

void CallDesk::OnCallEvent(Instant now, const session::CallEvent& event) {
  if (const auto* offered = std::get_if<session::CallOffered>(&event)) {
    OnOffered(now, offered->id);
  } else if (const auto* ready = std::get_if<session::CallKeysReady>(&event)) {
    OnKeysReady(now, *ready);
  } else if (const auto* changed = std::get_if<session::CallChanged>(&event)) {
    OnChanged(now, changed->id);
  } else if (const auto* rekeyed = std::get_if<session::CallRekeyed>(&event)) {
    OnRekeyed(now, *rekeyed);
  } else if (const auto* refer = std::get_if<session::ReferReceived>(&event)) {
    OnRefer(now, *refer);
  } else if (const auto* told = std::get_if<session::ReferStateReceived>(&event)) {
    OnReferState(now, *told);
  } else if (const auto* paths = std::get_if<session::PathsReceived>(&event)) {
    parts_.paths.OnPaths(now, paths->session, paths->paths);
  } else if (const auto* fork = std::get_if<session::ForkEnded>(&event)) {
    parts_.paths.Stop(fork->session);
  } else if (const auto* dtmf = std::get_if<session::DtmfReceived>(&event)) {
    if (Record* record = FindByWire(dtmf->id)) {
      std::string& digits = record->view.received_digits;
      absl::StrAppend(&digits, dtmf->digits);
      if (digits.size() > kDigitsMax) digits.erase(0, digits.size() - kDigitsMax);
      Changed(now, *record, absl::StrCat("dtmf ", dtmf->digits));
    }
  }
}

void CallDesk::OnMedia(Instant now, const MediaReport& report) {
  Record* record = FindRecord(report.call);
  if (record == nullptr) return;
  if (report.stats) record->view.media = report.stats;
  if (report.stopped) TakeLastFigures(*record);
  if (report.first_audio && !record->first_audio) {
    record->first_audio = true;
    AddStep(now, *record, JourneyStep::Kind::kFirstAudio, "first frame decoded");
  }
  // Of any of those with whom it went on.
  record->view.voice_both_ways |= record->first_audio && record->view.media &&
                                  record->view.media->peer_hears == media::PeerHears::kVoice;
  Changed(now, *record, report.stalled ? "media stalled" : "media");
}

std::optional<MediaCommand> CallDesk::PollMedia() {
  if (media_.empty()) return std::nullopt;
  std::optional<MediaCommand> command(std::move(media_.front()));
  media_.pop_front();
  return command;
}

absl::Status CallDesk::Accept(Instant now, const session::CallId& call) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  Record& record = *FindRecord(call);
  if (record.view.voicemail && IsSpoken(record.view.info.state)) {
    record.view.voicemail = false;
    Changed(now, record, "taken from the answering machine");
    return absl::OkStatus();
  }
  return parts_.calls.Accept(now, wire);
}

absl::Status CallDesk::TakeMessage(Instant now, const session::CallId& call) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  P2PD_RETURN_IF_ERROR(parts_.calls.Accept(now, wire));
  FindRecord(call)->view.voicemail = true;
  return absl::OkStatus();
}

absl::Status CallDesk::Reject(Instant now, const session::CallId& call) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  return parts_.calls.Reject(now, wire);
}

absl::Status CallDesk::HangUp(Instant now, const session::CallId& call) {
  Record* record = FindRecord(call);
  if (record == nullptr) return UnknownCall(call);
  if (record->view.info.state == CallState::kEnded) return absl::OkStatus();
  if (record->onward) FailOnward(now, *record, wire::v1::REFER_STATE_FAILED);
  if (record->view.info.state == CallState::kEnded) return absl::OkStatus();
  if (record->wire) return parts_.calls.HangUp(now, *record->wire);
  record->login_until.reset();
  record->view.info.state = CallState::kEnded;
  record->view.info.end = CallEnd::kCancelled;
  OnEnded(now, *record);
  Changed(now, *record, "ended");
  return absl::OkStatus();
}

absl::Status CallDesk::Hold(Instant now, const session::CallId& call, bool hold) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  return parts_.calls.Hold(now, wire, hold);
}

absl::Status CallDesk::SetRecorded(Instant now, const session::CallId& call, bool recorded) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  return parts_.calls.SetRecorded(now, wire, recorded);
}

absl::Status CallDesk::Mute(Instant now, const session::CallId& call, bool muted) {
  Record* record = FindRecord(call);
  if (record == nullptr) return UnknownCall(call);
  if (record->view.info.state == CallState::kEnded) {
    return absl::FailedPreconditionError("the call has ended");
  }
  if (record->view.muted == muted) return absl::OkStatus();
  record->view.muted = muted;
  if (record->media_started) media_.push_back(MediaMute{call, muted});
  Changed(now, *record, muted ? "muted" : "unmuted");
  return absl::OkStatus();
}

absl::Status CallDesk::SendDtmf(Instant now, const session::CallId& call,
                                absl::string_view digits) {
  P2PD_ASSIGN_OR_RETURN(const session::CallId wire, WireOf(call));
  return parts_.calls.SendDtmf(now, wire, digits);
}

std::optional<CallView> CallDesk::Find(const session::CallId& call) const {
  const Record* record = FindRecord(call);
  if (record == nullptr) return std::nullopt;
  return record->view;
}

std::vector<CallView> CallDesk::List() const {
  std::vector<CallView> views;
  for (const session::CallId& id : order_) views.push_back(records_.at(id).view);
  return views;
}

void CallDesk::HangUpAll(Instant now) {
  draining_ = true;
  for (const session::CallId& id : order_) (void)HangUp(now, id);
}

bool CallDesk::Idle() const {
  return std::all_of(records_.begin(), records_.end(), [](const auto& entry) {
    return entry.second.view.info.state == CallState::kEnded && !entry.second.view.figures_pending;
  });
}

void CallDesk::Forget() {
  if (order_.size() < kEndedKept) return;
  const auto oldest = std::find_if(order_.begin(), order_.end(), [this](const session::CallId& id) {
    return records_.at(id).view.info.state == CallState::kEnded;
  });
  if (oldest == order_.end()) return;
  records_.erase(*oldest);
  order_.erase(oldest);
}

}  // namespace p2pd::node
