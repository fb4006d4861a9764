#include <algorithm>
#include <functional>

#include "gtest/gtest.h"
#include "libcore/node/call_desk.h"
#include "tests/sim/town.h"

namespace p2pd::node {
namespace {

using session::CallState;
using sim::NodeHost;
using sim::Town;

// Alice talks with Bob, whom she called; Carol is there.
class CallTransferTest : public ::testing::Test {
 protected:
  CallTransferTest()
      : town_(23, 3),
        alice_(town_.AddPerson("alice@example.org")),
        bob_(town_.AddPerson("bob@example.org")),
        carol_(town_.AddPerson("carol@example.org")) {
    for (NodeHost* host : {&alice_, &bob_, &carol_}) town_.LogIn(*host);
    call_ = Dial(alice_, "bob@example.org");
    EXPECT_TRUE(Until([&] { return Rings(bob_); }));
    Accept(bob_);
    EXPECT_TRUE(Until([&] { return Talk(alice_, bob_); }));
    theirs_ = bob_.node().ListCalls().back().info.id;
  }
  Instant now() { return town_.world().now(); }
  bool Until(const std::function<bool()>& done) {
    return town_.world().RunUntil(absl::Seconds(90), done);
  }
  session::CallId Dial(NodeHost& host, const std::string& email) {
    const auto id = host.node().Dial(now(), "", email);
    EXPECT_TRUE(id.ok()) << id.status();
    host.Kick();
    return *id;
  }
  static CallView Last(NodeHost& host) { return host.node().ListCalls().back(); }
  static bool Rings(NodeHost& host) {
    const std::vector<CallView> calls = host.node().ListCalls();
    return !calls.empty() && !calls.back().info.outgoing &&
           calls.back().info.state == CallState::kRinging;
  }
  void Accept(NodeHost& host) {
    EXPECT_TRUE(host.node().Accept(now(), Last(host).info.id).ok());
    host.Kick();
  }
  // Under keys that only the two have, and each hears the other.
  static bool Talk(NodeHost& one, NodeHost& other) {
    const CallView a = Last(one);
    const CallView b = Last(other);
    return a.info.state == CallState::kActive && b.info.state == CallState::kActive &&
           a.voice_both_ways && b.voice_both_ways && a.key_fingerprint == b.key_fingerprint &&
           a.media->frames_played > 50 && b.media->frames_played > 50;
  }
  CallView Ours() { return *alice_.node().FindCall(call_); }
  CallView Theirs() { return *bob_.node().FindCall(theirs_); }
  void Transfer(const std::string& to) {
    const absl::Status status = alice_.node().Transfer(now(), call_, to);
    EXPECT_TRUE(status.ok()) << status;
    alice_.Kick();
  }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
  NodeHost& carol_;
  session::CallId call_;    // Alice's
  session::CallId theirs_;  // Bob's
};

TEST_F(CallTransferTest, WhoIsSentTalksWithTheTargetUnderTheNameOfTheCall) {
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  EXPECT_EQ(Last(carol_).info.peer_email, "bob@example.org");
  ASSERT_TRUE(Until([&] { return Ours().transfer->state == wire::v1::REFER_STATE_RINGING; }));
  EXPECT_TRUE(Talk(alice_, bob_)) << "nothing changes while it rings";
  EXPECT_EQ(Theirs().info.peer_email, "alice@example.org");
  Accept(carol_);
  ASSERT_TRUE(Until([&] { return Talk(bob_, carol_); }));
  EXPECT_EQ(Theirs().info.peer_email, "carol@example.org");
  EXPECT_EQ(Theirs().transfer->state, wire::v1::REFER_STATE_DONE);
  EXPECT_EQ(bob_.node().ListCalls().size(), 1u);
  EXPECT_EQ(Ours().info.state, CallState::kEnded);
  EXPECT_EQ(Ours().transfer->state, wire::v1::REFER_STATE_DONE);
  EXPECT_FALSE(Ours().transfer->by_peer);
  // It ends as any call does.
  ASSERT_TRUE(carol_.node().HangUp(now(), Last(carol_).info.id).ok());
  carol_.Kick();
  EXPECT_TRUE(Until([&] { return Theirs().info.state == CallState::kEnded; }));
}

TEST_F(CallTransferTest, WhereTheTargetDoesNotWantTheCallGoesOn) {
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  ASSERT_TRUE(carol_.node().Reject(now(), Last(carol_).info.id).ok());
  carol_.Kick();
  ASSERT_TRUE(Until([&] { return Ours().transfer->state == wire::v1::REFER_STATE_REJECTED; }));
  EXPECT_TRUE(Talk(alice_, bob_));
  Transfer("nobody@example.org");
  ASSERT_TRUE(Until([&] { return Ours().transfer->state == wire::v1::REFER_STATE_NOT_FOUND; }));
  EXPECT_TRUE(Talk(alice_, bob_));
  carol_.Crash();
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Ours().transfer->state == wire::v1::REFER_STATE_UNREACHABLE; }));
  EXPECT_TRUE(Talk(alice_, bob_));
  // A fourth within the minute is one too many.
  Transfer("carol@example.org");
  EXPECT_TRUE(Until([&] { return Ours().transfer->state == wire::v1::REFER_STATE_REFUSED; }));
}

