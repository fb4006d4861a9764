#include "libcore/session/session.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/session_host.h"

namespace p2pd::session {
namespace {

using sim::Authority;
using sim::LinkOptions;
using sim::Person;
using sim::SessionHost;
using sim::World;
using testing::Contains;
using testing::Pair;
using testing::SizeIs;

// Exactly 20 ms one way, so that round trips can be counted by the clock.
LinkOptions Steady() {
  LinkOptions options;
  options.latency_min = options.latency_max = absl::Milliseconds(20);
  options.jitter = absl::ZeroDuration();
  return options;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() : world_(1, Steady()) {
    caller_.LogIn(alice_);
    callee_.LogIn(bob_);
  }
  RemoteDevice Bob() { return bob_.At({callee_.at()}); }
  SessionId DialBob(Purpose purpose = Purpose::kMessage) {
    return *caller_.Dial(alice_, Bob(), purpose);
  }
  // Dials and waits until both sides have the keys.
  SessionId Connect() {
    const SessionId id = DialBob();
    world_.RunFor(absl::Seconds(1));
    EXPECT_THAT(caller_.Of<Established>(), SizeIs(1));
    EXPECT_THAT(callee_.Of<Established>(), SizeIs(1));
    return id;
  }
  SessionId CalleeSide() { return callee_.Of<Established>().back().id; }

  World world_;
  Authority ca_{7};
  Person alice_ = ca_.MakePerson("alice@example.org");
  Person bob_ = ca_.MakePerson("bob@example.org");
  SessionHost caller_{world_, 11};
  SessionHost callee_{world_, 12};
};

TEST_F(SessionTest, KeysStandAfterExactlyOneRoundTrip) {
  const Instant start = world_.now();
  const SessionId id = DialBob();
  ASSERT_TRUE(
      world_.RunUntil(absl::Seconds(5), [&] { return !caller_.Of<Established>().empty(); }));
  EXPECT_EQ(world_.now() - start, absl::Milliseconds(40));
  const Established established = caller_.Of<Established>().front();
  EXPECT_EQ(established.id, id);
  EXPECT_EQ(established.round_trip, absl::Milliseconds(40));
  EXPECT_EQ(established.remote, callee_.at());
  EXPECT_EQ(AsText(established.answer), "answer");
  EXPECT_EQ(established.peer.email, "bob@example.org");
  EXPECT_EQ(established.peer.name, "bob");
  EXPECT_EQ(established.peer.user, bob_.user());
  EXPECT_EQ(established.peer.device, bob_.device.id);
  EXPECT_EQ(established.peer.root, ca_.root().fingerprint());
  ASSERT_TRUE(
      world_.RunUntil(absl::Seconds(5), [&] { return !callee_.Of<Established>().empty(); }));
  EXPECT_EQ(world_.now() - start, absl::Milliseconds(60));
}

TEST_F(SessionTest, TheCalleeLearnsWhoCallsAndWhat) {
  DialBob(Purpose::kService);
  world_.RunFor(absl::Milliseconds(30));
  ASSERT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  const IncomingHello hello = callee_.Of<IncomingHello>().front();
  EXPECT_EQ(hello.purpose, Purpose::kService);
  EXPECT_EQ(hello.caller.email, "alice@example.org");
  EXPECT_EQ(hello.caller.user, alice_.user());
  EXPECT_EQ(hello.caller.device, alice_.device.id);
  EXPECT_EQ(hello.identity, bob_.user());
  EXPECT_EQ(hello.from, caller_.at());
  EXPECT_EQ(AsText(hello.offer), "offer");
}

TEST_F(SessionTest, BothSidesHoldTheSameKeysAndPhrase) {
  const SessionId id = Connect();
  const SecretBytes ours = caller_.sessions().ExportKey(id, "media caller", 44);
  const SecretBytes theirs = callee_.sessions().ExportKey(CalleeSide(), "media caller", 44);
  EXPECT_EQ(ours.size(), 44u);
  EXPECT_EQ(ours.view(), theirs.view());
  EXPECT_NE(ours.view(), caller_.sessions().ExportKey(id, "media callee", 44).view());
  const std::string phrase = caller_.Of<Established>().front().safety_phrase;
  EXPECT_EQ(phrase, callee_.Of<Established>().front().safety_phrase);
  EXPECT_EQ(std::count(phrase.begin(), phrase.end(), ' '), 3);
  EXPECT_TRUE(caller_.sessions().IsCaller(id));
  EXPECT_FALSE(callee_.sessions().IsCaller(CalleeSide()));
  EXPECT_EQ(callee_.sessions().RemoteEndpoint(CalleeSide()), caller_.at());
}

TEST_F(SessionTest, MessagesArriveInOrderBothWays) {
  const SessionId id = Connect();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(caller_.sessions().Send(world_.now(), id, AsBytes(absl::StrCat("m", i))).ok());
  }
  ASSERT_TRUE(callee_.sessions().Send(world_.now(), CalleeSide(), Bytes(kMaxMessage, 7)).ok());
  caller_.Kick();
  callee_.Kick();
  world_.RunFor(absl::Seconds(2));
  ASSERT_THAT(callee_.Of<MessageReceived>(), SizeIs(20));
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(AsText(callee_.Of<MessageReceived>()[i].message), absl::StrCat("m", i));
  }
  ASSERT_THAT(caller_.Of<MessageReceived>(), SizeIs(1));
  EXPECT_EQ(caller_.Of<MessageReceived>()[0].message, Bytes(kMaxMessage, 7));
}

