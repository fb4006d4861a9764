#include "libcore/node/call_desk.h"

#include <algorithm>
#include <functional>

#include "gtest/gtest.h"
#include "libcore/base/check.h"
#include "libcore/pki/authority.h"
#include "tests/sim/town.h"

namespace p2pd::node {
namespace {

using session::CallState;
using sim::NodeHost;
using sim::Town;

// Alice and Bob with a call between them that Bob has not answered yet.
class CallDeskTest : public ::testing::Test {
 protected:
  CallDeskTest()
      : town_(21, 3),
        alice_(town_.AddPerson("alice@example.org")),
        bob_(town_.AddPerson("bob@example.org")) {
    town_.LogIn(alice_);
    town_.LogIn(bob_);
    auto id = alice_.node().Dial(now(), "", "bob@example.org");
    EXPECT_TRUE(id.ok()) << id.status();
    call_ = *id;
    alice_.Kick();
    EXPECT_TRUE(Until([&] { return View().info.state == CallState::kRinging; }));
    theirs_ = bob_.node().ListCalls().front().info.id;
  }
  Instant now() { return town_.world().now(); }
  CallView View() { return *alice_.node().FindCall(call_); }
  bool Until(const std::function<bool()>& done) {
    return town_.world().RunUntil(absl::Seconds(90), done);
  }
  void Answer() {
    EXPECT_TRUE(bob_.node().Accept(now(), theirs_).ok());
    bob_.Kick();
    EXPECT_TRUE(Until([&] { return View().info.state == CallState::kActive; }));
  }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
  session::CallId call_;
  session::CallId theirs_;
};

TEST_F(CallDeskTest, NoMediaBeforeTheCallIsAccepted) {
  town_.world().RunFor(absl::Seconds(3));

  EXPECT_FALSE(View().media.has_value());
  EXPECT_TRUE(View().key_fingerprint.empty());
}

TEST_F(CallDeskTest, RingsOutAfterAMinute) {
  town_.world().RunFor(absl::Seconds(70));

  EXPECT_EQ(View().info.state, CallState::kEnded);
  EXPECT_EQ(View().info.end, session::CallEnd::kNotAnswered);
}

TEST_F(CallDeskTest, HoldIsSeenOnBothSidesAndComesBack) {
  Answer();

  ASSERT_TRUE(alice_.node().Hold(now(), call_, true).ok());
  alice_.Kick();
  town_.world().RunFor(absl::Seconds(1));
  EXPECT_TRUE(View().info.held_by_us);
  EXPECT_TRUE(bob_.node().FindCall(theirs_)->info.held_by_peer);
  ASSERT_TRUE(alice_.node().Hold(now(), call_, false).ok());
  alice_.Kick();
  town_.world().RunFor(absl::Seconds(1));

  EXPECT_EQ(View().info.state, CallState::kActive);
  EXPECT_FALSE(bob_.node().FindCall(theirs_)->info.held_by_peer);
}

TEST_F(CallDeskTest, MuteIsShownAndDigitsArrive) {
  Answer();

  EXPECT_TRUE(alice_.node().Mute(now(), call_, true).ok());
  EXPECT_TRUE(View().muted);
  ASSERT_TRUE(alice_.node().SendDtmf(now(), call_, "12#").ok());
  alice_.Kick();
  town_.world().RunFor(absl::Seconds(1));

  const auto changes = bob_.node().events().Since(Revision(0));
  ASSERT_TRUE(changes.has_value());
  EXPECT_TRUE(std::any_of(changes->begin(), changes->end(),
                          [](const Change& change) { return change.detail == "dtmf 12#"; }));
}

TEST_F(CallDeskTest, AConferenceIsOfActiveCallsAndOfTwoAtLeast) {
  const session::CallId unknown;
  EXPECT_TRUE(absl::IsNotFound(alice_.node().Confer(now(), {unknown, call_})));
  EXPECT_TRUE(absl::IsFailedPrecondition(alice_.node().Confer(now(), {call_, call_})));  // it rings
  EXPECT_TRUE(absl::IsInvalidArgument(alice_.node().Confer(now(), {})));
  Answer();
  EXPECT_TRUE(absl::IsInvalidArgument(alice_.node().Confer(now(), {call_, call_})));
  EXPECT_TRUE(absl::IsFailedPrecondition(alice_.node().LeaveConference(now(), call_)));
  EXPECT_TRUE(absl::IsNotFound(alice_.node().LeaveConference(now(), unknown)));
}

// Bob calls back, and Alice has two calls with him.
TEST_F(CallDeskTest, WhoIsInAConferenceIsOffHoldAndOneAloneIsInNone) {
  Answer();
  ASSERT_TRUE(bob_.node().Dial(now(), "", "alice@example.org").ok());
  bob_.Kick();
  const auto second = [&] { return alice_.node().ListCalls().back(); };
  ASSERT_TRUE(Until([&] { return second().info.state == CallState::kRinging; }));
  const session::CallId other = second().info.id;
  ASSERT_TRUE(alice_.node().Hold(now(), call_, true).ok());
  ASSERT_TRUE(alice_.node().Accept(now(), other).ok());
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return second().info.state == CallState::kActive; }));
  ASSERT_TRUE(alice_.node().Confer(now(), {call_, other}).ok());
  EXPECT_NE(View().conference, 0u);
  EXPECT_EQ(View().conference, second().conference);
  EXPECT_FALSE(View().info.held_by_us);
  alice_.Kick();
  ASSERT_TRUE(alice_.node().HangUp(now(), other).ok());
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return second().info.state == CallState::kEnded; }));
  EXPECT_EQ(View().conference, 0u);
  EXPECT_EQ(second().conference, 0u);
}