TEST_F(CallTransferTest, WhoWasAskedBeforeDoesNotRing) {
  const session::CallId consulted = Dial(alice_, "carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  Accept(carol_);
  ASSERT_TRUE(Until([&] { return Talk(alice_, carol_); }));
  const session::CallId carols = Last(carol_).info.id;
  ASSERT_TRUE(alice_.node().TransferTo(now(), call_, consulted).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(alice_.node().TransferTo(now(), call_, consulted)));
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return Talk(bob_, carol_); }));
  EXPECT_EQ(carol_.node().ListCalls().size(), 1u);
  EXPECT_EQ(carol_.node().FindCall(carols)->info.peer_email, "bob@example.org");
  for (const session::CallId& call : {call_, consulted}) {
    EXPECT_TRUE(
        Until([&] { return alice_.node().FindCall(call)->info.state == CallState::kEnded; }));
    EXPECT_EQ(alice_.node().FindCall(call)->transfer->state, wire::v1::REFER_STATE_DONE);
  }
  EXPECT_EQ(alice_.node().FindCall(consulted)->transfer->target, "bob@example.org");
}

TEST_F(CallTransferTest, TheCallWithWhomWasAskedMustStillBeThere) {
  const session::CallId consulted = Dial(alice_, "carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  Accept(carol_);
  ASSERT_TRUE(Until([&] { return Talk(alice_, carol_); }));
  ASSERT_TRUE(alice_.node().TransferTo(now(), call_, consulted).ok());
  // Carol hangs up before Bob's hello comes.
  ASSERT_TRUE(carol_.node().HangUp(now(), Last(carol_).info.id).ok());
  carol_.Kick();
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return Theirs().transfer->state == wire::v1::REFER_STATE_REJECTED; }));
  town_.world().RunFor(absl::Seconds(2));
  EXPECT_FALSE(Rings(carol_));
  EXPECT_EQ(Theirs().info.state, CallState::kActive);
  EXPECT_EQ(Theirs().info.peer_email, "alice@example.org");
}

TEST_F(CallTransferTest, WhoSendsMayLeaveAtOnce) {
  Transfer("carol@example.org");
  town_.world().RunFor(absl::Milliseconds(100));
  ASSERT_TRUE(alice_.node().HangUp(now(), call_).ok());
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  town_.world().RunFor(absl::Seconds(1));
  EXPECT_EQ(Theirs().info.state, CallState::kRinging);
  Accept(carol_);
  ASSERT_TRUE(Until([&] { return Talk(bob_, carol_); }));
  EXPECT_EQ(Theirs().info.peer_email, "carol@example.org");
}

TEST_F(CallTransferTest, WhoIsLeftAloneAndNotWantedHasNoCall) {
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  ASSERT_TRUE(alice_.node().HangUp(now(), call_).ok());
  alice_.Kick();
  ASSERT_TRUE(Until([&] { return Theirs().info.state == CallState::kRinging; }));
  ASSERT_TRUE(carol_.node().Reject(now(), Last(carol_).info.id).ok());
  carol_.Kick();
  ASSERT_TRUE(Until([&] { return Theirs().info.state == CallState::kEnded; }));
  EXPECT_EQ(Theirs().info.end, session::CallEnd::kRejected);
}

TEST_F(CallTransferTest, WhoIsSentMayHangUpWhileItRings) {
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  ASSERT_TRUE(bob_.node().HangUp(now(), theirs_).ok());
  bob_.Kick();
  EXPECT_TRUE(Until([&] {
    return Last(carol_).info.state == CallState::kEnded && Ours().info.state == CallState::kEnded;
  }));
  EXPECT_EQ(Last(carol_).info.end, session::CallEnd::kCancelled);
  EXPECT_EQ(Ours().transfer->state, wire::v1::REFER_STATE_FAILED);
}

TEST_F(CallTransferTest, AContactWhoSendsIsNamedAndAStrangerIsNot) {
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  EXPECT_EQ(Last(carol_).referred_by, "");
  ASSERT_TRUE(carol_.node().Reject(now(), Last(carol_).info.id).ok());
  ASSERT_TRUE(carol_.node()
                  .presence()
                  .AddContact(now(), "carol@example.org", "alice@example.org", "Alice")
                  .ok());
  carol_.node().Pump(now());
  carol_.Kick();
  ASSERT_TRUE(Until([&] {
    const auto contacts = carol_.node().presence().Contacts("carol@example.org");
    return !contacts.empty() && contacts.front().pinned.has_value();
  }));
  Transfer("carol@example.org");
  ASSERT_TRUE(Until([&] { return Rings(carol_); }));
  EXPECT_EQ(Last(carol_).referred_by, "alice@example.org");
}

TEST_F(CallTransferTest, ACallIsTransferredToAThirdWhileItIsActive) {
  Node& node = alice_.node();
  EXPECT_TRUE(absl::IsNotFound(node.Transfer(now(), session::CallId(), "carol@example.org")));
  EXPECT_TRUE(absl::IsInvalidArgument(node.Transfer(now(), call_, "no address")));
  EXPECT_TRUE(absl::IsInvalidArgument(node.Transfer(now(), call_, "bob@example.org")));
  EXPECT_TRUE(absl::IsInvalidArgument(node.Transfer(now(), call_, "alice@example.org")));
  EXPECT_TRUE(absl::IsInvalidArgument(node.TransferTo(now(), call_, call_)));
  const session::CallId ringing = Dial(alice_, "carol@example.org");
  EXPECT_TRUE(absl::IsFailedPrecondition(node.TransferTo(now(), call_, ringing)));
  EXPECT_TRUE(absl::IsFailedPrecondition(node.Transfer(now(), ringing, "bob@example.org")));
  ASSERT_TRUE(node.HangUp(now(), call_).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(node.Transfer(now(), call_, "carol@example.org")));
}

}  // namespace
}  // namespace p2pd::node