TEST_F(SessionTest, ThePurposePresenceEndsWithoutAWordToAnybody) {
  const SessionId id = DialBob(Purpose::kPresence);
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(callee_.call_events.empty());
  caller_.sessions().Close(world_.now(), id);
  caller_.Kick();
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kClosedByUs);
  EXPECT_EQ(callee_.EndOf(CalleeSide()), EndReason::kClosedByPeer);
}

TEST_F(SessionTest, WhatWasSentBeforeCloseArrivesBeforeTheEnd) {
  const SessionId id = Connect();
  ASSERT_TRUE(caller_.sessions().Send(world_.now(), id, AsBytes("bye")).ok());
  caller_.sessions().Close(world_.now(), id);
  EXPECT_EQ(caller_.sessions().Send(world_.now(), id, AsBytes("late")).code(),
            absl::StatusCode::kFailedPrecondition);
  caller_.Kick();
  world_.RunFor(absl::Seconds(1));
  ASSERT_THAT(callee_.Of<MessageReceived>(), SizeIs(1));
  EXPECT_EQ(callee_.EndOf(CalleeSide()), EndReason::kClosedByPeer);
  world_.RunFor(absl::Seconds(10));
  EXPECT_FALSE(caller_.sessions().PollTimeout().has_value());  // nothing is left
  EXPECT_FALSE(callee_.sessions().PollTimeout().has_value());
  EXPECT_THAT(caller_.Of<Ended>(), SizeIs(1));
  EXPECT_THAT(callee_.Of<Ended>(), SizeIs(1));
}

TEST_F(SessionTest, NobodyThereEndsInNoAnswer) {
  callee_.Vanish();
  const SessionId id = DialBob();
  world_.RunFor(absl::Seconds(4.9));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  world_.RunFor(absl::Seconds(0.2));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNoAnswer);
}

TEST_F(SessionTest, SomebodyElseLoggedInThereIsNotHere) {
  callee_.sessions().RemoveIdentity(bob_.user());
  callee_.LogIn(ca_.MakePerson("carol@example.org"));
  const Instant start = world_.now();
  const SessionId id = DialBob();
  world_.RunUntil(absl::Seconds(6), [&] { return caller_.EndOf(id) != EndReason::kNone; });
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNotLoggedInHere);
  EXPECT_EQ(world_.now() - start, absl::Milliseconds(40));
}

TEST_F(SessionTest, OneOfSeveralAddressesIsEnough) {
  SessionHost stranger(world_, 13);
  stranger.LogIn(ca_.MakePerson("carol@example.org"));
  const SessionId id =
      *caller_.Dial(alice_, bob_.At({world_.NextEndpoint(), stranger.at(), callee_.at()}));
  world_.RunFor(absl::Seconds(2));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  ASSERT_THAT(caller_.Of<Established>(), SizeIs(1));
  EXPECT_EQ(caller_.Of<Established>()[0].remote, callee_.at());
  EXPECT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
}

