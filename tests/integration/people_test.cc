// Two people on three daemons: found by e-mail address, seen, called, heard.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "libcore/runtime/thread.h"
#include "tests/integration/harness.h"

namespace p2pd::integration {
namespace {

using Calls = v1::CallService::Stub;
using Contacts = v1::ContactService::Stub;
using Identities = v1::IdentityService::Stub;

constexpr int kRate = 48'000;

// Half a second of a tone.
std::string Tone(double hertz) {
  std::string pcm;
  for (int i = 0; i < kRate / 2; ++i) {
    const auto sample =
        static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * hertz * i / kRate));
    pcm.push_back(static_cast<char>(sample & 0xff));
    pcm.push_back(static_cast<char>((sample >> 8) & 0xff));
  }
  return pcm;
}

// How much of `hertz` there is in 16-bit samples, by Goertzel's recurrence.
double Power(const std::string& pcm, double hertz) {
  const double step = 2 * std::cos(2 * std::numbers::pi * hertz / kRate);
  double before = 0;
  double last = 0;
  for (size_t i = 0; i + 1 < pcm.size(); i += 2) {
    const auto sample = static_cast<int16_t>(static_cast<uint8_t>(pcm[i]) |
                                             (static_cast<uint8_t>(pcm[i + 1]) << 8));
    const double now = sample + step * last - before;
    before = last;
    last = now;
  }
  return last * last + before * before - step * last * before;
}

class PeopleTest : public ::testing::Test {
 protected:
  PeopleTest()
      : alice_({.data_dir = "", .bootstrap = {node_.endpoint()}, .more = {}}),
        bob_({.data_dir = "", .bootstrap = {node_.endpoint()}, .more = {}}),
        authority_("Example CA") {}
  void SetUp() override {
    ASSERT_TRUE(node_.ready() && alice_.ready() && bob_.ready());
    MakePerson(alice_, authority_, "alice@example.org");
    MakePerson(bob_, authority_, "bob@example.org");
  }

