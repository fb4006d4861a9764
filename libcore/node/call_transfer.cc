// Calls that go on with somebody else: who is sent, who is sent to, and who sends.
//
// The call of who is sent keeps its name: the next leg is dialled beside the one with the peer, and
// takes its place, its sound and its conference when it is accepted. The target of an attended
// transfer does the same with the call that it has with the sender.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/node/call_desk.h"

namespace p2pd::node {
namespace {

using session::CallEnd;
using session::CallInfo;
using session::CallState;
using wire::v1::ReferState;

bool UnderWay(ReferState state) {
  return state == wire::v1::REFER_STATE_TRYING || state == wire::v1::REFER_STATE_RINGING;
}

// Sent by this side, and not over.
bool Sending(const CallView& view) {
  return view.transfer && !view.transfer->by_peer && UnderWay(view.transfer->state);
}

ReferState WhyUnresolved(const presence::OperationDone& done) {
  if (done.status.ok()) return wire::v1::REFER_STATE_NOT_FOUND;  // another key than the pinned one
  if (absl::IsNotFound(done.status) || absl::IsPermissionDenied(done.status)) {
    return wire::v1::REFER_STATE_NOT_FOUND;
  }
  return absl::IsUnavailable(done.status) ? wire::v1::REFER_STATE_UNREACHABLE
                                          : wire::v1::REFER_STATE_FAILED;
}

ReferState WhyEnded(const CallInfo& info) {
  switch (info.end) {
    case CallEnd::kRejected:
    case CallEnd::kPolicy:  // the target's reasons are its own
      return wire::v1::REFER_STATE_REJECTED;
    case CallEnd::kBusy:
      return wire::v1::REFER_STATE_BUSY;
    case CallEnd::kNotAnswered:
      return wire::v1::REFER_STATE_NO_ANSWER;
    case CallEnd::kSession: {
      const bool nobody = info.session_reason == session::EndReason::kNoAnswer ||
                          info.session_reason == session::EndReason::kNotLoggedInHere;
      return nobody ? wire::v1::REFER_STATE_UNREACHABLE : wire::v1::REFER_STATE_FAILED;
    }
    case CallEnd::kNone:
    case CallEnd::kHungUpByUs:
    case CallEnd::kHungUpByPeer:
    case CallEnd::kCancelled:
    case CallEnd::kAnsweredElsewhere:
      return wire::v1::REFER_STATE_FAILED;
  }
  return wire::v1::REFER_STATE_FAILED;
}

}  // namespace

void CallDesk::SetTransfer(Instant now, Record& record, ReferState state) {
  if (!record.view.transfer || record.view.transfer->state == state) return;
  record.view.transfer->state = state;
  Changed(now, record, absl::StrCat("transfer to ", record.view.transfer->target));
}

// --- who sends ---

absl::Status CallDesk::Transfer(Instant now, const session::CallId& call,
                                absl::string_view target) {
  Record* record = FindRecord(call);
  if (record == nullptr) return absl::NotFoundError("no such call");
  P2PD_ASSIGN_OR_RETURN(const std::string email, pki::NormaliseEmail(target));
  return Send(now, *record, email, nullptr);
}

absl::Status CallDesk::TransferTo(Instant now, const session::CallId& call,
                                  const session::CallId& target) {
  Record* record = FindRecord(call);
  Record* consulted = FindRecord(target);
  if (record == nullptr || consulted == nullptr) return absl::NotFoundError("no such call");
  return Send(now, *record, consulted->view.info.peer_email, consulted);
}

absl::Status CallDesk::Send(Instant now, Record& record, const std::string& target,
                            Record* consulted) {
  const CallInfo& info = record.view.info;
  if (target == info.peer_email || target == record.view.identity_email) {
    return absl::InvalidArgumentError(
        absl::StrCat(target, " is one of the two who talk: a call is transferred to a third"));
  }
  for (const Record* one :
       {static_cast<const Record*>(&record), static_cast<const Record*>(consulted)}) {
    if (one == nullptr) continue;
    if (!IsSpoken(one->view.info.state) || !one->media_started || !one->wire) {
      return absl::FailedPreconditionError(
          absl::StrCat("the call with ", one->view.info.peer_email, " is not active"));
    }
    if (one->onward || Sending(one->view)) {
      return absl::FailedPreconditionError(absl::StrCat("the call with ", one->view.info.peer_email,
                                                        " is being transferred already"));
    }
  }
  if (consulted != nullptr && consulted->view.info.identity != info.identity) {
    return absl::InvalidArgumentError("the two calls are of two identities");
  }
  const session::LocalIdentity* identity = parts_.sessions.Identity(info.identity);
  if (identity == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(record.view.identity_email, " is not logged in"));
  }
  session::ReferralTerms terms{.referee = info.peer->user, .target = target, .replaces = {}};
  if (consulted != nullptr) terms.replaces = consulted->wire;
  P2PD_RETURN_IF_ERROR(parts_.calls.Refer(
      now, *record.wire, session::MakeReferral(*identity, terms, parts_.wall.At(now), parts_.rng)));
  record.view.transfer = TransferView{.target = target};
  record.consulted.reset();
  Changed(now, record, absl::StrCat("transfer to ", target));
  if (consulted == nullptr) return absl::OkStatus();
  consulted->view.transfer = TransferView{.target = info.peer_email};
  record.consulted = consulted->view.info.id;
  consulted->consulted = info.id;
  Changed(now, *consulted, absl::StrCat("transfer to ", info.peer_email));
  return absl::OkStatus();
}

