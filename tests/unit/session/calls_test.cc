#include "libcore/session/calls.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "p2pd/wire/v1/session.pb.h"
#include "tests/sim/session_host.h"

namespace p2pd::session {
namespace {

using sim::Authority;
using sim::LinkOptions;
using sim::Person;
using sim::SessionHost;
using sim::World;
using testing::SizeIs;

LinkOptions Steady() {
  LinkOptions options;
  options.latency_min = options.latency_max = absl::Milliseconds(20);
  options.jitter = absl::ZeroDuration();
  return options;
}

class CallsTest : public testing::Test {
 protected:
  CallsTest() : world_(1, Steady()) {
    caller_.LogIn(alice_);
    desk_.LogIn(bob_desk_);
    laptop_.LogIn(bob_laptop_);
  }
  CallId Dial(const std::vector<RemoteDevice>& devices) {
    const auto id = caller_.calls().Dial(world_.now(), alice_.user(), devices, ToBytes("offer"));
    EXPECT_TRUE(id.ok()) << id.status();
    caller_.Kick();
    return *id;
  }
  RemoteDevice Desk() { return bob_desk_.At({desk_.at()}); }
  RemoteDevice Laptop() { return bob_laptop_.At({laptop_.at()}); }
  void Run(absl::Duration span = absl::Seconds(1)) { world_.RunFor(span); }
  static CallInfo At(SessionHost& host, const CallId& id) {
    const CallInfo* info = host.calls().Find(id);
    return info == nullptr ? CallInfo() : *info;
  }
  // An accepted call between alice and bob's desk.
  CallId Talk() {
    const CallId id = Dial({Desk()});
    Run();
    EXPECT_TRUE(desk_.calls().Accept(world_.now(), id).ok());
    desk_.Kick();
    Run();
    EXPECT_EQ(At(caller_, id).state, CallState::kActive);
    return id;
  }
  template <class T>
  static size_t CountOf(const SessionHost& host) {
    size_t out = 0;
    for (const CallEvent& event : host.call_events) out += std::holds_alternative<T>(event) ? 1 : 0;
    return out;
  }

  World world_;
  Authority ca_{7};
  Person alice_ = ca_.MakePerson("alice@example.org");
  Person bob_desk_ = ca_.MakePerson("bob@example.org");
  Person bob_laptop_ = ca_.AtDevice("bob@example.org", bob_desk_.key, bob_desk_.chain);
  SessionHost caller_{world_, 11};
  SessionHost desk_{world_, 12};
  SessionHost laptop_{world_, 13};
};

TEST_F(CallsTest, RingsIsAcceptedAndEnds) {
  const CallId id = Dial({Desk()});
  EXPECT_EQ(At(caller_, id).state, CallState::kDialing);
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kRinging);
  const CallInfo ringing = At(desk_, id);
  EXPECT_EQ(ringing.state, CallState::kRinging);
  EXPECT_FALSE(ringing.outgoing);
  EXPECT_EQ(ringing.peer_email, "alice@example.org");
  EXPECT_EQ(AsText(ringing.offer), "offer");
  EXPECT_EQ(CountOf<CallKeysReady>(caller_), 1u);

  const Instant accepted = world_.now();
  ASSERT_TRUE(desk_.calls().Accept(accepted, id).ok());
  desk_.Kick();
  EXPECT_EQ(At(desk_, id).state, CallState::kActive);
  ASSERT_TRUE(world_.RunUntil(absl::Seconds(5),
                              [&] { return At(caller_, id).state == CallState::kActive; }));
  EXPECT_EQ(world_.now() - accepted, absl::Milliseconds(20));  // half a round trip
  EXPECT_EQ(AsText(At(caller_, id).answer), "answer");
  EXPECT_EQ(At(caller_, id).safety_phrase, At(desk_, id).safety_phrase);
  EXPECT_EQ(At(caller_, id).peer->user, bob_desk_.user());

  ASSERT_TRUE(caller_.calls().HangUp(world_.now(), id).ok());
  caller_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).end, CallEnd::kHungUpByUs);
  EXPECT_EQ(At(desk_, id).end, CallEnd::kHungUpByPeer);
}