  static v1::Call Dial(Daemon& from, const std::string& email,
                       v1::AudioSource source = v1::AUDIO_SOURCE_STREAM) {
    v1::CreateCallRequest request;
    request.set_peer_email(email);
    request.set_audio_source(source);
    v1::Call call;
    const grpc::Status status = from.Call<v1::CallService>(&Calls::CreateCall, request, &call);
    EXPECT_TRUE(status.ok()) << status.error_message();
    // What is stored at this very node is found, and judged, before the answer goes out.
    EXPECT_TRUE(call.state() == v1::Call::DIALING || call.state() == v1::Call::ENDED);
    return call;
  }
  // Watches calls until one satisfies `enough`.
  static v1::Call WatchUntil(Daemon& daemon, const std::string& name,
                             const std::function<bool(const v1::Call&)>& enough) {
    const auto stub = v1::CallService::NewStub(daemon.channel());
    grpc::ClientContext context;
    Daemon::SetDeadline(context);
    v1::WatchCallsRequest request;
    request.set_name(name);
    const auto stream = stub->WatchCalls(&context, request);
    v1::WatchCallsResponse message;
    while (stream->Read(&message)) {
      if (message.has_call() && enough(message.call())) {
        context.TryCancel();
        return message.call();
      }
    }
    ADD_FAILURE() << "the stream ended: " << stream->Finish().error_message();
    return {};
  }
  v1::Call WaitForRing() {
    return WatchUntil(bob_, "", [](const v1::Call& call) {
      return call.direction() == v1::Call::INCOMING && call.state() == v1::Call::RINGING;
    });
  }
  static void Answer(Daemon& daemon, const std::string& name, v1::AudioSource source) {
    v1::AnswerCallRequest answer;
    answer.set_name(name);
    answer.set_audio_source(source);
    v1::Call call;
    const grpc::Status status = daemon.Call<v1::CallService>(&Calls::AnswerCall, answer, &call);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  static void HangUp(Daemon& daemon, const std::string& name) {
    v1::HangUpCallRequest request;
    request.set_name(name);
    v1::Call call;
    EXPECT_TRUE(daemon.Call<v1::CallService>(&Calls::HangUpCall, request, &call).ok());
  }
  static bool IsOver(const v1::Call& call) { return call.state() == v1::Call::ENDED; }
  // Plays `pcm` into a call and returns what was heard until it ended.
  static std::string Talk(Daemon& daemon, const std::string& call, const std::string& pcm) {
    const auto stub = v1::CallService::NewStub(daemon.channel());
    grpc::ClientContext context;
    Daemon::SetDeadline(context);
    const auto stream = stub->StreamAudio(&context);
    v1::StreamAudioRequest start;
    start.mutable_start()->set_call(call);
    EXPECT_TRUE(stream->Write(start));
    // Written without regard to time: flow control holds it back.
    runtime::Thread writer("writer", [&] {
      for (size_t at = 0; at < pcm.size(); at += 1920) {
        v1::StreamAudioRequest frame;
        frame.mutable_frame()->set_pcm(pcm.substr(at, 1920));
        if (!stream->Write(frame)) return;
      }
      stream->WritesDone();
    });
    std::string heard;
    v1::StreamAudioResponse response;
    bool ended = false;
    while (stream->Read(&response)) {
      heard += response.frame().pcm();
      ended = ended || response.has_ended();
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(ended);
    return heard;
  }

  Daemon node_;
  Daemon alice_;
  Daemon bob_;
  Authority authority_;
};

TEST_F(PeopleTest, ALiveStreamGivesTenMillisecondsAtATime) {
  const v1::Call out = Dial(alice_, "bob@example.org");
  const v1::Call in = WaitForRing();
  runtime::Thread alice("alice", [&] { Talk(alice_, out.name(), Tone(440)); });
  const auto stub = v1::CallService::NewStub(bob_.channel());
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  const auto stream = stub->StreamAudio(&context);
  v1::StreamAudioRequest start;
  start.mutable_start()->set_call(in.name());
  start.mutable_start()->set_direction(v1::AudioStart::RECEIVE);
  start.mutable_start()->set_live(true);
  EXPECT_TRUE(stream->Write(start));
  Answer(bob_, in.name(), v1::AUDIO_SOURCE_STREAM);
  std::string heard;
  v1::StreamAudioResponse response;
  while (heard.size() < 2 * 48'000 && stream->Read(&response)) {
    if (!response.has_frame()) continue;
    EXPECT_EQ(response.frame().pcm().size(), 960u);
    heard += response.frame().pcm();
  }
  HangUp(alice_, out.name());
  EXPECT_GT(Power(heard, 440), 100 * Power(heard, 1000));
}

TEST_F(PeopleTest, VoiceGoesBothWaysAndBothSeeTheSamePhrase) {
  const v1::Call out = Dial(alice_, "bob@example.org");
  const v1::Call in = WaitForRing();
  EXPECT_EQ(in.peer_email(), "alice@example.org");
  std::string alice_heard;
  std::string bob_heard;
  {
    runtime::Thread alice("alice", [&] { alice_heard = Talk(alice_, out.name(), Tone(440)); });
    runtime::Thread bob("bob", [&] { bob_heard = Talk(bob_, in.name(), Tone(1000)); });
    Answer(bob_, in.name(), v1::AUDIO_SOURCE_STREAM);
    const v1::Call active = WatchUntil(alice_, out.name(), [](const v1::Call& call) {
      return call.media_stats().received_packet_count() > 50;
    });
    EXPECT_EQ(active.state(), v1::Call::ACTIVE);
    HangUp(alice_, out.name());
  }
  const v1::Call alices = WatchUntil(alice_, out.name(), IsOver);
  const v1::Call bobs = WatchUntil(bob_, in.name(), IsOver);
  EXPECT_EQ(alices.end_reason(), v1::Call::HANGUP_LOCAL);
  EXPECT_EQ(bobs.end_reason(), v1::Call::HANGUP_REMOTE);
  EXPECT_FALSE(alices.safety_phrase().empty());
  EXPECT_EQ(alices.safety_phrase(), bobs.safety_phrase());
  // The last message has the last figures, at the side that did not hang up too.
  v1::GetCallRequest later;
  later.set_name(in.name());
  v1::Call shown;
  ASSERT_TRUE(bob_.Call<v1::CallService>(&Calls::GetCall, later, &shown).ok());
  EXPECT_EQ(bobs.media_stats().sent_packet_count(), shown.media_stats().sent_packet_count());
  EXPECT_EQ(alices.key_fingerprint(), bobs.key_fingerprint());
  EXPECT_EQ(alices.peer_certificate().emails(0), "bob@example.org");
  // Each heard the other and not itself.
  EXPECT_GT(Power(alice_heard, 1000), 100 * Power(alice_heard, 440));
  EXPECT_GT(Power(bob_heard, 440), 100 * Power(bob_heard, 1000));
  std::vector<v1::CallStep::Kind> steps;
  for (const v1::CallStep& step : alices.steps()) steps.push_back(step.kind());
  EXPECT_THAT(steps, ::testing::ElementsAre(
                         v1::CallStep::CERTIFICATE_FOUND, v1::CallStep::CERTIFICATE_VERIFIED,
                         v1::CallStep::STATE_FOUND, v1::CallStep::HELLO, v1::CallStep::ACK,
                         v1::CallStep::KEYS_AGREED, v1::CallStep::ACCEPTED,
                         v1::CallStep::FIRST_AUDIO_RECEIVED, v1::CallStep::ENDED));
}

TEST_F(PeopleTest, ACallMayBeRefusedAndMayBeGivenUp) {
  v1::Call out = Dial(alice_, "bob@example.org");
  v1::RejectCallRequest reject;
  reject.set_name(WaitForRing().name());
  v1::Call in;
  ASSERT_TRUE(bob_.Call<v1::CallService>(&Calls::RejectCall, reject, &in).ok());
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::REJECTED);
  out = Dial(alice_, "bob@example.org");
  in = WaitForRing();
  HangUp(alice_, out.name());
  EXPECT_EQ(WatchUntil(bob_, in.name(), IsOver).end_reason(), v1::Call::CANCELLED);
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::CANCELLED);
}

