#include "libcore/session/doorkeeper.h"

#include "gtest/gtest.h"
#include "tests/unit/session/hello_bench.h"

namespace p2pd::session {
namespace {

const net::Endpoint kFrom = *net::Endpoint::Parse("192.0.2.1:7464");
const net::Endpoint kElsewhere = *net::Endpoint::Parse("198.51.100.1:7464");

class DoorkeeperTest : public HelloBench {
 protected:
  DoorkeeperTest() {
    identities_.emplace(bob_.user(), bob_.Identity());
    Restart(ca_.now() - absl::Minutes(10));
  }
  void Restart(absl::Time start, double rate = 50) {
    Doorkeeper::Options options;
    options.hello_rate_before_cookie = rate;
    door_.emplace(options, trust_, rng_, counters_, start);
  }
  // Gives all fragments and returns what came of the last one, or of the one that was answered.
  Doorkeeper::Knock Knock(const std::vector<Bytes>& datagrams, const net::Endpoint& from = kFrom) {
    Doorkeeper::Knock out;
    for (const Bytes& datagram : datagrams) {
      const auto envelope = ParseEnvelope(datagram);
      Doorkeeper::Knock knock =
          door_->OnFragment(now_, wall_, from, std::get<HelloFragment>(*envelope), identities_);
      if (out.reply && !knock.reply) knock.reply = out.reply;
      out = std::move(knock);
    }
    return out;
  }
  Cookie CookieIn(const Doorkeeper::Knock& knock) {
    return std::get<CookieReply>(*ParseEnvelope(*knock.reply)).cookie;
  }
  bool SaysNotHere(const Doorkeeper::Knock& knock) {
    return knock.reply && std::holds_alternative<NotHereReply>(*ParseEnvelope(*knock.reply));
  }
  SealedHello HelloWith(const std::function<void(HelloOptions&)>& change) {
    HelloOptions options = Options();
    change(options);
    return *MakeHello(alice_.Identity(), To(bob_), options, rng_);
  }

