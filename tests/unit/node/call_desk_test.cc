#include "libcore/node/call_desk.h"

#include <algorithm>
#include <functional>

#include "gtest/gtest.h"
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

}  // namespace
}  // namespace p2pd::node
