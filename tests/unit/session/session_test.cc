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

}  // namespace
}  // namespace p2pd::session
