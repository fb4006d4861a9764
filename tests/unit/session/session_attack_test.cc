// Attacks on whole sessions over the simulated network: each ends in its own named reason, or in
// nothing at all. The handshake's own attacks are in handshake_test.cc.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/session/envelope.h"
#include "tests/sim/session_host.h"

namespace p2pd::session {
namespace {

using sim::Authority;
using sim::Person;
using sim::SessionHost;
using sim::World;
using testing::SizeIs;

class AttackTest : public testing::Test {
 protected:
  AttackTest() {
    caller_.LogIn(alice_);
    callee_.LogIn(bob_);
  }
  SessionId DialBob() { return *caller_.Dial(alice_, bob_.At({callee_.at()})); }
  EndReason EndAfterDial() {
    const SessionId id = DialBob();
    world_.RunFor(absl::Seconds(6));
    return caller_.EndOf(id);
  }
  // Keeps what the caller sends to the callee.
  void Record() {
    world_.SetTap([this](const net::Endpoint& from, net::Transmit& transmit) {
      if (from == caller_.at()) recorded_.push_back(transmit);
      return true;
    });
  }
  void Replay(const net::Endpoint& from) {
    for (const net::Transmit& transmit : recorded_) world_.Inject(from, transmit);
  }

  World world_{3};
  Authority ca_{7};
  Person alice_ = ca_.MakePerson("alice@example.org");
  Person bob_ = ca_.MakePerson("bob@example.org");
  SessionHost caller_{world_, 11};
  SessionHost callee_{world_, 12};
  std::vector<net::Transmit> recorded_;
};

TEST_F(AttackTest, CertificateRevokedAtTheCaller) {
  ASSERT_TRUE(caller_.trust().AddCrl(ca_.root(), ca_.Revoke({bob_.chain.leaf()})).ok());
  EXPECT_EQ(EndAfterDial(), EndReason::kCertificateRevoked);
}

TEST_F(AttackTest, CertificateRevokedAtTheCallee) {
  ASSERT_TRUE(callee_.trust().AddCrl(ca_.root(), ca_.Revoke({alice_.chain.leaf()})).ok());
  EXPECT_EQ(EndAfterDial(), EndReason::kNoAnswer);  // a refused stranger learns nothing
  EXPECT_GE(callee_.Count("session.certificate_revoked"), 1u);
  EXPECT_TRUE(callee_.Of<IncomingHello>().empty());
}

TEST_F(AttackTest, UntrustedRoot) {
  Authority other(8);
  const Person alice = other.MakePerson("alice@example.org");
  SessionHost caller(world_, 14);
  ASSERT_TRUE(caller.trust().AddRoot(ca_.root()).ok());
  caller.LogIn(alice);
  const SessionId id = *caller.Dial(alice, bob_.At({callee_.at()}));
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller.EndOf(id), EndReason::kNoAnswer);
  EXPECT_GE(callee_.Count("session.certificate_untrusted"), 1u);
  ASSERT_TRUE(caller_.trust().RemoveRoot(ca_.root().fingerprint()).ok());
  EXPECT_EQ(EndAfterDial(), EndReason::kCertificateUntrusted);
}

TEST_F(AttackTest, ExpiredCertificate) {
  const Person brief = ca_.MakePerson("brief@example.org", absl::Seconds(30));
  callee_.LogIn(brief);
  world_.RunFor(absl::Minutes(1));
  const SessionId id = *caller_.Dial(alice_, brief.At({callee_.at()}));
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kCertificateExpired);
  SessionHost expired(world_, 15);
  expired.LogIn(brief);
  ASSERT_TRUE(expired.Dial(brief, bob_.At({callee_.at()})).ok());
  world_.RunFor(absl::Seconds(6));
  EXPECT_GE(callee_.Count("session.certificate_expired"), 1u);
}

TEST_F(AttackTest, WrongEmailInTheCertificate) {
  const Person mallory = ca_.MakePerson("mallory@example.org");
  callee_.LogIn(mallory);
  RemoteDevice to = mallory.At({callee_.at()});
  to.email = "bob@example.org";  // what a forged directory would say
  const SessionId id = *caller_.Dial(alice_, to);
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNoAnswer);
  EXPECT_GE(callee_.Count("session.wrong_email"), 1u);
  EXPECT_TRUE(callee_.Of<IncomingHello>().empty());
}