  Instant now_ = Instant() + absl::Hours(1);
  absl::Time wall_ = ca_.now();
  Counters counters_;
  Doorkeeper::Identities identities_;
  std::optional<Doorkeeper> door_;
};

TEST_F(DoorkeeperTest, LetsAGoodHelloIn) {
  const Doorkeeper::Knock knock = Knock(Hello(alice_, bob_).datagrams);
  ASSERT_TRUE(knock.verified.has_value());
  EXPECT_FALSE(knock.reply.has_value());
  EXPECT_EQ(knock.verified->caller.user, alice_.user());
  EXPECT_EQ(knock.verified->identity, bob_.user());
}

TEST_F(DoorkeeperTest, SaysNotHereToWhoLooksForSomebodyElse) {
  const Doorkeeper::Knock knock = Knock(Hello(alice_, mallory_).datagrams);
  EXPECT_TRUE(SaysNotHere(knock));
  EXPECT_EQ(counters_.Get("session.not_logged_in_here"), 1u);  // once a hello, not once a fragment
}

TEST_F(DoorkeeperTest, SaysNotHereToWhatCannotBeOpened) {
  std::vector<Bytes> datagrams = Hello(alice_, bob_).datagrams;
  datagrams.back().back() ^= 1;
  EXPECT_TRUE(SaysNotHere(Knock(datagrams)));
}

TEST_F(DoorkeeperTest, SaysNotHereFiftyTimesASecondAtMost) {
  const std::vector<Bytes> hello = Hello(alice_, mallory_).datagrams;
  int said = 0;
  for (int i = 0; i < 1000; ++i) said += SaysNotHere(Knock(hello)) ? 1 : 0;
  EXPECT_EQ(said, 50);
  EXPECT_EQ(counters_.Get("session.not_here_unsaid"), 950u);
}

TEST_F(DoorkeeperTest, ACopyOfAHelloLeadsToItsSession) {
  const SealedHello hello = Hello(alice_, bob_);
  const Doorkeeper::Knock first = Knock(hello.datagrams);
  door_->Remember(wall_, *first.verified, SessionId(5));
  const Doorkeeper::Knock again = Knock(hello.datagrams);
  EXPECT_FALSE(again.verified.has_value());
  EXPECT_EQ(again.again, SessionId(5));
}

TEST_F(DoorkeeperTest, AStaleHelloIsAskedForACookie) {
  for (const absl::Duration age : {absl::Minutes(5), -absl::Minutes(5)}) {
    const SealedHello hello = HelloWith([&](HelloOptions& o) { o.time = wall_ - age; });
    const Doorkeeper::Knock knock = Knock(hello.datagrams);
    EXPECT_FALSE(knock.verified.has_value());
    ASSERT_TRUE(knock.reply.has_value());
    // Whoever has the keys to sign anew gets in, whatever its clock says.
    const Cookie cookie = CookieIn(knock);
    const SealedHello with_cookie = HelloWith([&](HelloOptions& o) {
      o.time = wall_ - age;
      o.nonce = std::get<CookieReply>(*ParseEnvelope(*knock.reply)).nonce;
      o.cookie = cookie;
    });
    EXPECT_TRUE(Knock(with_cookie.datagrams).verified.has_value());
  }
  EXPECT_EQ(counters_.Get("session.stale_hello"), 2u);
}

TEST_F(DoorkeeperTest, AHelloOlderThanOurStartIsStale) {
  Restart(wall_);
  const SealedHello hello =
      HelloWith([&](HelloOptions& o) { o.time = wall_ - absl::Milliseconds(1); });
  EXPECT_FALSE(Knock(hello.datagrams).verified.has_value());
  EXPECT_EQ(counters_.Get("session.stale_hello"), 1u);
  EXPECT_TRUE(Knock(Hello(alice_, bob_).datagrams).verified.has_value());
}

// Who recorded a hello gets a cookie for its own address, but cannot sign it.
TEST_F(DoorkeeperTest, ACookieCannotBePutOnAnOldHello) {
  const SealedHello old = HelloWith([&](HelloOptions& o) { o.time = wall_ - absl::Minutes(5); });
  const Cookie cookie = CookieIn(Knock(old.datagrams, kElsewhere));
  const JoinedHello joined = JoinHello(old.datagrams);
  const std::vector<Bytes> again =
      SplitHello(joined.envelope.nonce, joined.envelope.hint, cookie, joined.sealed);
  const Doorkeeper::Knock knock = Knock(again, kElsewhere);
  EXPECT_FALSE(knock.verified.has_value());
  EXPECT_TRUE(SaysNotHere(knock));  // the seal covers the cookie
}

TEST_F(DoorkeeperTest, UnderLoadACookieComesFirst) {
  Restart(ca_.now() - absl::Minutes(10), 5);
  int let_in = 0;
  Doorkeeper::Knock last;
  for (int i = 0; i < 20; ++i) {
    last = Knock(Hello(alice_, bob_).datagrams);
    let_in += last.verified ? 1 : 0;
  }
  EXPECT_EQ(let_in, 5);
  ASSERT_TRUE(last.reply.has_value());
  EXPECT_LT(last.reply->size(), net::kMaxDatagram / 10);
  EXPECT_EQ(door_->pending(), 0u);  // who is asked for a cookie costs no memory
  const Cookie cookie = CookieIn(last);
  const HelloNonce nonce = std::get<CookieReply>(*ParseEnvelope(*last.reply)).nonce;
  const auto with_cookie = [&](HelloOptions& o) {
    o.nonce = nonce;
    o.cookie = cookie;
  };
  EXPECT_FALSE(Knock(HelloWith(with_cookie).datagrams, kElsewhere).verified.has_value());
  EXPECT_TRUE(Knock(HelloWith(with_cookie).datagrams).verified.has_value());
}

TEST_F(DoorkeeperTest, OneNetworkCannotFloodUsWithCookiesEither) {
  Restart(ca_.now() - absl::Minutes(10), 1);
  int let_in = 0;
  for (int i = 0; i < 200; ++i) {
    const Doorkeeper::Knock asked = Knock(Hello(alice_, bob_).datagrams);
    if (asked.verified || !asked.reply) continue;
    const SealedHello hello = HelloWith([&](HelloOptions& o) {
      o.nonce = std::get<CookieReply>(*ParseEnvelope(*asked.reply)).nonce;
      o.cookie = CookieIn(asked);
    });
    let_in += Knock(hello.datagrams).verified ? 1 : 0;
  }
  EXPECT_EQ(let_in, static_cast<int>(Doorkeeper::kProvedBurst));
}

TEST_F(DoorkeeperTest, AnAckThatCouldBeLargerThanTheHelloNeedsACookie) {
  LocalIdentity heavy = bob_.Identity();
  heavy.device_certificate.mutable_signature()->append(1000, 'x');
  identities_.clear();
  identities_.emplace(bob_.user(), std::move(heavy));
  const Doorkeeper::Knock knock = Knock(Hello(alice_, bob_).datagrams);
  EXPECT_FALSE(knock.verified.has_value());
  const Cookie cookie = CookieIn(knock);
  const SealedHello proved = HelloWith([&](HelloOptions& o) {
    o.nonce = std::get<CookieReply>(*ParseEnvelope(*knock.reply)).nonce;
    o.cookie = cookie;
  });
  EXPECT_TRUE(Knock(proved.datagrams).verified.has_value());
}

TEST_F(DoorkeeperTest, BadCredentialsAreCountedByNameAndNotAnswered) {
  sim::Person liar = ca_.MakePerson("mallory@example.org");
  liar.email = "alice@example.org";
  sim::Authority stranger(8);
  const sim::Person untrusted = stranger.MakePerson("alice@example.org");
  for (const sim::Person* person : std::vector<const sim::Person*>{&liar, &untrusted}) {
    const Doorkeeper::Knock knock = Knock(Hello(*person, bob_).datagrams);
    EXPECT_FALSE(knock.verified.has_value());
    EXPECT_FALSE(knock.reply.has_value());
  }
  EXPECT_EQ(counters_.Get("session.wrong_email"), 1u);
  EXPECT_EQ(counters_.Get("session.certificate_untrusted"), 1u);
}

TEST_F(DoorkeeperTest, SeveralIdentitiesLiveBehindOneDoor) {
  identities_.emplace(mallory_.user(), mallory_.Identity());
  EXPECT_EQ(Knock(Hello(alice_, mallory_).datagrams).verified->identity, mallory_.user());
  EXPECT_EQ(Knock(Hello(alice_, bob_).datagrams).verified->identity, bob_.user());
}

}  // namespace
}  // namespace p2pd::session
