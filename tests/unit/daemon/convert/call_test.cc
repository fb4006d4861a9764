#include "daemon/convert/call.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"

namespace p2pd::daemon {
namespace {

using v1::Call;

node::CallView Ended(session::CallEnd end, session::EndReason reason = session::EndReason::kNone) {
  node::CallView call;
  call.info.state = session::CallState::kEnded;
  call.info.end = end;
  call.info.session_reason = reason;
  call.created = absl::FromUnixSeconds(100);
  call.ended = absl::FromUnixSeconds(103);
  return call;
}

node::CallView Unresolved(absl::Status status, std::string problem,
                          pki::ChainFault fault = pki::ChainFault::kNone) {
  node::CallView call = Ended(session::CallEnd::kSession);
  call.resolve_status = std::move(status);
  call.problem = std::move(problem);
  call.fault = fault;
  return call;
}

session::CallId Id(absl::string_view hex32) {
  return session::CallId::FromView(ByteView(*FromHex(hex32))).value();
}

TEST(CallEnd, OfACallThatWasAnswered) {
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kHungUpByUs)), Call::HANGUP_LOCAL);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kHungUpByPeer)), Call::HANGUP_REMOTE);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kCancelled)), Call::CANCELLED);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kRejected)), Call::REJECTED);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kBusy)), Call::BUSY);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kNotAnswered)), Call::NO_ANSWER);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kAnsweredElsewhere)), Call::ANSWERED_ELSEWHERE);
  EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kPolicy)), Call::POLICY);
}

TEST(CallEnd, EachRefusalOfTheHandshakeHasItsOwnName) {
  struct Row {
    session::EndReason reason;
    Call::EndReason shown;
  };
  constexpr Row kRows[] = {
      {session::EndReason::kNoAnswer, Call::UNREACHABLE},
      {session::EndReason::kNotLoggedInHere, Call::OFFLINE},
      {session::EndReason::kRefusedUnknownCaller, Call::POLICY},
      {session::EndReason::kWrongEmail, Call::CERTIFICATE_WRONG_EMAIL},
      {session::EndReason::kCertificateExpired, Call::CERTIFICATE_EXPIRED},
      {session::EndReason::kCertificateRevoked, Call::CERTIFICATE_REVOKED},
      {session::EndReason::kCertificateUntrusted, Call::ROOT_UNTRUSTED},
      {session::EndReason::kWrongIdentity, Call::STRANGER_ANSWERED},
      {session::EndReason::kBadSignature, Call::ACK_CHANGED},
      {session::EndReason::kReplayedHello, Call::HELLO_REPLAYED},
      {session::EndReason::kResealedHello, Call::HELLO_FORGED},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(EndReasonOf(Ended(session::CallEnd::kSession, row.reason)), row.shown);
  }
}

TEST(CallEnd, OfAPersonWhoWasNotFoundOrNotBelieved) {
  const absl::Status denied = absl::PermissionDeniedError("no");
  EXPECT_EQ(EndReasonOf(Unresolved(absl::NotFoundError(""), "CERTIFICATE_NOT_FOUND")),
            Call::NOT_FOUND);
  EXPECT_EQ(EndReasonOf(Unresolved(absl::UnavailableError(""), "STATE_NOT_FOUND")), Call::OFFLINE);
  EXPECT_EQ(EndReasonOf(Unresolved(denied, "STATE_FORGED")), Call::STATE_FORGED);
  EXPECT_EQ(EndReasonOf(Unresolved(denied, "STATE_OLD")), Call::STATE_OLD);
  EXPECT_EQ(EndReasonOf(Unresolved(absl::FailedPreconditionError(""), "KEY_CHANGED")),
            Call::CONTACT_KEY_CHANGED);
  EXPECT_EQ(EndReasonOf(Unresolved(denied, "WRONG_EMAIL", pki::ChainFault::kWrongEmail)),
            Call::CERTIFICATE_WRONG_EMAIL);
  EXPECT_EQ(EndReasonOf(Unresolved(denied, "REVOKED", pki::ChainFault::kRevoked)),
            Call::CERTIFICATE_REVOKED);
  EXPECT_EQ(EndReasonOf(Unresolved(denied, "", pki::ChainFault::kPathTooLong)),
            Call::CERTIFICATE_INVALID);
}

TEST(CallEnd, OfARunningCallIsNone) {
  node::CallView call;
  call.info.state = session::CallState::kActive;
  EXPECT_EQ(EndReasonOf(call), Call::END_REASON_UNSPECIFIED);
}

