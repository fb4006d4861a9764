#include <filesystem>

#include "clients/common/wav.h"
#include "p2pd/v1/error.pb.h"
#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class CallCommands : public WithFakeDaemon {
 protected:
  CallCommands() {
    calls_.CreateCall_.response = CallIn(v1::Call::DIALING);
    identity_.ListIdentities_.response.add_identities()->set_state(v1::Identity::LOGGED_IN);
  }

  static v1::Call CallIn(v1::Call::State state) {
    v1::Call call;
    call.set_name("calls/00ff");
    call.set_peer_email("bob@example.org");
    call.set_state(state);
    return call;
  }
  static v1::Call Spoken() {
    v1::Call call = CallIn(v1::Call::ENDED);
    call.set_end_reason(v1::Call::HANGUP_REMOTE);
    call.mutable_answer_time()->set_seconds(1);
    call.mutable_media_stats()->set_sent_packet_count(10);
    call.mutable_media_stats()->set_received_packet_count(10);
    call.add_steps()->set_kind(v1::CallStep::FIRST_AUDIO_RECEIVED);
    return call;
  }
  static grpc::Status OfReason(grpc::StatusCode code, const std::string& reason) {
    v1::ErrorDetail detail;
    detail.set_reason(reason);
    v1::ErrorStatus details;
    details.add_details()->PackFrom(detail);
    return {code, "the call has ended", details.SerializeAsString()};
  }
  void Then(const v1::Call& call) {
    v1::WatchCallsResponse change;
    *change.mutable_call() = call;
    calls_.changes.push_back(change);
  }
  void WriteTone(const std::string& path, size_t samples) {
    auto writer = clients::WavWriter::Create(path);
    ASSERT_EQ(writer.index(), 0u);
    std::get<0>(writer)->Append(std::vector<int16_t>(samples, 1000));
    EXPECT_EQ(std::get<0>(writer)->Close(), "");
  }
};

TEST_F(CallCommands, DialPlaysRecordsAndSucceedsOnlyWithVoiceBothWays) {
  WriteTone(Path("said.wav"), 4800);
  Then(CallIn(v1::Call::RINGING));
  Then(CallIn(v1::Call::ACTIVE));
  Then(Spoken());

  const Outcome outcome = Run({"call", "dial", "bob@example.org", "--play", Path("said.wav"),
                               "--record", Path("heard.wav")});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls_.CreateCall_.request.peer_email(), "bob@example.org");
  EXPECT_EQ(calls_.start.call(), "calls/00ff");
  EXPECT_EQ(calls_.voice_bytes, 9600u);
  const auto heard = clients::ReadWav(Path("heard.wav"));
  ASSERT_EQ(heard.index(), 0u);
  EXPECT_EQ(std::get<0>(heard).size(), 4800u);
}

TEST_F(CallCommands, ACallWithoutVoiceFails) {
  v1::Call silent = Spoken();
  silent.mutable_media_stats()->set_received_packet_count(0);
  v1::Call undecodable = Spoken();
  undecodable.clear_steps();
  v1::Call mute = Spoken();
  mute.mutable_media_stats()->set_sent_packet_count(0);
  v1::Call unheard = Spoken();
  unheard.mutable_media_stats()->set_peer_hears(v1::MediaStats::NOTHING);
  const std::vector<std::pair<v1::Call, std::string>> table = {
      {silent, "no packet came"},
      {undecodable, "no voice could be played"},
      {mute, "no packet was sent"},
      {unheard, "reports that none of our packets came"}};
  for (const auto& [call, lacking] : table) {
    calls_.changes.clear();
    Then(call);

    const Outcome outcome = Run({"call", "dial", "bob@example.org"});

    EXPECT_EQ(outcome.code, 1) << lacking;
    EXPECT_NE(outcome.err.find("p2pctl: no voice both ways: "), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(lacking), std::string::npos) << outcome.err;
  }
}

// Spoken() has no round trip: such a report needs more time than a short call has.
TEST_F(CallCommands, AShortCallNeedsNoReportOfTheOtherSide) {
  for (const auto hears : {v1::MediaStats::PEER_HEARS_UNSPECIFIED, v1::MediaStats::VOICE}) {
    v1::Call call = Spoken();
    call.mutable_media_stats()->set_peer_hears(hears);
    calls_.changes.clear();
    Then(call);

    EXPECT_EQ(Run({"call", "dial", "bob@example.org"}).code, 0);
  }
}