void CallDesk::OnReferState(Instant now, const session::ReferStateReceived& told) {
  Record* record = FindByWire(told.id);
  const bool known =
      told.state > wire::v1::REFER_STATE_UNSPECIFIED && told.state <= wire::v1::REFER_STATE_FAILED;
  if (record == nullptr || !known || !Sending(record->view)) {
    parts_.counters.Add("node.dropped_refer_state");
    return;
  }
  EndSending(now, *record, told.state);
}

// Both calls of an attended transfer are told alike.
void CallDesk::EndSending(Instant now, Record& record, ReferState state) {
  Record* consulted = record.consulted ? FindRecord(*record.consulted) : nullptr;
  for (Record* one : {&record, consulted}) {
    if (one == nullptr || !Sending(one->view)) continue;
    SetTransfer(now, *one, state);
    if (UnderWay(state)) continue;
    one->consulted.reset();
    // They talk: neither needs us any more. The other side hangs up, too, whoever is first.
    if (state == wire::v1::REFER_STATE_DONE) (void)parts_.calls.HangUp(now, *one->wire);
  }
}

// --- who is sent ---

void CallDesk::OnRefer(Instant now, const session::ReferReceived& refer) {
  Record* record = FindByWire(refer.id);
  if (record == nullptr) return;
  const auto referral = session::VerifyReferral(refer.referral, parts_.wall.At(now));
  const bool follow = referral && Follow(now, *record, *referral, refer.referral);
  if (!follow) parts_.counters.Add("node.refused_referral");
  (void)parts_.calls.TellRefer(
      now, refer.id, follow ? wire::v1::REFER_STATE_TRYING : wire::v1::REFER_STATE_REFUSED);
}

bool CallDesk::Follow(Instant now, Record& record, const session::Referral& referral,
                      Bytes encoded) {
  const CallInfo& info = record.view.info;
  const bool ours = info.peer && referral.by_user == info.peer->user &&
                    referral.device == info.peer->device && referral.referee == info.identity;
  const bool third =
      referral.target != info.peer_email && referral.target != record.view.identity_email;
  if (!options_.follow_transfers || !ours || !third || !IsSpoken(info.state) ||
      record.view.voicemail || !record.media_started || record.onward || Sending(record.view) ||
      draining_ || !record.referrals.TryTake(now, 1)) {
    return false;
  }
  record.view.transfer = TransferView{.target = referral.target, .by_peer = true};
  record.onward.emplace();
  record.onward->email = referral.target;
  record.onward->referral = std::move(encoded);
  record.onward->resolving =
      parts_.presence.Resolve(now, record.view.identity_email, referral.target);
  Changed(now, record, absl::StrCat("transfer to ", referral.target));
  return true;
}

void CallDesk::DialOnward(Instant now, Record& record, const presence::OperationDone& done) {
  Onward& onward = *record.onward;
  onward.resolving.reset();
  if (!done.status.ok() || done.resolved->key_changed) {
    return FailOnward(now, record, WhyUnresolved(done));
  }
  onward.offer = media::MakeOffer(media::NegotiationOptions(), parts_.rng);
  const auto wire = parts_.calls.Dial(now, record.view.info.identity, done.resolved->devices,
                                      onward.offer->encoded, onward.referral);
  if (!wire.ok()) return FailOnward(now, record, wire::v1::REFER_STATE_FAILED);
  onward.wire = *wire;
}

void CallDesk::OnOnwardChanged(Instant now, Record& record) {
  const CallInfo& next = *parts_.calls.Find(*record.onward->wire);
  if (next.state == CallState::kEnded) return FailOnward(now, record, WhyEnded(next));
  if (IsSpoken(next.state)) return GoOn(now, record);
  if (next.state != CallState::kRinging) return;
  // Who comes in the place of somebody with whom we talk does not ring.
  if (!next.outgoing) return (void)parts_.calls.Accept(now, next.id);
  SetTransfer(now, record, wire::v1::REFER_STATE_RINGING);
  if (record.wire) {
    (void)parts_.calls.TellRefer(now, *record.wire, wire::v1::REFER_STATE_RINGING);
  } else {
    record.view.info.state = CallState::kRinging;
    Changed(now, record, "ringing");
  }
}