TEST_F(CallDeskTest, VerbsOnAnUnknownOrEndedCallSayWhatIsWrong) {
  session::CallId unknown;
  EXPECT_TRUE(absl::IsNotFound(alice_.node().Accept(now(), unknown)));
  EXPECT_TRUE(absl::IsNotFound(alice_.node().HangUp(now(), unknown)));
  EXPECT_TRUE(absl::IsNotFound(alice_.node().Mute(now(), unknown, true)));

  ASSERT_TRUE(alice_.node().HangUp(now(), call_).ok());
  alice_.Kick();

  EXPECT_TRUE(Until([&] { return View().info.state == CallState::kEnded; }));
  EXPECT_TRUE(alice_.node().HangUp(now(), call_).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(alice_.node().Mute(now(), call_, true)));
  EXPECT_FALSE(alice_.node().Hold(now(), call_, true).ok());
}

TEST_F(CallDeskTest, TheEndWaitsForTheLastFigures) {
  Answer();
  town_.world().RunFor(absl::Seconds(2));

  ASSERT_TRUE(alice_.node().HangUp(now(), call_).ok());
  // The driver has not stopped the media yet, nor does it say that it has.
  EXPECT_EQ(View().info.state, CallState::kEnded);
  EXPECT_TRUE(View().figures_pending);
  alice_.Kick();
  EXPECT_TRUE(Until([&] { return !View().figures_pending; }));
  EXPECT_GT(View().media->packets_sent, 90u);
}

TEST_F(CallDeskTest, TheEndDoesNotWaitForEver) {
  Answer();

  ASSERT_TRUE(alice_.node().HangUp(now(), call_).ok());
  while (alice_.node().PollMedia()) {
  }
  EXPECT_TRUE(View().figures_pending);
  alice_.node().OnTimeout(now() + CallDesk::kFiguresWait);
  EXPECT_FALSE(View().figures_pending);
}

TEST_F(CallDeskTest, AKilledPeerEndsTheCall) {
  Answer();

  bob_.Crash();

  EXPECT_TRUE(Until([&] { return View().info.state == CallState::kEnded; }));
  EXPECT_EQ(View().info.session_reason, session::EndReason::kTimedOut);
}

TEST_F(CallDeskTest, HangingUpBeforeAnybodyWasFoundCancels) {
  auto id = alice_.node().Dial(now(), "", "bob@example.org");
  ASSERT_TRUE(id.ok());

  ASSERT_TRUE(alice_.node().HangUp(now(), *id).ok());
  alice_.Kick();
  town_.world().RunFor(absl::Seconds(5));

  EXPECT_EQ(alice_.node().FindCall(*id)->info.end, session::CallEnd::kCancelled);
  EXPECT_EQ(bob_.node().ListCalls().size(), 1u);
}

TEST_F(CallDeskTest, OnesOwnAddressIsRefusedByName) {
  const auto refused = alice_.node().Dial(now(), "", "Alice@Example.org");

  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_NE(refused.status().message().find("alice@example.org is you"), absl::string_view::npos);
}