// The client that dialled is gone without a word, as by kill -9.
TEST_F(PeopleTest, ACallDoesNotOutliveTheClientThatIsItsTelephone) {
  const v1::Call out = Dial(alice_, "bob@example.org", v1::AUDIO_SOURCE_SILENCE);
  const v1::Call in = WaitForRing();
  {
    const auto calls = v1::CallService::NewStub(alice_.channel());
    grpc::ClientContext context;
    Daemon::SetDeadline(context);
    v1::WatchCallsRequest request;
    request.set_name(out.name());
    request.set_hang_up_at_end(true);
    const auto stream = calls->WatchCalls(&context, request);
    Answer(bob_, in.name(), v1::AUDIO_SOURCE_SILENCE);
    v1::WatchCallsResponse message;
    while (stream->Read(&message) && message.call().state() != v1::Call::ACTIVE) continue;
    EXPECT_EQ(message.call().state(), v1::Call::ACTIVE);
    context.TryCancel();
  }
  EXPECT_EQ(WatchUntil(bob_, in.name(), IsOver).end_reason(), v1::Call::HANGUP_REMOTE);
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::HANGUP_LOCAL);
}

TEST_F(PeopleTest, APersonNobodyCertifiedIsNotFoundAndOneWhoLoggedOutIsOffline) {
  v1::Call out = Dial(alice_, "carol@example.org");
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::NOT_FOUND);
  v1::Identity identity;
  ASSERT_TRUE(
      bob_.Call<v1::IdentityService>(&Identities::Logout, v1::LogoutRequest(), &identity).ok());
  EXPECT_EQ(identity.state(), v1::Identity::LOGGED_OUT);
  out = Dial(alice_, "bob@example.org");
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::OFFLINE);
}

