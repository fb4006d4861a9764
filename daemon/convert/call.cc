#include "daemon/convert/call.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/convert/certificate.h"
#include "daemon/convert/person.h"
#include "libcore/base/hex.h"

namespace p2pd::daemon {
namespace {

using v1::Call;
using v1::CallStep;

constexpr absl::string_view kCalls = "calls/";
constexpr size_t kMinPrefix = 4;

Call::State StateOf(const node::CallView& call) {
  switch (call.info.state) {
    case session::CallState::kDialing:
      return Call::DIALING;
    case session::CallState::kRinging:
      return Call::RINGING;
    case session::CallState::kActive:
    case session::CallState::kHeld:
      return call.media ? Call::ACTIVE : Call::CONNECTING;
    case session::CallState::kEnded:
      return Call::ENDED;
  }
  return Call::STATE_UNSPECIFIED;
}

Call::EndReason OfFault(pki::ChainFault fault) {
  switch (fault) {
    case pki::ChainFault::kNone:
      return Call::END_REASON_UNSPECIFIED;
    case pki::ChainFault::kNotYetValid:
    case pki::ChainFault::kExpired:
      return Call::CERTIFICATE_EXPIRED;
    case pki::ChainFault::kRevoked:
      return Call::CERTIFICATE_REVOKED;
    case pki::ChainFault::kUntrustedRoot:
      return Call::ROOT_UNTRUSTED;
    case pki::ChainFault::kWrongEmail:
      return Call::CERTIFICATE_WRONG_EMAIL;
    case pki::ChainFault::kRevocationUnknown:
      return Call::REVOCATION_UNKNOWN;
    case pki::ChainFault::kMalformed:
    case pki::ChainFault::kBadSignature:
    case pki::ChainFault::kPathTooLong:
    case pki::ChainFault::kNameConstraint:
    case pki::ChainFault::kNotACa:
    case pki::ChainFault::kWrongUsage:
      return Call::CERTIFICATE_INVALID;
  }
  return Call::CERTIFICATE_INVALID;
}

Call::EndReason OfSession(session::EndReason reason) {
  switch (reason) {
    case session::EndReason::kNone:
      return Call::FAILED;
    case session::EndReason::kClosedByPeer:
      return Call::HANGUP_REMOTE;
    case session::EndReason::kClosedByUs:
      return Call::HANGUP_LOCAL;
    case session::EndReason::kNoAnswer:
      return Call::UNREACHABLE;
    case session::EndReason::kTimedOut:
      return Call::MEDIA_TIMEOUT;
    case session::EndReason::kNotLoggedInHere:
      return Call::OFFLINE;
    case session::EndReason::kRefusedByPolicy:
    case session::EndReason::kRefusedUnknownCaller:
      return Call::POLICY;
    case session::EndReason::kRefusedBusy:
      return Call::BUSY;
    case session::EndReason::kWrongEmail:
      return Call::CERTIFICATE_WRONG_EMAIL;
    case session::EndReason::kCertificateExpired:
      return Call::CERTIFICATE_EXPIRED;
    case session::EndReason::kCertificateRevoked:
      return Call::CERTIFICATE_REVOKED;
    case session::EndReason::kCertificateUntrusted:
      return Call::ROOT_UNTRUSTED;
    case session::EndReason::kCertificateInvalid:
      return Call::CERTIFICATE_INVALID;
    case session::EndReason::kRevocationUnknown:
      return Call::REVOCATION_UNKNOWN;
    case session::EndReason::kWrongIdentity:
      return Call::STRANGER_ANSWERED;
    case session::EndReason::kBadSignature:
      return Call::ACK_CHANGED;
    case session::EndReason::kReplayedHello:
    case session::EndReason::kStaleHello:
      return Call::HELLO_REPLAYED;
    case session::EndReason::kResealedHello:
      return Call::HELLO_FORGED;
    case session::EndReason::kMalformed:
      return Call::INCOMPATIBLE;
    case session::EndReason::kTooMany:
      return Call::FAILED;
  }
  return Call::FAILED;
}

struct ProblemReason {
  absl::string_view problem;
  Call::EndReason reason;
};
// Of presence::OperationDone::problem, what a call ends by; chain faults come as such.
constexpr ProblemReason kProblems[] = {{"CERTIFICATE_NOT_FOUND", Call::NOT_FOUND},
                                       {"KEY_CHANGED", Call::CONTACT_KEY_CHANGED},
                                       {"STATE_NOT_FOUND", Call::OFFLINE},
                                       {"STATE_FORGED", Call::STATE_FORGED},
                                       {"STATE_OLD", Call::STATE_OLD},
                                       {"DEVICE_REVOKED", Call::DEVICE_REVOKED}};

// Resolving ended it: what it said.
Call::EndReason OfResolve(const node::CallView& call) {
  for (const ProblemReason& known : kProblems) {
    if (call.problem == known.problem) return known.reason;
  }
  if (call.fault != pki::ChainFault::kNone) return OfFault(call.fault);
  if (absl::IsNotFound(call.resolve_status)) return Call::NOT_FOUND;
  if (absl::IsUnavailable(call.resolve_status)) return Call::OFFLINE;
  if (absl::IsDeadlineExceeded(call.resolve_status)) return Call::UNREACHABLE;
  return Call::FAILED;
}

CallStep::Kind OfStep(presence::JourneyStep::Kind kind) {
  switch (kind) {
    case presence::JourneyStep::Kind::kCertificateFound:
      return CallStep::CERTIFICATE_FOUND;
    case presence::JourneyStep::Kind::kCertificateVerified:
      return CallStep::CERTIFICATE_VERIFIED;
    case presence::JourneyStep::Kind::kStateFound:
      return CallStep::STATE_FOUND;
    case presence::JourneyStep::Kind::kHelloSent:
      return CallStep::HELLO;
    case presence::JourneyStep::Kind::kAckVerified:
      return CallStep::ACK;
    case presence::JourneyStep::Kind::kKeysReady:
      return CallStep::KEYS_AGREED;
    case presence::JourneyStep::Kind::kFirstAudio:
      return CallStep::FIRST_AUDIO_RECEIVED;
  }
  return CallStep::KIND_UNSPECIFIED;
}

void AddSteps(const node::CallView& call, Call& out) {
  std::optional<absl::Duration> accepted;
  if (call.accepted) accepted = *call.accepted - call.created;
  const auto add_accepted = [&] {
    CallStep* step = out.add_steps();
    step->set_kind(CallStep::ACCEPTED);
    *step->mutable_elapsed() = ToProto(*accepted);
    accepted.reset();
  };
  for (const presence::JourneyStep& from : call.steps) {
    // First audio comes behind the acceptance, whatever the two clocks say.
    const bool audio = from.kind == presence::JourneyStep::Kind::kFirstAudio;
    if (accepted && (audio || from.since_start > *accepted)) add_accepted();
    CallStep* step = out.add_steps();
    step->set_kind(OfStep(from.kind));
    *step->mutable_elapsed() = ToProto(from.since_start);
    step->set_detail(from.detail);
    step->set_address(from.address);
    step->set_hop_count(from.hops);
  }
  if (accepted) add_accepted();
  if (!call.ended) return;
  CallStep* step = out.add_steps();
  step->set_kind(CallStep::ENDED);
  *step->mutable_elapsed() = ToProto(*call.ended - call.created);
  step->set_detail(out.end_detail());
}

v1::AudioLevel OfLevel(const media::AudioLevel& level) {
  v1::AudioLevel out;
  out.set_rms_dbov(level.rms_dbov);
  out.set_peak_dbov(level.peak_dbov);
  return out;
}

v1::CallTransfer OfTransfer(const node::TransferView& transfer) {
  v1::CallTransfer out;
  out.set_target_email(transfer.target);
  out.set_by_peer(transfer.by_peer);
  out.set_state(v1::CallTransfer::FAILED);
  switch (transfer.state) {
    case wire::v1::REFER_STATE_TRYING:
      out.set_state(v1::CallTransfer::TRYING);
      break;
    case wire::v1::REFER_STATE_RINGING:
      out.set_state(v1::CallTransfer::RINGING);
      break;
    case wire::v1::REFER_STATE_DONE:
      out.set_state(v1::CallTransfer::DONE);
      break;
    case wire::v1::REFER_STATE_REFUSED:
      out.set_failure(Call::POLICY);
      break;
    case wire::v1::REFER_STATE_NOT_FOUND:
      out.set_failure(Call::NOT_FOUND);
      break;
    case wire::v1::REFER_STATE_UNREACHABLE:
      out.set_failure(Call::UNREACHABLE);
      break;
    case wire::v1::REFER_STATE_REJECTED:
      out.set_failure(Call::REJECTED);
      break;
    case wire::v1::REFER_STATE_BUSY:
      out.set_failure(Call::BUSY);
      break;
    case wire::v1::REFER_STATE_NO_ANSWER:
      out.set_failure(Call::NO_ANSWER);
      break;
    case wire::v1::REFER_STATE_UNSPECIFIED:
    case wire::v1::REFER_STATE_FAILED:
    case wire::v1::ReferState_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::ReferState_INT_MAX_SENTINEL_DO_NOT_USE_:
      out.set_failure(Call::FAILED);
      break;
  }
  return out;
}

v1::MediaStats::PeerHears OfHearing(media::PeerHears hears) {
  switch (hears) {
    case media::PeerHears::kUnknown:
      return v1::MediaStats::PEER_HEARS_UNSPECIFIED;
    case media::PeerHears::kNothing:
      return v1::MediaStats::NOTHING;
    case media::PeerHears::kVoice:
      return v1::MediaStats::VOICE;
  }
  return v1::MediaStats::PEER_HEARS_UNSPECIFIED;
}

}  // namespace

Call::EndReason EndReasonOf(const node::CallView& call) {
  if (call.info.state != session::CallState::kEnded) return Call::END_REASON_UNSPECIFIED;
  if (call.incompatible) return Call::INCOMPATIBLE;
  if (call.transfer && !call.transfer->by_peer &&
      call.transfer->state == wire::v1::REFER_STATE_DONE) {
    return Call::TRANSFERRED;
  }
  switch (call.info.end) {
    case session::CallEnd::kNone:
      return Call::FAILED;
    case session::CallEnd::kHungUpByUs:
      return Call::HANGUP_LOCAL;
    case session::CallEnd::kHungUpByPeer:
      return Call::HANGUP_REMOTE;
    case session::CallEnd::kCancelled:
      return Call::CANCELLED;
    case session::CallEnd::kRejected:
      return Call::REJECTED;
    case session::CallEnd::kBusy:
      return Call::BUSY;
    case session::CallEnd::kNotAnswered:
      return Call::NO_ANSWER;
    case session::CallEnd::kAnsweredElsewhere:
      return Call::ANSWERED_ELSEWHERE;
    case session::CallEnd::kPolicy:
      return Call::POLICY;
    case session::CallEnd::kSession:
      break;
  }
  if (!call.resolve_status.ok()) return OfResolve(call);
  return OfSession(call.info.session_reason);
}

v1::MediaStats ToProto(const media::CallStats& stats) {
  v1::MediaStats out;
  out.set_codec(absl::StrCat(stats.codec, "/48000"));
  out.set_send_bits_per_second(static_cast<int32_t>(stats.send_bitrate));
  out.set_receive_bits_per_second(static_cast<int32_t>(stats.receive_bitrate));
  out.set_sent_packet_count(stats.packets_sent);
  out.set_received_packet_count(stats.packets_received);
  out.set_lost_packet_count(stats.packets_lost);
  out.set_late_packet_count(stats.packets_late);
  out.set_rejected_packet_count(stats.dropped_forged + stats.dropped_replayed +
                                stats.dropped_unknown_key);
  out.set_receive_loss_ratio(stats.loss);
  out.set_send_loss_ratio(stats.remote_loss);
  *out.mutable_jitter() = ToProto(stats.jitter);
  if (stats.rtt) *out.mutable_round_trip_time() = ToProto(*stats.rtt);
  *out.mutable_playout_delay() = ToProto(stats.buffer_delay);
  out.set_concealed_ratio(stats.concealed);
  out.set_r_factor(stats.r_factor);
  out.set_mos(stats.mos);
  out.set_peer_hears(OfHearing(stats.peer_hears));
  out.set_key_epoch(stats.key_epoch);
  if (stats.send_level) *out.mutable_send_level() = OfLevel(*stats.send_level);
  if (stats.receive_level) *out.mutable_receive_level() = OfLevel(*stats.receive_level);
  return out;
}

v1::Call ToProto(const node::CallView& call, v1::AudioSource source) {
  Call out;
  const session::CallInfo& info = call.info;
  out.set_name(CallName(info.id));
  out.set_identity(IdentityName(call.identity_email));
  out.set_peer_email(info.peer ? info.peer->email : info.peer_email);
  out.set_direction(info.outgoing ? Call::OUTGOING : Call::INCOMING);
  out.set_state(StateOf(call));
  out.set_end_reason(EndReasonOf(call));
  if (out.state() == Call::ENDED) out.set_end_detail(info.detail);
  SetTime(call.created, out.mutable_create_time());
  if (call.accepted) SetTime(*call.accepted, out.mutable_answer_time());
  if (call.ended) SetTime(*call.ended, out.mutable_end_time());
  if (info.peer) {
    out.set_peer_display_name(info.peer->name);
    out.set_peer_device(Hex(info.peer->device.view()));
    *out.mutable_peer_certificate() = ToProto(info.peer->certificate);
    out.mutable_peer_certificate()->set_root_fingerprint(Hex(info.peer->root.view()));
    out.mutable_peer_certificate()->set_revocation(
        info.peer->revocation == pki::RevocationStatus::kGood ? v1::CertificateInfo::GOOD
                                                              : v1::CertificateInfo::UNKNOWN);
  }
  out.set_safety_phrase(info.safety_phrase);
  out.set_key_fingerprint(call.key_fingerprint);
  out.set_held_local(info.held_by_us);
  out.set_held_remote(info.held_by_peer);
  out.set_muted(call.muted);
  out.set_audio_source(source);
  if (call.media) {
    *out.mutable_media_stats() = ToProto(*call.media);
  }
  if (call.remote) {
    out.set_path(call.relayed ? Call::RELAYED : Call::DIRECT);
    if (!call.relayed) out.set_peer_address(call.remote->ToString());
  }
  out.set_received_digits(call.received_digits);
  out.set_conference(call.conference);
  if (call.transfer) *out.mutable_transfer() = OfTransfer(*call.transfer);
  out.set_referred_by(call.referred_by);
  out.set_quiet(call.quiet);
  out.set_voicemail(call.voicemail);
  const bool over = out.state() == Call::ENDED;
  out.set_recorded_local(info.recorded_by_us && !over);
  out.set_recorded_remote(info.recorded_by_peer && !over);
  AddSteps(call, out);
  return out;
}

std::string CallName(const session::CallId& call) { return absl::StrCat(kCalls, Hex(call.view())); }

std::optional<session::CallId> FindCallName(absl::string_view name,
                                            const std::vector<node::CallView>& calls) {
  absl::ConsumePrefix(&name, kCalls);
  const std::string prefix = absl::AsciiStrToLower(name);
  if (prefix.size() < kMinPrefix) return std::nullopt;
  std::optional<session::CallId> found;
  for (const node::CallView& call : calls) {
    if (!absl::StartsWith(Hex(call.info.id.view()), prefix)) continue;
    if (found) return std::nullopt;
    found = call.info.id;
  }
  return found;
}

}  // namespace p2pd::daemon