void CallDesk::FailOnward(Instant now, Record& record, ReferState why) {
  const Onward onward = *std::exchange(record.onward, std::nullopt);
  if (onward.wire) (void)parts_.calls.HangUp(now, *onward.wire);
  SetTransfer(now, record, why);
  if (record.wire) {
    (void)parts_.calls.TellRefer(now, *record.wire, why);
    return;
  }
  // Nobody is left to talk to.
  CallInfo& info = record.view.info;
  info.state = CallState::kEnded;
  info.end = CallEnd::kCancelled;
  const CallInfo* next = onward.wire ? parts_.calls.Find(*onward.wire) : nullptr;
  if (next != nullptr) {
    info.end = next->end;
    info.session_reason = next->session_reason;
    info.detail = next->detail;
  }
  OnEnded(now, record);
  Changed(now, record, "ended");
}

void CallDesk::CutLoose(Instant now, Record& record) {
  record.wire.reset();
  CallInfo& info = record.view.info;
  const CallInfo* next = record.onward->wire ? parts_.calls.Find(*record.onward->wire) : nullptr;
  info.state = next != nullptr ? next->state : CallState::kDialing;
  info.session.reset();
  info.held_by_us = info.held_by_peer = info.recorded_by_peer = false;
  info.peer_email = record.onward->email;
  info.peer.reset();
  SetRemote(record, std::nullopt);
  media_.push_back(MediaRemote{info.id, std::nullopt});
  Changed(now, record, "the one who transferred has left");
}

void CallDesk::GoOn(Instant now, Record& record) {
  Onward onward = *std::exchange(record.onward, std::nullopt);
  const std::optional<session::CallId> before = std::exchange(record.wire, onward.wire);
  const CallInfo old = std::exchange(record.view.info, *parts_.calls.Find(*onward.wire));
  CallInfo& info = record.view.info;
  info.id = old.id;
  info.outgoing = old.outgoing;
  record.offer = std::move(onward.offer);
  record.answer = std::move(onward.answer);
  record.first_audio = false;
  SetTransfer(now, record, wire::v1::REFER_STATE_DONE);
  if (before) {
    (void)parts_.calls.TellRefer(now, *before, wire::v1::REFER_STATE_DONE);
    (void)parts_.calls.HangUp(now, *before);
  }
  parts_.paths.Reveal(now, *info.session);
  std::optional<media::CallMediaConfig> config = MediaConfig(now, record);
  if (!config) return;  // it has hung up
  media_.push_back(MediaSwitch{info.id, *std::move(config)});
  // The recording goes on, and whoever is in it now has to know.
  if (old.recorded_by_us) (void)parts_.calls.SetRecorded(now, *record.wire, true);
  Changed(now, record, absl::StrCat("goes on with ", info.peer_email));
}

// --- who is sent to ---

std::optional<session::Referral> CallDesk::ReadReferral(Instant now, const CallInfo& info) {
  if (info.referral.empty() || !info.peer) return std::nullopt;
  const absl::Time wall = parts_.wall.At(now);
  const std::string email = EmailOf(info.identity);
  std::erase_if(referrals_, [&](const auto& entry) { return entry.second <= wall; });
  auto referral = session::VerifyReferral(info.referral, wall);
  bool counts = referral && referral->referee == info.peer->user && referral->target == email &&
                referrals_.size() < kReferralsRemembered;
  // A stranger's word is none, whatever name he gives himself.
  if (counts && !referral->replaces) {
    counts = parts_.presence.IsPinned(email, referral->by, referral->by_user);
  }
  if (!counts || !referrals_.try_emplace(referral->nonce, referral->expires).second) {
    parts_.counters.Add("node.dropped_referral");
    return std::nullopt;
  }
  return referral;
}

bool CallDesk::TakeOver(Instant now, const CallInfo& info, const session::Referral& referral) {
  Record* record = FindByWire(*referral.replaces);
  if (!options_.follow_transfers || record == nullptr || record->onward || !record->media_started) {
    return false;
  }
  const CallInfo& with = record->view.info;
  const bool theirs = with.peer && with.peer->user == referral.by_user &&
                      with.peer->device == referral.device && with.identity == info.identity;
  if (!theirs || !IsSpoken(with.state) || JudgeCaller(now, info) == presence::Caller::kOtherKey) {
    return false;
  }
  std::optional<media::Answer> answer =
      media::AnswerOffer(info.offer, media::NegotiationOptions(), parts_.rng);
  if (!answer) return false;
  record->view.transfer = TransferView{.target = info.peer_email, .by_peer = true};
  record->onward.emplace();
  record->onward->email = info.peer_email;
  record->onward->wire = info.id;
  record->onward->answer = std::move(answer);
  parts_.calls.Ring(now, info.id, record->onward->answer->encoded);
  Changed(now, *record, absl::StrCat("transfer to ", info.peer_email));
  return true;
}

}  // namespace p2pd::node