TEST(CallToProto, StepsStandInTheOrderInWhichTheyHappened) {
  node::CallView call = Ended(session::CallEnd::kHungUpByUs);
  using Kind = presence::JourneyStep::Kind;
  call.accepted = call.created + absl::Seconds(1);
  call.steps = {{Kind::kCertificateFound, absl::Milliseconds(1), "at node", 2, "1.2.3.4:5"},
                {Kind::kKeysReady, absl::Milliseconds(5), "", 0, ""},
                {Kind::kFirstAudio, absl::Milliseconds(1020), "", 0, ""}};
  const Call out = ToProto(call, v1::AUDIO_SOURCE_STREAM);
  ASSERT_EQ(out.steps_size(), 5);
  EXPECT_EQ(out.steps(0).kind(), v1::CallStep::CERTIFICATE_FOUND);
  EXPECT_EQ(out.steps(0).hop_count(), 2);
  EXPECT_EQ(out.steps(0).address(), "1.2.3.4:5");
  EXPECT_EQ(out.steps(1).kind(), v1::CallStep::KEYS_AGREED);
  EXPECT_EQ(out.steps(2).kind(), v1::CallStep::ACCEPTED);
  EXPECT_EQ(out.steps(3).kind(), v1::CallStep::FIRST_AUDIO_RECEIVED);
  EXPECT_EQ(out.steps(4).kind(), v1::CallStep::ENDED);
  EXPECT_EQ(out.steps(4).elapsed().seconds(), 3);
}

TEST(CallToProto, IsActiveOnlyOnceVoiceFlows) {
  node::CallView call;
  call.info.state = session::CallState::kActive;
  EXPECT_EQ(ToProto(call, v1::AUDIO_SOURCE_STREAM).state(), Call::CONNECTING);
  call.media.emplace();
  EXPECT_EQ(ToProto(call, v1::AUDIO_SOURCE_STREAM).state(), Call::ACTIVE);
  call.info.state = session::CallState::kHeld;
  call.info.held_by_us = true;
  EXPECT_EQ(ToProto(call, v1::AUDIO_SOURCE_STREAM).state(), Call::ACTIVE);
  EXPECT_TRUE(ToProto(call, v1::AUDIO_SOURCE_STREAM).held_local());
}

TEST(CallNames, TheFirstDigitsSufficeWhereTheyAreUnique) {
  node::CallView a;
  a.info.id = Id("aabbccdd00000000000000000000000a");
  node::CallView b;
  b.info.id = Id("aabbccee00000000000000000000000b");
  const std::vector<node::CallView> calls = {a, b};
  EXPECT_EQ(FindCallName(CallName(a.info.id), calls), a.info.id);
  EXPECT_EQ(FindCallName("calls/aabbccee", calls), b.info.id);
  EXPECT_EQ(FindCallName("AABBCCD", calls), a.info.id);
  EXPECT_FALSE(FindCallName("aabbcc", calls).has_value()) << "two fit";
  EXPECT_FALSE(FindCallName("aab", calls).has_value()) << "too short";
  EXPECT_FALSE(FindCallName("ffff", calls).has_value());
  EXPECT_FALSE(FindCallName("", calls).has_value());
}

TEST(MediaStats, CarryTheirUnits) {
  media::CallStats stats;
  stats.codec = "opus";
  stats.send_bitrate = 32'000.4;
  stats.loss = 0.25;
  stats.jitter = absl::Milliseconds(3);
  stats.dropped_forged = 2;
  stats.dropped_replayed = 3;
  stats.key_epoch = 4;
  stats.send_level = media::AudioLevel{.rms_dbov = -30, .peak_dbov = -12};
  const v1::MediaStats out = ToProto(stats);
  EXPECT_EQ(out.codec(), "opus/48000");
  EXPECT_EQ(out.send_bits_per_second(), 32'000);
  EXPECT_EQ(out.receive_loss_ratio(), 0.25);
  EXPECT_EQ(out.jitter().nanos(), 3'000'000);
  EXPECT_EQ(out.rejected_packet_count(), 5u);
  EXPECT_EQ(out.key_epoch(), 4u);
  EXPECT_EQ(out.send_level().rms_dbov(), -30);
  EXPECT_EQ(out.send_level().peak_dbov(), -12);
  EXPECT_FALSE(out.has_receive_level()) << "nothing was heard yet";
  EXPECT_FALSE(out.has_round_trip_time());
  EXPECT_EQ(out.peer_hears(), v1::MediaStats::PEER_HEARS_UNSPECIFIED);
  stats.peer_hears = media::PeerHears::kNothing;
  EXPECT_EQ(ToProto(stats).peer_hears(), v1::MediaStats::NOTHING);
  stats.peer_hears = media::PeerHears::kVoice;
  EXPECT_EQ(ToProto(stats).peer_hears(), v1::MediaStats::VOICE);
}

}  // namespace
}  // namespace p2pd::daemon