TEST_F(PeopleTest, WithoutTheRootNobodyIsBelieved) {
  v1::ListTrustRootsResponse roots;
  ASSERT_TRUE(alice_
                  .Call<v1::IdentityService>(&Identities::ListTrustRoots,
                                             v1::ListTrustRootsRequest(), &roots)
                  .ok());
  v1::DeleteTrustRootRequest remove;
  remove.set_name(roots.trust_roots(0).name());
  v1::DeleteTrustRootResponse removed;
  ASSERT_TRUE(
      alice_.Call<v1::IdentityService>(&Identities::DeleteTrustRoot, remove, &removed).ok());
  const v1::Call out = Dial(alice_, "bob@example.org");
  const v1::Call over = WatchUntil(alice_, out.name(), IsOver);
  // A get names the roots that it trusts, so that whoever has none finds nobody.
  EXPECT_TRUE(over.end_reason() == v1::Call::ROOT_UNTRUSTED ||
              over.end_reason() == v1::Call::NOT_FOUND)
      << v1::Call::EndReason_Name(over.end_reason());
}

TEST_F(PeopleTest, PresenceFollowsAContact) {
  v1::CreateContactRequest add;
  add.set_email("bob@example.org");
  v1::Contact contact;
  ASSERT_TRUE(alice_.Call<v1::ContactService>(&Contacts::CreateContact, add, &contact).ok());
  const auto stub = v1::ContactService::NewStub(alice_.channel());
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  const auto stream = stub->WatchPresence(&context, v1::WatchPresenceRequest());
  const auto wait_for = [&](v1::Availability availability) {
    v1::WatchPresenceResponse message;
    while (stream->Read(&message)) {
      if (message.presence().availability() == availability) return true;
    }
    return false;
  };
  EXPECT_TRUE(wait_for(v1::AVAILABILITY_AVAILABLE));
  v1::SetPresenceRequest set;
  set.set_availability(v1::AVAILABILITY_BUSY);
  v1::Identity identity;
  ASSERT_TRUE(bob_.Call<v1::IdentityService>(&Identities::SetPresence, set, &identity).ok());
  EXPECT_TRUE(wait_for(v1::AVAILABILITY_BUSY));
  ASSERT_TRUE(
      bob_.Call<v1::IdentityService>(&Identities::Logout, v1::LogoutRequest(), &identity).ok());
  EXPECT_TRUE(wait_for(v1::AVAILABILITY_OFFLINE));
  context.TryCancel();
}

TEST_F(PeopleTest, ARepeatedRequestDialsOnce) {
  v1::CreateCallRequest request;
  request.set_peer_email("bob@example.org");
  request.set_request_id("once");
  v1::Call first;
  v1::Call second;
  ASSERT_TRUE(alice_.Call<v1::CallService>(&Calls::CreateCall, request, &first).ok());
  ASSERT_TRUE(alice_.Call<v1::CallService>(&Calls::CreateCall, request, &second).ok());
  EXPECT_EQ(first.name(), second.name());
  HangUp(alice_, first.name());
}

TEST_F(PeopleTest, ADaemonThatEndsHangsUp) {
  const v1::Call out = Dial(alice_, "bob@example.org", v1::AUDIO_SOURCE_TONE);
  const v1::Call in = WaitForRing();
  Answer(bob_, in.name(), v1::AUDIO_SOURCE_SILENCE);
  WatchUntil(alice_, out.name(),
             [](const v1::Call& call) { return call.state() == v1::Call::ACTIVE; });
  EXPECT_EQ(bob_.Stop().exit_code, 0);
  EXPECT_EQ(WatchUntil(alice_, out.name(), IsOver).end_reason(), v1::Call::HANGUP_REMOTE);
}

}  // namespace
}  // namespace p2pd::integration