TEST_F(CallsTest, TheFirstDeviceToAcceptWins) {
  const CallId id = Dial({Desk(), Laptop()});
  Run();
  EXPECT_EQ(At(desk_, id).state, CallState::kRinging);
  EXPECT_EQ(At(laptop_, id).state, CallState::kRinging);
  ASSERT_TRUE(laptop_.calls().Accept(world_.now(), id).ok());
  laptop_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kActive);
  EXPECT_EQ(At(caller_, id).peer->device, bob_laptop_.device.id);
  EXPECT_EQ(At(laptop_, id).state, CallState::kActive);
  EXPECT_EQ(At(desk_, id).end, CallEnd::kAnsweredElsewhere);
}

TEST_F(CallsTest, TwoAcceptsThatCrossLeaveOneCall) {
  const CallId id = Dial({Desk(), Laptop()});
  Run();
  ASSERT_TRUE(desk_.calls().Accept(world_.now(), id).ok());
  ASSERT_TRUE(laptop_.calls().Accept(world_.now(), id).ok());
  desk_.Kick();
  laptop_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kActive);
  const bool desk_won = At(desk_, id).state == CallState::kActive;
  EXPECT_EQ(At(desk_won ? laptop_ : desk_, id).end, CallEnd::kAnsweredElsewhere);
  EXPECT_NE(At(laptop_, id).state, At(desk_, id).state);
}

TEST_F(CallsTest, ADeviceThatIsOffDoesNotKeepTheOtherFromRinging) {
  desk_.Vanish();
  const CallId id = Dial({Desk(), Laptop()});
  Run(absl::Seconds(10));
  EXPECT_EQ(At(caller_, id).state, CallState::kRinging);
  EXPECT_EQ(At(caller_, id).session_reason, EndReason::kNoAnswer);
  ASSERT_TRUE(laptop_.calls().Accept(world_.now(), id).ok());
  laptop_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kActive);
}

TEST_F(CallsTest, RejectedAtOneDeviceIsRejected) {
  const CallId id = Dial({Desk(), Laptop()});
  Run();
  ASSERT_TRUE(desk_.calls().Reject(world_.now(), id).ok());
  desk_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).end, CallEnd::kRejected);
  EXPECT_EQ(At(desk_, id).end, CallEnd::kRejected);
  EXPECT_EQ(At(laptop_, id).end, CallEnd::kAnsweredElsewhere);
}

TEST_F(CallsTest, CancelledByTheCaller) {
  const CallId id = Dial({Desk(), Laptop()});
  Run();
  ASSERT_TRUE(caller_.calls().HangUp(world_.now(), id).ok());
  caller_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).end, CallEnd::kCancelled);
  EXPECT_EQ(At(desk_, id).end, CallEnd::kCancelled);
  EXPECT_EQ(At(laptop_, id).end, CallEnd::kCancelled);
}

TEST_F(CallsTest, CancelledBeforeTheAckNeverRings) {
  const CallId id = Dial({Desk()});
  Run(absl::Milliseconds(25));  // the ack is under way
  ASSERT_TRUE(caller_.calls().HangUp(world_.now(), id).ok());
  caller_.Kick();
  Run(absl::Seconds(15));
  EXPECT_EQ(At(caller_, id).end, CallEnd::kCancelled);
  EXPECT_EQ(At(desk_, id).state, CallState::kEnded);
  EXPECT_EQ(CountOf<CallKeysReady>(desk_), 0u);
}

TEST_F(CallsTest, RingsOneMinuteAndNoLonger) {
  const CallId id = Dial({Desk()});
  Run(absl::Seconds(59));
  EXPECT_EQ(At(caller_, id).state, CallState::kRinging);
  Run(absl::Seconds(2));
  EXPECT_EQ(At(caller_, id).end, CallEnd::kNotAnswered);
  EXPECT_EQ(At(desk_, id).end, CallEnd::kNotAnswered);
}

TEST_F(CallsTest, PolicyAndBusyTurnTheCallerAway) {
  const std::vector<std::pair<EndReason, CallEnd>> rows = {
      {EndReason::kRefusedByPolicy, CallEnd::kPolicy},
      {EndReason::kRefusedBusy, CallEnd::kBusy},
      {EndReason::kRefusedUnknownCaller, CallEnd::kPolicy}};
  for (const auto& [reason, end] : rows) {
    desk_.on_offer = [&](Instant now, const CallId& id) {
      desk_.calls().TurnAway(now, id, reason);
    };
    const CallId id = Dial({Desk()});
    Run();
    EXPECT_EQ(At(caller_, id).end, end);
    EXPECT_EQ(At(caller_, id).session_reason, reason);
    EXPECT_EQ(At(desk_, id).state, CallState::kEnded);
  }
}