TEST_F(SessionTest, ARefusalReachesTheCallerByName) {
  for (const EndReason reason :
       {EndReason::kRefusedByPolicy, EndReason::kRefusedBusy, EndReason::kRefusedUnknownCaller}) {
    callee_.on_hello = [&](Instant now, const IncomingHello& hello) {
      callee_.sessions().Refuse(now, hello.id, reason);
    };
    const SessionId id = DialBob();
    world_.RunFor(absl::Seconds(1));
    EXPECT_EQ(caller_.EndOf(id), reason);
    EXPECT_EQ(callee_.EndOf(callee_.Of<IncomingHello>().back().id), reason);
  }
  EXPECT_TRUE(callee_.Of<Established>().empty());
}

TEST_F(SessionTest, APeerThatVanishesEndsInATimeout) {
  const SessionId id = Connect();
  callee_.Vanish();
  world_.RunFor(absl::Seconds(28));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  world_.RunFor(absl::Seconds(4));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kTimedOut);
}

TEST_F(SessionTest, AQuietSessionStaysUp) {
  const SessionId id = Connect();
  const uint64_t before = world_.traffic().datagrams;
  world_.RunFor(absl::Minutes(10));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  EXPECT_EQ(callee_.EndOf(CalleeSide()), EndReason::kNone);
  // A ping and a pong every ten seconds, and one more pair while both sides find their turn.
  EXPECT_LE(world_.traffic().datagrams - before, 2u * 61 * 2);
}

TEST_F(SessionTest, FollowsAPeerToANewAddress) {
  const SessionId id = Connect();
  const net::Endpoint moved = world_.NextEndpoint();
  callee_.MoveTo(moved);
  callee_.sessions().OnNetworkChanged(world_.now());
  callee_.Kick();
  world_.RunFor(absl::Seconds(1));
  ASSERT_THAT(caller_.Of<RemoteMoved>(), SizeIs(1));
  EXPECT_EQ(caller_.Of<RemoteMoved>()[0].remote, moved);
  EXPECT_EQ(caller_.sessions().RemoteEndpoint(id), moved);
  ASSERT_TRUE(caller_.sessions().Send(world_.now(), id, AsBytes("still there?")).ok());
  caller_.Kick();
  world_.RunFor(absl::Seconds(1));
  EXPECT_THAT(callee_.Of<MessageReceived>(), SizeIs(1));
}

TEST_F(SessionTest, ACallerThatNeverConfirmsIsForgotten) {
  world_.SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    return !(from == caller_.at() && transmit.datagram[0] == 201);
  });
  DialBob();
  world_.RunFor(absl::Seconds(5));
  ASSERT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  EXPECT_TRUE(callee_.Of<Established>().empty());
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(callee_.EndOf(callee_.Of<IncomingHello>()[0].id), EndReason::kNoAnswer);
}

TEST_F(SessionTest, LimitsAndErrorsHaveTheirStatus) {
  const Person carol = ca_.MakePerson("carol@example.org");
  EXPECT_EQ(caller_.Dial(carol, Bob()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(caller_.Dial(alice_, bob_.At({})).status().code(), absl::StatusCode::kInvalidArgument);
  const SessionId id = Connect();
  EXPECT_EQ(caller_.sessions().Send(world_.now(), id, Bytes(kMaxMessage + 1)).code(),
            absl::StatusCode::kInvalidArgument);
  absl::Status status;
  for (int i = 0; i < 65; ++i) status = caller_.sessions().Send(world_.now(), id, AsBytes("x"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(caller_.sessions().ExportKey(SessionId(999), "x", 16).empty());
  EXPECT_FALSE(caller_.sessions().RemoteEndpoint(SessionId(999)).has_value());
}

TEST_F(SessionTest, AddressesOfTheCallerTravelInTheHello) {
  const net::Endpoint other = *net::Endpoint::Parse("[2001:db8::5]:7464");
  caller_.sessions().SetAddresses({caller_.at(), other});
  Connect();
  EXPECT_EQ(callee_.Of<Established>()[0].addresses,
            (std::vector<net::Endpoint>{caller_.at(), other}));
  EXPECT_TRUE(caller_.Of<Established>()[0].addresses.empty());
}

}  // namespace
}  // namespace p2pd::session