TEST_F(CallDeskTest, ARevokedCertificateCallsNobody) {
  pki::CrlOptions options;
  options.this_update = town_.world().wall_now() - absl::Minutes(1);
  options.next_update = town_.world().wall_now() + absl::Hours(24);
  const auto certificate = alice_.node().presence().Identity("")->chain->leaf();
  options.revoked.push_back({certificate.serial_hex(), options.this_update});
  const auto crl = pki::MakeCrl(town_.root_key(), town_.root(), options);
  ASSERT_TRUE(crl.ok());
  ASSERT_TRUE(alice_.Await(alice_.node().PublishCrl(now(), AsBytes(crl->ToPem()), {})).ok());

  const auto refused = alice_.node().Dial(now(), "", "bob@example.org");

  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_NE(refused.status().message().find("was revoked"), absl::string_view::npos);
}

TEST_F(CallDeskTest, ARevocationThatTheDialItselfBringsIsTheCallersOwn) {
  pki::CrlOptions options;
  options.this_update = town_.world().wall_now() - absl::Minutes(1);
  options.next_update = town_.world().wall_now() + absl::Hours(24);
  const auto certificate = bob_.node().presence().Identity("")->chain->leaf();
  options.revoked.push_back({certificate.serial_hex(), options.this_update});
  const auto crl = pki::MakeCrl(town_.root_key(), town_.root(), options);
  ASSERT_TRUE(crl.ok());
  // Bob's lists are some minutes old by then, so that he asks for them.
  town_.world().RunFor(absl::Minutes(5));
  NodeHost& peer = town_.peer(0);
  ASSERT_TRUE(peer.Await(peer.node().PublishCrl(now(), AsBytes(crl->ToPem()),
                                                AsBytes(town_.root().ToPem())))
                  .ok());

  const auto id = bob_.node().Dial(now(), "", "alice@example.org");
  ASSERT_TRUE(id.ok()) << id.status();
  bob_.Kick();
  ASSERT_TRUE(Until([&] { return bob_.node().FindCall(*id)->info.state == CallState::kEnded; }));

  const CallView ended = *bob_.node().FindCall(*id);
  EXPECT_EQ(ended.fault, pki::ChainFault::kRevoked) << ended.info.detail;
  EXPECT_TRUE(absl::IsFailedPrecondition(ended.resolve_status)) << ended.resolve_status;
  EXPECT_NE(ended.info.detail.find("was revoked"), std::string::npos) << ended.info.detail;
  EXPECT_NE(ended.info.detail.find("bob@example.org"), std::string::npos) << ended.info.detail;
}

// Somebody else has a certificate for Alice's address.
class OtherKeyTest : public ::testing::Test {
 protected:
  OtherKeyTest()
      : town_(25, 3),
        alice_(town_.AddPerson("alice@example.org")),
        bob_(town_.AddPerson("bob@example.org")) {
    town_.LogIn(alice_);
    town_.LogIn(bob_);
    EXPECT_TRUE(bob_.node().presence().AddContact(now(), "", "alice@example.org", "").ok());
    bob_.Kick();
    EXPECT_TRUE(Until([&] { return Alice().pinned.has_value(); }));
  }
  Instant now() { return town_.world().now(); }
  bool Until(const std::function<bool()>& done) {
    return town_.world().RunUntil(absl::Minutes(10), done);
  }
  presence::ContactInfo Alice() { return bob_.node().presence().Contacts("").front(); }
  // How a call to Bob ends, or that it rings.
  CallView Call(NodeHost& host) {
    const auto id = host.node().Dial(now(), "", "bob@example.org");
    P2PD_CHECK(id.ok());
    host.Kick();
    EXPECT_TRUE(
        Until([&] { return host.node().FindCall(*id)->info.state != CallState::kDialing; }));
    return *host.node().FindCall(*id);
  }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
};

TEST_F(OtherKeyTest, DoesNotRingIsShownAndTheContactStillMayCall) {
  ASSERT_TRUE(alice_.Await(alice_.node().Logout(now(), "")).ok());
  NodeHost& mallory = town_.AddPerson("alice@example.org");
  town_.LogIn(mallory);

  const CallView refused = Call(mallory);

  EXPECT_EQ(refused.info.state, CallState::kEnded);
  EXPECT_EQ(refused.info.session_reason, session::EndReason::kRefusedByPolicy);
  EXPECT_TRUE(bob_.node().ListCalls().empty());
  EXPECT_TRUE(Alice().key_changed);
  EXPECT_EQ(Alice().problem, "KEY_CHANGED");
  // Neither what lies in the overlay nor a log-in takes it back.
  ASSERT_TRUE(bob_.Await(bob_.node().Logout(now(), "")).ok());
  EXPECT_TRUE(Alice().key_changed);
  town_.LogIn(bob_);
  town_.world().RunFor(absl::Minutes(1));
  EXPECT_TRUE(Alice().key_changed);

  town_.LogIn(alice_);
  EXPECT_EQ(Call(alice_).info.state, CallState::kRinging);
  EXPECT_TRUE(Until([&] { return !Alice().key_changed; }));
}