TEST_F(CallsTest, BusyAtOneDeviceLetsTheOtherRing) {
  desk_.on_offer = [&](Instant now, const CallId& id) {
    desk_.calls().TurnAway(now, id, EndReason::kRefusedBusy);
  };
  laptop_.on_offer = [&](Instant now, const CallId& id) {
    laptop_.calls().Ring(now, id, AsBytes("x"));
  };
  const CallId id = Dial({Desk(), Laptop()});
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kRinging);
  laptop_.Vanish();
  Run(absl::Seconds(40));
  EXPECT_EQ(At(caller_, id).end, CallEnd::kBusy);  // somebody's word, not the silence
}

TEST_F(CallsTest, NobodyThereEndsWithTheSessionsReason) {
  desk_.sessions().RemoveIdentity(bob_desk_.user());
  const CallId id = Dial({Desk()});
  Run(absl::Seconds(6));
  EXPECT_EQ(At(caller_, id).end, CallEnd::kSession);
  EXPECT_EQ(At(caller_, id).session_reason, EndReason::kNotLoggedInHere);
}

TEST_F(CallsTest, APeerThatVanishesEndsTheCall) {
  const CallId id = Talk();
  desk_.Vanish();
  Run(absl::Seconds(40));
  EXPECT_EQ(At(caller_, id).end, CallEnd::kSession);
  EXPECT_EQ(At(caller_, id).session_reason, EndReason::kTimedOut);
}

TEST_F(CallsTest, WhoIsRecordedIsTold) {
  const CallId id = Dial({Desk()});
  Run();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(caller_.calls().SetRecorded(world_.now(), id, true)));  // rings
  ASSERT_TRUE(desk_.calls().Accept(world_.now(), id).ok());
  desk_.Kick();
  Run();
  ASSERT_TRUE(desk_.calls().SetRecorded(world_.now(), id, true).ok());
  desk_.Kick();
  Run();
  EXPECT_TRUE(At(desk_, id).recorded_by_us);
  EXPECT_TRUE(At(caller_, id).recorded_by_peer);
  EXPECT_FALSE(At(caller_, id).recorded_by_us);
  ASSERT_TRUE(desk_.calls().SetRecorded(world_.now(), id, false).ok());
  desk_.Kick();
  Run();
  EXPECT_FALSE(At(caller_, id).recorded_by_peer);
}

TEST_F(CallsTest, HoldAndResumeOnEitherSide) {
  const CallId id = Talk();
  ASSERT_TRUE(caller_.calls().Hold(world_.now(), id, true).ok());
  caller_.Kick();
  Run();
  EXPECT_EQ(At(desk_, id).state, CallState::kHeld);
  EXPECT_TRUE(At(desk_, id).held_by_peer);
  EXPECT_TRUE(At(caller_, id).held_by_us);
  ASSERT_TRUE(desk_.calls().Hold(world_.now(), id, true).ok());
  ASSERT_TRUE(caller_.calls().Hold(world_.now(), id, false).ok());
  caller_.Kick();
  desk_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kHeld);  // the other still holds
  ASSERT_TRUE(desk_.calls().Hold(world_.now(), id, false).ok());
  desk_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kActive);
  EXPECT_EQ(At(desk_, id).state, CallState::kActive);
}