TEST_F(CallCommands, EndReasonsBecomeExitCodes) {
  const std::vector<std::pair<v1::Call::EndReason, int>> table = {{v1::Call::NOT_FOUND, 5},
                                                                  {v1::Call::NO_ANSWER, 6},
                                                                  {v1::Call::BUSY, 1},
                                                                  {v1::Call::OFFLINE, 1}};
  for (const auto& [reason, code] : table) {
    v1::Call ended = CallIn(v1::Call::ENDED);
    ended.set_end_reason(reason);
    calls_.changes.clear();
    Then(ended);

    const Outcome outcome = Run({"call", "dial", "bob@example.org"});

    EXPECT_EQ(outcome.code, code) << v1::Call::EndReason_Name(reason);
    EXPECT_NE(outcome.err.find("p2pctl: no call: "), std::string::npos) << outcome.err;
  }
}

TEST_F(CallCommands, StepsGoToStandardErrorEachOnce) {
  v1::Call call = CallIn(v1::Call::RINGING);
  call.add_steps()->set_detail("found at node aa");
  Then(call);
  call.add_steps()->set_detail("hello went out");
  Then(call);
  v1::Call ended = Spoken();
  ended.mutable_steps()->MergeFrom(call.steps());
  Then(ended);

  const Outcome outcome = Run({"call", "dial", "bob@example.org"});

  const size_t first = outcome.err.find("found at node aa");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(outcome.err.find("found at node aa", first + 1), std::string::npos);
  EXPECT_NE(outcome.err.find("hello went out"), std::string::npos);
}

TEST_F(CallCommands, BadVoiceFilesRingNobody) {
  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--play", Path("none.wav")}).code, 2);
  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--record", "/no/such/folder/x.wav"}).code, 2);
  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--for", "ever"}).code, 2);
  EXPECT_EQ(Run({"call", "answer", "--play", Path("none.wav")}).code, 2);
  EXPECT_EQ(Run({"call", "answer", "--record", "/no/such/folder/x.wav"}).code, 2);
  EXPECT_EQ(Run({"call", "answer", "--for", "ever"}).code, 2);
  EXPECT_EQ(calls_.CreateCall_.calls, 0);
}

TEST_F(CallCommands, ACallThatWasNotAnsweredLeavesTheOldRecording) {
  WriteTone(Path("old.wav"), 4800);
  v1::Call ended = CallIn(v1::Call::ENDED);
  ended.set_end_reason(v1::Call::BUSY);
  Then(ended);

  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--record", Path("old.wav")}).code, 1);
  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--record", Path("new.wav")}).code, 1);
  calls_.CreateCall_.status = {grpc::StatusCode::FAILED_PRECONDITION, "not logged in"};
  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--record", Path("old.wav")}).code, 1);
  EXPECT_EQ(RunTool({"--control", "unix:/nope", "call", "dial", "bob@example.org", "--record",
                     Path("old.wav")})
                .code,
            3);

  EXPECT_EQ(std::get<0>(clients::ReadWav(Path("old.wav"))).size(), 4800u);
  EXPECT_FALSE(std::filesystem::exists(Path("new.wav")));
}

TEST_F(CallCommands, AnAnsweredSilentCallReplacesTheRecordingBySilence) {
  WriteTone(Path("old.wav"), 4800);
  Then(Spoken());

  EXPECT_EQ(Run({"call", "dial", "bob@example.org", "--record", Path("old.wav")}).code, 0);

  EXPECT_EQ(std::filesystem::file_size(Path("old.wav")), 44u);
}