// A CA whose path length allows none below it certifies one all the same, and that one certifies
// whomever it likes.
TEST_F(AttackTest, PathLongerThanItsCaAllows) {
  const auto below = [&](const pki::UserKey& by, const pki::Certificate& ca,
                         const pki::UserKey& key, const char* name) {
    pki::RootOptions options;
    options.name = name;
    options.not_before = ca_.now() - absl::Hours(1);
    options.not_after = ca_.now() + absl::Hours(24);
    return *pki::MakeIntermediate(by, ca, key.public_key(), options);
  };
  const auto person = [&](const char* email, const pki::UserKey& by,
                          const std::vector<pki::Certificate>& above) {
    const pki::UserKey key = ca_.NewKey();
    const auto csr = pki::ParseCsr(*pki::MakeCsr(key, "Somebody", email));
    std::vector<pki::Certificate> chain = {*pki::IssueCertificate(
        by, above.front(), *csr, {ca_.now() - absl::Hours(1), ca_.now() + absl::Hours(24)})};
    chain.insert(chain.end(), above.begin(), above.end());
    return ca_.AtDevice(email, key, *pki::CertificateChain::Make(std::move(chain)));
  };
  // The test root itself allows none: the CA right below it is the one too many.
  const pki::UserKey key = ca_.NewKey();
  const pki::Certificate middle = below(ca_.key(), ca_.root(), key, "Middle");
  const Person callee = person("long@example.org", key, {middle, ca_.root()});
  callee_.LogIn(callee);
  const SessionId id = *caller_.Dial(alice_, callee.At({callee_.at()}));
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kCertificateInvalid);
  const Person caller = person("longer@example.org", key, {middle, ca_.root()});
  SessionHost other(world_, 16);
  other.LogIn(caller);
  ASSERT_TRUE(other.Dial(caller, bob_.At({callee_.at()})).ok());
  world_.RunFor(absl::Seconds(6));
  EXPECT_GE(callee_.Count("session.certificate_invalid"), 1u);
  EXPECT_TRUE(callee_.Of<IncomingHello>().empty() ||
              callee_.Of<IncomingHello>().back().caller.email != "longer@example.org");
}

// A machine whose present user lies about its address answers all the same: the certificate
// decides.
TEST_F(AttackTest, WrongEmailInTheCertificateOfWhoAnswers) {
  Person mallory = ca_.MakePerson("mallory@example.org");
  mallory.email = "bob@example.org";
  callee_.LogIn(mallory);
  const SessionId id = *caller_.Dial(alice_, mallory.At({callee_.at()}));
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kWrongEmail);
}

// A stranger who has Bob's sealing key (the machine's former user) and answers with its own
// signature.
TEST_F(AttackTest, AStrangerLoggedInAtThatMachineAnswers) {
  const Person mallory = ca_.MakePerson("mallory@example.org");
  RemoteDevice to = mallory.At({callee_.at()});
  to.user_key = bob_.key.public_key();
  callee_.LogIn(mallory);
  // The hello names Bob, so an honest program at that machine stays silent.
  const SessionId id = *caller_.Dial(alice_, to);
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNoAnswer);
  EXPECT_GE(callee_.Count("session.resealed_hello"), 1u);
}

TEST_F(AttackTest, AChangedAckEndsTheAttemptByName) {
  // Of each fragment: header, nonce, key, sealed part.
  for (const size_t at : {size_t{21}, size_t{60}, size_t{400}}) {
    world_.SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
      if (from == callee_.at() && transmit.datagram[2] == 2 && transmit.datagram[0] == 200)
        transmit.datagram[std::min(at, transmit.datagram.size() - 1)] ^= 0x10;
      return true;
    });
    EXPECT_EQ(EndAfterDial(), EndReason::kBadSignature) << at;
  }
}

TEST_F(AttackTest, AnAckOnceChangedOnItsWayDoesNoHarm) {
  int changed = 0;
  world_.SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    if (from == callee_.at() && transmit.datagram[2] == 2 && changed++ == 0)
      transmit.datagram.back() ^= 1;
    return true;
  });
  EXPECT_EQ(EndAfterDial(), EndReason::kNone);
  EXPECT_THAT(caller_.Of<Established>(), SizeIs(1));
}

TEST_F(AttackTest, AnOffPathAttackerCannotSayNotHere) {
  const SessionId id = DialBob();
  HelloNonce guess;
  world_.Inject(callee_.at(), {caller_.at(), EncodeNotHere(guess)});
  world_.RunFor(absl::Seconds(6));
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  EXPECT_EQ(caller_.Count("session.dropped_not_here"), 1u);
}

TEST_F(AttackTest, AReplayedHelloMakesNoSecondSession) {
  Record();
  DialBob();
  world_.RunFor(absl::Seconds(2));
  ASSERT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  const net::Endpoint attacker = world_.NextEndpoint();
  for (int i = 0; i < 5; ++i) {
    Replay(attacker);
    world_.RunFor(absl::Seconds(1));
  }
  EXPECT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  EXPECT_EQ(callee_.Count("session.replayed_hello"), 5u);
  // Much later the session is long gone, and nothing has changed.
  caller_.sessions().Close(world_.now(), caller_.Of<Established>()[0].id);
  caller_.Kick();
  world_.RunFor(absl::Minutes(10));
  Replay(attacker);
  world_.RunFor(absl::Seconds(2));
  EXPECT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  EXPECT_EQ(callee_.Count("session.replayed_hello") + callee_.Count("session.stale_hello"), 6u);
}

TEST_F(AttackTest, AHelloFromBeforeARestartIsNotBelieved) {
  Record();
  DialBob();
  world_.RunFor(absl::Seconds(2));
  SessionHost reborn(world_, 16);
  reborn.LogIn(bob_);
  world_.SetTap(nullptr);
  for (net::Transmit transmit : recorded_) {
    transmit.to = reborn.at();
    world_.Inject(caller_.at(), transmit);
  }
  world_.RunFor(absl::Seconds(2));
  EXPECT_TRUE(reborn.Of<IncomingHello>().empty());
  EXPECT_EQ(reborn.Count("session.stale_hello"), 1u);
}