TEST_F(CallsTest, DigitsArriveInOrder) {
  const CallId id = Talk();
  EXPECT_EQ(caller_.calls().SendDtmf(world_.now(), id, "12x").code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(caller_.calls().SendDtmf(world_.now(), id, "").code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(caller_.calls().SendDtmf(world_.now(), id, "12").ok());
  ASSERT_TRUE(caller_.calls().SendDtmf(world_.now(), id, "*#D").ok());
  caller_.Kick();
  Run();
  std::string digits;
  for (const CallEvent& event : desk_.call_events) {
    if (const auto* dtmf = std::get_if<DtmfReceived>(&event)) digits += dtmf->digits;
  }
  EXPECT_EQ(digits, "12*#D");
}

// Glare: both dial at once; two calls ring and each can be taken.
TEST_F(CallsTest, PathsTravelAndTheEndOfAForkIsTold) {
  const CallId id = Talk();
  const SessionId session = *At(caller_, id).session;
  ASSERT_TRUE(caller_.calls().SendPaths(world_.now(), session, Bytes{1, 2}).ok());
  caller_.Kick();
  Run();
  const PathsReceived* paths = nullptr;
  for (const CallEvent& event : desk_.call_events) {
    if (const auto* received = std::get_if<PathsReceived>(&event)) paths = received;
  }
  ASSERT_NE(paths, nullptr);
  EXPECT_EQ(paths->id, id);
  EXPECT_EQ(paths->session, *At(desk_, id).session);
  EXPECT_EQ(paths->paths, (Bytes{1, 2}));
  EXPECT_EQ(CountOf<ForkEnded>(caller_), 0u);
  ASSERT_TRUE(caller_.calls().HangUp(world_.now(), id).ok());
  caller_.Kick();
  Run();
  EXPECT_EQ(CountOf<ForkEnded>(caller_), 1u);
  EXPECT_EQ(CountOf<ForkEnded>(desk_), 1u);
  EXPECT_FALSE(caller_.calls().SendPaths(world_.now(), session, Bytes{1}).ok());
}

TEST_F(CallsTest, BothSidesHaveFreshKeysEachTimeAndOverALossyWay) {
  for (const bool lossy : {false, true}) {
    const CallId id = Talk();
    LinkOptions link = Steady();
    if (lossy) link.loss = 0.3;
    world_.options() = link;
    ASSERT_TRUE(caller_.calls().KeepFresh(world_.now(), id, absl::Seconds(10)).ok());
    ASSERT_TRUE(desk_.calls().KeepFresh(world_.now(), id, absl::Seconds(10)).ok());
    caller_.Kick();
    desk_.Kick();
    const SecretBytes first = caller_.calls().MediaKey(id, "media caller key", 16);
    EXPECT_EQ(
        first.view(),
        caller_.sessions().ExportKey(*At(caller_, id).session, "media caller key", 16).view());
    ASSERT_TRUE(world_.RunUntil(absl::Seconds(120), [&] {
      return At(caller_, id).key_epoch == 5 && At(desk_, id).key_epoch == 5;
    }));
    const SecretBytes ours = caller_.calls().MediaKey(id, "media caller key", 16);
    EXPECT_EQ(ours.view(), desk_.calls().MediaKey(id, "media caller key", 16).view());
    EXPECT_NE(ours.view(), first.view());
    EXPECT_NE(ours.view(), caller_.calls().MediaKey(id, "media callee key", 16).view());
    ASSERT_TRUE(caller_.calls().HangUp(world_.now(), id).ok());
    caller_.Kick();
    world_.options() = Steady();
    Run(absl::Seconds(10));
  }
  EXPECT_EQ(CountOf<CallRekeyed>(caller_), 10u);
  EXPECT_EQ(CountOf<CallRekeyed>(desk_), 10u);
}

TEST_F(CallsTest, FreshKeysNeedAnAcceptedCallAndAnIdentity) {
  const CallId id = Dial({Desk()});
  Run();
  EXPECT_EQ(caller_.calls().KeepFresh(world_.now(), id, absl::Hours(1)).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(desk_.calls().Accept(world_.now(), id).ok());
  desk_.Kick();
  Run();
  ASSERT_TRUE(caller_.calls().KeepFresh(world_.now(), id, absl::Seconds(10)).ok());
  caller_.Kick();
  Run(absl::Seconds(11));
  EXPECT_EQ(desk_.Count("session.dropped_rekey"), 1u) << "its owner did not ask for fresh keys";
  EXPECT_EQ(At(caller_, id).key_epoch, 0u);
  caller_.sessions().RemoveIdentity(alice_.user());
  Run(absl::Seconds(10));
  EXPECT_EQ(caller_.Count("session.rekey_without_identity"), 1u);
  EXPECT_EQ(At(caller_, id).state, CallState::kActive);
}

// A machine that dies and begins anew with the very same randomness: its peer's half is fresh.
TEST_F(CallsTest, ACallAfterADeathHasOtherKeys) {
  const CallId before = Talk();
  const SecretBytes old = caller_.calls().MediaKey(before, "media caller key", 16);
  caller_.Vanish();
  Run(absl::Minutes(1));
  EXPECT_EQ(At(desk_, before).state, CallState::kEnded);
  SessionHost reborn(world_, 11);
  reborn.LogIn(alice_);
  const auto dial = [&] {
    const auto id = reborn.calls().Dial(world_.now(), alice_.user(), {Desk()}, ToBytes("offer"));
    EXPECT_TRUE(id.ok()) << id.status();
    reborn.Kick();
    Run(absl::Seconds(10));
    return *id;
  };
  EXPECT_EQ(dial(), before) << "its randomness is that of before; the callee knows the id";
  const CallId after = dial();
  ASSERT_TRUE(desk_.calls().Accept(world_.now(), after).ok());
  const SecretBytes fresh = desk_.calls().MediaKey(after, "media caller key", 16);
  EXPECT_FALSE(fresh.empty());
  EXPECT_NE(fresh.view(), old.view());
}

TEST_F(CallsTest, TwoPeopleWhoDialEachOtherHaveTwoCalls) {
  const CallId ours = Dial({Desk()});
  const auto theirs = desk_.calls().Dial(world_.now(), bob_desk_.user(),
                                         {alice_.At({caller_.at()})}, ToBytes("offer"));
  desk_.Kick();
  Run();
  EXPECT_EQ(At(desk_, ours).state, CallState::kRinging);
  EXPECT_EQ(At(caller_, *theirs).state, CallState::kRinging);
  ASSERT_TRUE(caller_.calls().Accept(world_.now(), *theirs).ok());
  ASSERT_TRUE(caller_.calls().HangUp(world_.now(), ours).ok());
  caller_.Kick();
  Run();
  EXPECT_EQ(At(desk_, *theirs).state, CallState::kActive);
  EXPECT_EQ(At(desk_, ours).end, CallEnd::kCancelled);
}

TEST_F(CallsTest, WrongStatesAndUnknownCallsHaveTheirStatus) {
  CallId nobody;
  EXPECT_EQ(caller_.calls().Accept(world_.now(), nobody).code(), absl::StatusCode::kNotFound);
  const CallId id = Dial({Desk()});
  EXPECT_EQ(caller_.calls().Accept(world_.now(), id).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(caller_.calls().Hold(world_.now(), id, true).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(caller_.calls().SendDtmf(world_.now(), id, "1").code(),
            absl::StatusCode::kFailedPrecondition);
  const Person carol = ca_.MakePerson("carol@example.org");
  EXPECT_EQ(caller_.calls().Dial(world_.now(), carol.user(), {Desk()}, {}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(caller_.calls().Dial(world_.now(), alice_.user(), {}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CallsTest, SixtyFourCallsAreEnough) {
  absl::Status status;
  for (int i = 0; i < 65; ++i) {
    status = caller_.calls().Dial(world_.now(), alice_.user(), {Desk()}, {}).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(caller_.calls().List(), SizeIs(64));
}

TEST_F(CallsTest, EndedCallsAreKeptForAWhile) {
  CallOptions options;
  options.max_ended_kept = 3;
  SessionHost host(world_, 20, {}, options);
  host.LogIn(alice_);
  std::vector<CallId> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(*host.calls().Dial(world_.now(), alice_.user(), {Desk()}, {}));
    ASSERT_TRUE(host.calls().HangUp(world_.now(), ids.back()).ok());
  }
  ASSERT_THAT(host.calls().List(), SizeIs(3));
  EXPECT_EQ(host.calls().List().front()->id, ids[2]);
  EXPECT_EQ(host.calls().Find(ids[0]), nullptr);
}

TEST_F(CallsTest, SignalsThatDoNotFitAreDropped) {
  const CallId id = Dial({Desk()});
  Run();
  const SessionId session = *At(desk_, id).session;
  // A callee that speaks as a caller, digits before accept, and noise.
  for (const wire::v1::CallSignal::Kind kind :
       {wire::v1::CallSignal::KIND_CANCEL, wire::v1::CallSignal::KIND_ANSWERED_ELSEWHERE,
        wire::v1::CallSignal::KIND_DTMF, wire::v1::CallSignal::KIND_BYE,
        wire::v1::CallSignal::KIND_UNSPECIFIED}) {
    wire::v1::CallSignal signal;
    signal.set_kind(kind);
    signal.set_digits("1");
    ASSERT_TRUE(
        desk_.sessions().Send(world_.now(), session, AsBytes(signal.SerializeAsString())).ok());
  }
  ASSERT_TRUE(desk_.sessions().Send(world_.now(), session, AsBytes("\xff\xff\xff")).ok());
  desk_.Kick();
  Run();
  EXPECT_EQ(At(caller_, id).state, CallState::kRinging);
  EXPECT_EQ(caller_.Count("session.dropped_signal"), 6u);
}

}  // namespace
}  // namespace p2pd::session