TEST_F(OtherKeyTest, ANewStateOfThePinnedKeyTakesItBack) {
  NodeHost& mallory = town_.AddPerson("alice@example.org");
  town_.LogIn(mallory);
  EXPECT_EQ(Call(mallory).info.state, CallState::kEnded);
  EXPECT_TRUE(Alice().key_changed);

  EXPECT_TRUE(Until([&] { return !Alice().key_changed; }));

  EXPECT_EQ(Alice().availability, presence::Availability::kOnline);
}

TEST_F(OtherKeyTest, TakingTheContactAnewLetsTheNewKeyRing) {
  ASSERT_TRUE(alice_.Await(alice_.node().Logout(now(), "")).ok());
  NodeHost& mallory = town_.AddPerson("alice@example.org");
  town_.LogIn(mallory);
  EXPECT_EQ(Call(mallory).info.state, CallState::kEnded);
  presence::Presence& presence = bob_.node().presence();

  ASSERT_TRUE(presence.RemoveContact(now(), "", "alice@example.org").ok());
  ASSERT_TRUE(presence.AddContact(now(), "", "alice@example.org", "").ok());
  bob_.Kick();

  EXPECT_FALSE(Alice().key_changed);
  EXPECT_EQ(Call(mallory).info.state, CallState::kRinging);
}

// A caller who has just come back and whose log-in is under way.
class WaitingCallTest : public ::testing::Test {
 protected:
  WaitingCallTest()
      : town_(23, 3),
        alice_(town_.AddPerson("alice@example.org")),
        bob_(town_.AddPerson("bob@example.org")) {
    town_.LogIn(alice_);
    town_.LogIn(bob_);
    alice_.Crash();
    town_.world().RunFor(absl::Minutes(2));
    alice_.Restart();
    town_.world().RunFor(absl::Milliseconds(1));
    EXPECT_EQ(Own().state, presence::IdentityState::kLoggingIn);
  }
  Instant now() { return town_.world().now(); }
  presence::IdentityInfo Own() { return *alice_.node().presence().Identity(""); }
  session::CallId Dial() {
    const auto id = alice_.node().Dial(now(), "", "bob@example.org");
    P2PD_CHECK(id.ok());
    alice_.Kick();
    return *id;
  }
  CallView View(const session::CallId& id) { return *alice_.node().FindCall(id); }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
};

TEST_F(WaitingCallTest, RingsOnceTheLogInIsDone) {
  const session::CallId id = Dial();

  EXPECT_EQ(View(id).info.state, CallState::kDialing);
  EXPECT_TRUE(town_.world().RunUntil(CallDesk::kLoginWait + absl::Seconds(10), [&] {
    return View(id).info.state == CallState::kRinging;
  })) << View(id).info.detail;
}

TEST_F(WaitingCallTest, EndsWhenTheLogInTakesTooLong) {
  // No state can be numbered, so none is put.
  alice_.storage().FailWrites(absl::ResourceExhaustedError("disk full"));
  const session::CallId id = Dial();

  ASSERT_TRUE(town_.world().RunUntil(CallDesk::kLoginWait + absl::Seconds(1),
                                     [&] { return View(id).info.state == CallState::kEnded; }));
  EXPECT_NE(View(id).info.detail.find("still logging in"), std::string::npos)
      << View(id).info.detail;
  EXPECT_FALSE(alice_.node().PollTimeout() < now()) << "nothing is left to wait for";
}

TEST_F(WaitingCallTest, EndsWithALogOutAndIsTakenBackByHangingUp) {
  const session::CallId first = Dial();
  const session::CallId second = Dial();

  ASSERT_TRUE(alice_.node().HangUp(now(), first).ok());
  EXPECT_EQ(View(first).info.end, session::CallEnd::kCancelled);
  (void)alice_.node().Logout(now(), "");
  alice_.Kick();

  EXPECT_TRUE(town_.world().RunUntil(absl::Seconds(10),
                                     [&] { return View(second).info.state == CallState::kEnded; }));
  EXPECT_NE(View(second).info.detail.find("not logged in"), std::string::npos);
  EXPECT_EQ(View(first).info.end, session::CallEnd::kCancelled);
}

}  // namespace
}  // namespace p2pd::node