TEST_F(CallCommands, ACallThatBrokeOffAfterVoiceSaysSo) {
  v1::Call broken = Spoken();
  broken.set_end_reason(v1::Call::MEDIA_TIMEOUT);
  Then(broken);

  const Outcome outcome = Run({"call", "dial", "bob@example.org"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("nobody hung up: media timeout"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("exit code is 0"), std::string::npos) << outcome.err;
}

TEST_F(CallCommands, NobodyIsWaitedForWhereNobodyCanBeCalled) {
  identity_.ListIdentities_.response.Clear();
  identity_.GetIdentity_.status = {grpc::StatusCode::NOT_FOUND, "no identity of cat@example.org"};

  const Outcome none = Run({"call", "answer"});
  const Outcome unknown = Run({"--as", "cat@example.org", "call", "answer", "--auto"});

  EXPECT_EQ(none.code, 5);
  EXPECT_NE(none.err.find("p2pctl identity create"), std::string::npos) << none.err;
  EXPECT_EQ(unknown.code, 5);
  EXPECT_NE(unknown.err.find("cat@example.org"), std::string::npos) << unknown.err;
}

TEST_F(CallCommands, WaitingWithoutLoginSaysSo) {
  identity_.ListIdentities_.response.mutable_identities(0)->set_state(v1::Identity::LOGGED_OUT);

  EXPECT_NE(Run({"call", "answer", "--auto"}).err.find("p2pctl login"), std::string::npos);
}

TEST_F(CallCommands, ADaemonThatGoesAwayWhileWaitingIsUnreachable) {
  calls_.watch_status = {grpc::StatusCode::UNAVAILABLE, "Socket closed"};

  EXPECT_EQ(Run({"call", "answer", "--auto"}).code, 3);
  EXPECT_EQ(Run({"call", "answer"}).code, 3);
  EXPECT_EQ(Run({"call", "watch"}).code, 3);
}

TEST_F(CallCommands, AnswerTakesTheCallThatRings) {
  v1::Call ringing = CallIn(v1::Call::RINGING);
  ringing.set_direction(v1::Call::INCOMING);
  Then(ringing);
  Then(Spoken());
  calls_.AnswerCall_.response = CallIn(v1::Call::CONNECTING);

  const Outcome outcome = Run({"call", "answer"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(calls_.AnswerCall_.request.name(), "calls/00ff");
}

// Two devices of one user: the other was faster, before ours was heard or after.
TEST_F(CallCommands, AnAnswerThatCameTooLateSaysWhy) {
  v1::Call elsewhere = CallIn(v1::Call::ENDED);
  elsewhere.set_end_reason(v1::Call::ANSWERED_ELSEWHERE);
  calls_.GetCall_.response = elsewhere;
  calls_.AnswerCall_.status = {grpc::StatusCode::FAILED_PRECONDITION, "the call has ended"};

  const Outcome before = Run({"call", "answer", "00ff"});

  EXPECT_EQ(before.code, 1);
  EXPECT_EQ(before.err, "p2pctl: no call: answered elsewhere\n");

  elsewhere.mutable_answer_time()->set_seconds(1);
  Then(elsewhere);
  calls_.AnswerCall_.status = grpc::Status::OK;
  calls_.AnswerCall_.response = CallIn(v1::Call::CONNECTING);
  calls_.voice_status = OfReason(grpc::StatusCode::FAILED_PRECONDITION, "CALL_STATE_WRONG");

  const Outcome after = Run({"call", "answer", "00ff"});

  EXPECT_EQ(after.code, 1);
  EXPECT_EQ(after.err, "p2pctl: no call: answered elsewhere\n");
}

TEST_F(CallCommands, VerbsNameTheCall) {
  EXPECT_EQ(Run({"call", "hangup", "00ff"}).code, 0);
  EXPECT_EQ(calls_.HangUpCall_.request.name(), "calls/00ff");
  EXPECT_EQ(Run({"call", "hold", "calls/00ff"}).code, 0);
  EXPECT_EQ(calls_.HoldCall_.request.name(), "calls/00ff");
  EXPECT_EQ(Run({"call", "resume", "00ff"}).code, 0);
  EXPECT_EQ(Run({"call", "reject", "00ff"}).code, 0);
  EXPECT_EQ(Run({"call", "mute", "00ff"}).code, 0);
  EXPECT_TRUE(calls_.MuteCall_.request.muted());
  EXPECT_EQ(Run({"call", "mute", "00ff", "off"}).code, 0);
  EXPECT_FALSE(calls_.MuteCall_.request.muted());
  EXPECT_EQ(Run({"call", "mute", "00ff", "maybe"}).code, 2);
  EXPECT_EQ(Run({"call", "dtmf", "00ff", "12#"}).code, 0);
  EXPECT_EQ(calls_.SendDtmf_.request.digits(), "12#");
}

TEST_F(CallCommands, ListAndShow) {
  *calls_.ListCalls_.response.add_calls() = Spoken();
  calls_.GetCall_.response = Spoken();

  EXPECT_NE(Run({"call", "list"}).out.find("hangup remote"), std::string::npos);
  EXPECT_NE(Run({"call", "show", "00ff"}).out.find("bob@example.org"), std::string::npos);
}

}  // namespace
}  // namespace p2pd::cli