TEST_F(AttackTest, AReplayNeverConfirmsSoItNeverStands) {
  // The hello is held back from the callee and comes from the attacker only.
  world_.SetTap([this](const net::Endpoint& from, net::Transmit& transmit) {
    if (from == caller_.at()) recorded_.push_back(transmit);
    return from != caller_.at();
  });
  DialBob();
  const net::Endpoint attacker = world_.NextEndpoint();
  Replay(attacker);
  world_.RunFor(absl::Seconds(15));
  ASSERT_THAT(callee_.Of<IncomingHello>(), SizeIs(1));
  EXPECT_TRUE(callee_.Of<Established>().empty());
  EXPECT_EQ(callee_.EndOf(callee_.Of<IncomingHello>()[0].id), EndReason::kNoAnswer);
}

TEST_F(AttackTest, ReflectedDatagramsAreDropped) {
  // Everything the caller sends comes back to it as if the callee had sent it.
  world_.SetTap([this](const net::Endpoint& from, net::Transmit& transmit) {
    if (from == caller_.at()) world_.Inject(callee_.at(), {caller_.at(), transmit.datagram});
    return true;
  });
  const SessionId id = DialBob();
  world_.RunFor(absl::Seconds(6));
  // The reflected hello finds nobody here; the true ack wins.
  EXPECT_EQ(caller_.EndOf(id), EndReason::kNone);
  EXPECT_TRUE(caller_.Of<IncomingHello>().empty());
  EXPECT_THAT(caller_.Of<Established>(), SizeIs(1));
  EXPECT_GE(caller_.Count("session.dropped_unknown_receiver"), 1u);
}

TEST_F(AttackTest, ReplayedPacketsAreDropped) {
  const SessionId id = DialBob();
  world_.RunFor(absl::Seconds(2));
  Record();
  ASSERT_TRUE(caller_.sessions().Send(world_.now(), id, AsBytes("pay 5")).ok());
  caller_.Kick();
  world_.RunFor(absl::Seconds(1));
  Replay(caller_.at());
  Replay(world_.NextEndpoint());
  world_.RunFor(absl::Seconds(1));
  EXPECT_THAT(callee_.Of<MessageReceived>(), SizeIs(1));
  EXPECT_TRUE(callee_.Of<RemoteMoved>().empty());
  EXPECT_GE(callee_.Count("session.dropped_packet_replayed"), 2u);
}

TEST_F(AttackTest, AWrongClockCostsOneMoreRoundTripAndNoMore) {
  SessionHost late(world_, 17, {}, {}, -absl::Minutes(30));
  late.LogIn(alice_);
  const SessionId id = *late.Dial(alice_, bob_.At({callee_.at()}));
  world_.RunFor(absl::Seconds(3));
  EXPECT_EQ(late.EndOf(id), EndReason::kNone);
  EXPECT_THAT(late.Of<Established>(), SizeIs(1));
  EXPECT_EQ(callee_.Count("session.stale_hello"), 1u);
  EXPECT_EQ(late.Count("session.cookie_answered"), 1u);
}

TEST_F(AttackTest, AFloodOfHellosKeepsStateBoundedAndFriendsGetIn) {
  // 10,000 first fragments a second from everywhere, for three seconds, none of them ever whole.
  SeededRng rng(1);
  const ReceiverHint hint = HintOf(bob_.device.sealing_key.public_key());
  const Bytes part(1000, 7);
  for (int tick = 0; tick < 3000; ++tick) {
    for (int i = 0; i < 10; ++i) {
      const net::Endpoint from{
          net::IpAddress::V4({static_cast<uint8_t>(11 + rng.Below(80)),
                              static_cast<uint8_t>(rng.Next()), static_cast<uint8_t>(rng.Next()),
                              static_cast<uint8_t>(rng.Next())}),
          7464};
      const Bytes whole(HelloCapacity(2, false), 7);
      const auto datagrams = SplitHello(rng.Make<HelloNonce>(), hint, {}, whole);
      callee_.sessions().OnDatagram(world_.now(), from, datagrams.front());
      size_t replies = 0;
      while (const auto reply = callee_.sessions().PollTransmit(world_.now())) {
        EXPECT_LT(reply->datagram.size(), 64u);
        ++replies;
      }
      EXPECT_LE(replies, 1u);
    }
    if (tick == 1500) DialBob();
    world_.RunFor(absl::Milliseconds(1));
  }
  world_.RunFor(absl::Seconds(3));
  EXPECT_THAT(caller_.Of<Established>(), SizeIs(1));
  EXPECT_THAT(callee_.Of<Established>(), SizeIs(1));
  EXPECT_GE(callee_.Count("session.cookie_asked"), 29000u);
  // What was admitted is 50 a second and lives three seconds.
  EXPECT_LE(callee_.Count("session.dropped_reassembly_expired"), 50u * 4);
}

}  // namespace
}  // namespace p2pd::session
