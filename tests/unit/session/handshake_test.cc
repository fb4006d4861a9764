#include "libcore/session/handshake.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/base/codec.h"
#include "libcore/base/hex.h"
#include "libcore/pki/sealed_box.h"
#include "tests/unit/session/hello_bench.h"

namespace p2pd::session {
namespace {

using sim::Person;
using testing::SizeIs;

using HelloTest = HelloBench;
using AckTest = HelloBench;

// Points whose product with any key is zero (RFC 7748 §6.1; the list is D. J. Bernstein's).
std::vector<pki::X25519Public> SmallOrderPoints() {
  std::vector<pki::X25519Public> out;
  for (const absl::string_view hex :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    out.push_back(*pki::X25519Public::FromView(*FromHex(hex)));
  }
  return out;
}

// Seals a changed body as an attacker would who has opened the hello, signed by `signer`.
JoinedHello Forge(const wire::v1::SessionHello::Body& body, const pki::Ed25519Key& signer,
                  const Person& to, Rng& rng) {
  wire::v1::SessionHello hello;
  hello.set_body(body.SerializeAsString());
  Bytes signed_bytes = ToBytes(absl::string_view("p2pd hello 1\0", 13));
  Append(signed_bytes, AsBytes(hello.body()));
  hello.set_signature(signer.Sign(signed_bytes).ToString());
  ByteWriter writer;
  writer.Put16(AsBytes(hello.SerializeAsString()));
  JoinedHello out;
  out.envelope.nonce = *HelloNonce::FromView(body.nonce());
  out.envelope.hint = HintOf(to.device.sealing_key.public_key());
  out.sealed =
      *pki::SealTo(to.device.sealing_key.public_key(), "p2pd hello 1",
                   HelloAad(out.envelope.nonce, out.envelope.hint, {}), writer.bytes(), rng);
  return out;
}

TEST_F(HelloTest, IsOpenedByTheDeviceThatItIsFor) {
  const SealedHello hello = Hello(alice_, bob_);
  const HelloOpening opening = Open(bob_, hello);
  ASSERT_EQ(opening.fault, EndReason::kNone);
  EXPECT_EQ(opening.hello->digest, hello.digest);
  EXPECT_EQ(opening.hello->purpose, Purpose::kCall);
  EXPECT_EQ(opening.hello->call, last_.call);
  EXPECT_EQ(opening.hello->body.offer(), "offer");
  const Judged judged = Authenticate(*opening.hello);
  ASSERT_EQ(judged.fault, EndReason::kNone) << judged.detail;
  EXPECT_EQ(judged.peer->email, "alice@example.org");
  EXPECT_EQ(judged.peer->user, alice_.user());
  EXPECT_EQ(judged.peer->device, alice_.device.id);
}

TEST_F(HelloTest, TellsAnObserverNothingAndHasTheSameLengthForAll) {
  const Person long_name = ca_.MakePerson(
      "somebody-with-a-very-long-name-indeed@a-department.of-an-institution.example.org");
  const SealedHello one = Hello(alice_, bob_);
  const SealedHello two = Hello(long_name, bob_);
  EXPECT_THAT(one.datagrams, SizeIs(kMinHelloFragments));
  EXPECT_EQ(TotalSize(one.datagrams), TotalSize(two.datagrams));
  for (const Bytes& datagram : one.datagrams) {
    EXPECT_EQ(datagram.size(), net::kMaxDatagram);
    for (const absl::string_view secret : {"alice", "bob", "example", "offer"}) {
      EXPECT_EQ(AsText(datagram).find(secret), absl::string_view::npos) << secret;
    }
  }
}

TEST_F(HelloTest, AStrangerAtThatMachineCannotOpenIt) {
  EXPECT_EQ(Open(mallory_, Hello(alice_, bob_)).fault, EndReason::kNotLoggedInHere);
}

TEST_F(HelloTest, EveryBitOfTheSealIsAuthenticated) {
  const JoinedHello joined = JoinHello(Hello(alice_, bob_).datagrams);
  for (size_t bit = 0; bit < joined.sealed.size() * 8; bit += 97) {
    Bytes bad = joined.sealed;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(OpenHello(bob_.Identity(), joined.envelope, bad).fault, EndReason::kNotLoggedInHere);
  }
  HelloFragment other = joined.envelope;
  other.nonce.mutable_view()[0] ^= 1;
  EXPECT_EQ(OpenHello(bob_.Identity(), other, joined.sealed).fault, EndReason::kNotLoggedInHere);
  other = joined.envelope;
  other.cookie = Cookie();
  EXPECT_EQ(OpenHello(bob_.Identity(), other, joined.sealed).fault, EndReason::kNotLoggedInHere);
}

TEST_F(HelloTest, ResealedToSomebodyElseIsKnownAsSuch) {
  // Mallory is called, opens the hello, and seals what Alice signed to Bob.
  const OpenedHello opened = *Open(mallory_, Hello(alice_, mallory_)).hello;
  wire::v1::SessionHello inner;
  inner.set_body(ToText(opened.body_bytes));
  inner.set_signature(ToText(opened.signature));
  ByteWriter writer;
  writer.Put16(AsBytes(inner.SerializeAsString()));
  HelloFragment envelope;
  envelope.nonce = opened.nonce;
  envelope.hint = HintOf(bob_.device.sealing_key.public_key());
  const Bytes sealed =
      *pki::SealTo(bob_.device.sealing_key.public_key(), "p2pd hello 1",
                   HelloAad(envelope.nonce, envelope.hint, {}), writer.bytes(), rng_);
  EXPECT_EQ(OpenHello(bob_.Identity(), envelope, sealed).fault, EndReason::kResealedHello);
}

TEST_F(HelloTest, AnotherDeviceOfTheSameUserIsSomebodyElse) {
  const Person laptop = ca_.MakePerson("bob@example.org", bob_.key);
  wire::v1::SessionHello::Body body = Open(laptop, Hello(alice_, laptop)).hello->body;
  const JoinedHello forged = Forge(body, alice_.device.signing_key, bob_, rng_);
  EXPECT_EQ(OpenHello(bob_.Identity(), forged.envelope, forged.sealed).fault,
            EndReason::kResealedHello);
}

TEST_F(HelloTest, AnAddressThatIsNotOursIsWrong) {
  RemoteDevice to = To(bob_);
  to.email = "carol@example.org";
  const SealedHello hello = *MakeHello(alice_.Identity(), to, Options(), rng_);
  EXPECT_EQ(Open(bob_, hello).fault, EndReason::kWrongEmail);
}

TEST_F(HelloTest, EachSignedFieldWhenChangedBreaksTheSignature) {
  const wire::v1::SessionHello::Body good = Open(bob_, Hello(alice_, bob_)).hello->body;
  const OpenedHello original = *Open(bob_, Hello(alice_, bob_)).hello;
  using Body = wire::v1::SessionHello::Body;
  const std::vector<std::pair<const char*, std::function<void(Body&)>>> changes = {
      {"versions", [](Body& b) { b.add_versions(7); }},
      {"purpose", [](Body& b) { b.set_purpose(wire::v1::SESSION_PURPOSE_PRESENCE); }},
      {"call", [](Body& b) { b.mutable_call()->at(0) ^= 1; }},
      {"time", [](Body& b) { b.set_time_ms(b.time_ms() + 1); }},
      {"callee_email",
       [](Body& b) {
         b.set_callee_email("bob@example.org");
         b.set_offer("x");
       }},
      {"caller_email", [](Body& b) { b.set_caller_email("eve@example.org"); }},
      {"ephemeral", [](Body& b) { b.mutable_ephemeral()->at(0) ^= 1; }},
      {"receive_id", [](Body& b) { b.set_receive_id(1); }},
      {"offer", [](Body& b) { b.set_offer("other offer"); }},
      {"addresses",
       [](Body& b) { b.add_addresses(ToText(net::Endpoint::Parse("192.0.2.9:1")->ToBytes())); }}};
  for (const auto& [name, change] : changes) {
    OpenedHello changed = original;
    Body body = good;
    change(body);
    changed.body = body;
    changed.body_bytes = ToBytes(body.SerializeAsString());
    EXPECT_EQ(Authenticate(changed).fault, EndReason::kBadSignature) << name;
  }
}

// Downgrade: a version list without ours is refused, and the list is signed.
TEST_F(HelloTest, WithoutACommonVersionThereIsNoSession) {
  wire::v1::SessionHello::Body body = Open(bob_, Hello(alice_, bob_)).hello->body;
  body.clear_versions();
  body.add_versions(2);
  const JoinedHello forged = Forge(body, alice_.device.signing_key, bob_, rng_);
  EXPECT_EQ(OpenHello(bob_.Identity(), forged.envelope, forged.sealed).fault,
            EndReason::kMalformed);
}

TEST_F(HelloTest, MalformedFieldsAreRefused) {
  using Body = wire::v1::SessionHello::Body;
  const Body good = Open(bob_, Hello(alice_, bob_)).hello->body;
  const std::vector<std::function<void(Body&)>> changes = {
      [](Body& b) { b.set_purpose(wire::v1::SESSION_PURPOSE_UNSPECIFIED); },
      [](Body& b) { b.set_purpose(static_cast<wire::v1::SessionPurpose>(99)); },
      [](Body& b) { b.set_call("short"); },
      [](Body& b) { b.set_ephemeral(std::string(31, 'x')); },
      [](Body& b) { b.set_offer(std::string(kMaxOffer + 1, 'x')); },
      [](Body& b) { b.add_addresses("no endpoint"); },
      [](Body& b) { b.set_cookie("crumb"); },
      [](Body& b) { b.clear_caller(); },
      [](Body& b) {
        for (int i = 0; i < 9; ++i) b.add_versions(1);
      }};
  for (size_t i = 0; i < changes.size(); ++i) {
    Body body = good;
    changes[i](body);
    const JoinedHello forged = Forge(body, alice_.device.signing_key, bob_, rng_);
    EXPECT_EQ(OpenHello(bob_.Identity(), forged.envelope, forged.sealed).fault,
              EndReason::kMalformed)
        << i;
  }
}

// Key compromise impersonation, first half: with Bob's stolen device key nobody can call Bob as
// Alice.
TEST_F(HelloTest, TheCalleesOwnKeyDoesNotSignForTheCaller) {
  const wire::v1::SessionHello::Body body = Open(bob_, Hello(alice_, bob_)).hello->body;
  const JoinedHello forged = Forge(body, bob_.device.signing_key, bob_, rng_);
  const HelloOpening opening = OpenHello(bob_.Identity(), forged.envelope, forged.sealed);
  ASSERT_EQ(opening.fault, EndReason::kNone);
  EXPECT_EQ(Authenticate(*opening.hello).fault, EndReason::kBadSignature);
}

TEST_F(HelloTest, ADeviceThatTheCertificatesKeyDidNotCertifyIsRefused) {
  wire::v1::SessionHello::Body body = Open(bob_, Hello(alice_, bob_)).hello->body;
  *body.mutable_caller()->mutable_device() = mallory_.device_certificate;
  const JoinedHello forged = Forge(body, mallory_.device.signing_key, bob_, rng_);
  const HelloOpening opening = OpenHello(bob_.Identity(), forged.envelope, forged.sealed);
  ASSERT_EQ(opening.fault, EndReason::kNone);
  EXPECT_EQ(Authenticate(*opening.hello).fault, EndReason::kBadSignature);
}

TEST_F(HelloTest, TheCallersCertificateIsJudged) {
  const auto judge = [&](const Person& from, absl::Time now, bool strict) {
    const SealedHello hello = Hello(from, bob_);
    return AuthenticateCaller(*Open(bob_, hello).hello, trust_, now, strict).fault;
  };
  // Wrong e-mail: Mallory's certificate, Alice's name.
  Person liar = ca_.MakePerson("mallory@example.org");
  liar.email = "alice@example.org";
  EXPECT_EQ(judge(liar, ca_.now(), false), EndReason::kWrongEmail);
  const Person brief = ca_.MakePerson("brief@example.org", absl::Minutes(1));
  EXPECT_EQ(judge(brief, ca_.now(), false), EndReason::kNone);
  EXPECT_EQ(judge(brief, ca_.now() + absl::Minutes(2), false), EndReason::kCertificateExpired);
  EXPECT_EQ(judge(alice_, ca_.now() - absl::Hours(2), false), EndReason::kCertificateInvalid);
  sim::Authority stranger(8);
  EXPECT_EQ(judge(stranger.MakePerson("alice@example.org"), ca_.now(), false),
            EndReason::kCertificateUntrusted);
  EXPECT_EQ(judge(alice_, ca_.now(), true), EndReason::kRevocationUnknown);
  ASSERT_TRUE(trust_.AddCrl(ca_.root(), ca_.Revoke({alice_.chain.leaf()})).ok());
  EXPECT_EQ(judge(alice_, ca_.now(), false), EndReason::kCertificateRevoked);
  EXPECT_EQ(judge(mallory_, ca_.now(), true), EndReason::kNone);
}

TEST_F(HelloTest, PointsOfSmallOrderMakeNoSession) {
  for (const pki::X25519Public& point : SmallOrderPoints()) {
    RemoteDevice to = To(bob_);
    to.device.sealing_key = point;
    EXPECT_FALSE(MakeHello(alice_.Identity(), to, Options(), rng_).ok());
    OpenedHello hello = *Open(bob_, Hello(alice_, bob_)).hello;
    hello.ephemeral = point;
    EXPECT_FALSE(MakeAck(bob_.Identity(), AckTo(hello), rng_).has_value());
  }
}

TEST_F(AckTest, GivesBothSidesTheSameKeys) {
  const SealedHello hello = Hello(alice_, bob_);
  const OpenedHello opened = *Open(bob_, hello).hello;
  std::optional<MadeAck> ack = MakeAck(bob_.Identity(), AckTo(opened), rng_);
  ASSERT_TRUE(ack.has_value());
  const AckJudgement judgement = Judge(hello, JoinAck(ack->datagrams), bob_);
  ASSERT_EQ(judgement.fault, EndReason::kNone) << judgement.detail;
  EXPECT_EQ(judgement.ack->peer.email, "bob@example.org");
  EXPECT_EQ(judgement.ack->receive_id, 43u);
  EXPECT_EQ(AsText(judgement.ack->answer), "answer");
  EXPECT_EQ(judgement.ack->keys.caller.key.view(), ack->keys.caller.key.view());
  EXPECT_EQ(judgement.ack->keys.callee.key.view(), ack->keys.callee.key.view());
  EXPECT_EQ(judgement.ack->keys.exporter.view(), ack->keys.exporter.view());
  EXPECT_EQ(judgement.ack->keys.safety.view(), ack->keys.safety.view());
}

TEST_F(AckTest, TwoAcksToOneHelloHaveTheirOwnKeys) {
  const OpenedHello opened = *Open(bob_, Hello(alice_, bob_)).hello;
  const auto one = MakeAck(bob_.Identity(), AckTo(opened), rng_);
  const auto two = MakeAck(bob_.Identity(), AckTo(opened), rng_);
  EXPECT_NE(one->keys.exporter.view(), two->keys.exporter.view());
}

TEST_F(AckTest, IsNeverLargerThanItsBound) {
  const OpenedHello opened = *Open(bob_, Hello(alice_, bob_)).hello;
  AckOptions options = AckTo(opened);
  const Bytes answer(kMaxOffer, 1);
  options.answer = answer;
  for (size_t i = 0; i < kMaxAddresses; ++i)
    options.addresses.push_back(*net::Endpoint::Parse("[2001:db8::1]:7464"));
  const auto ack = MakeAck(bob_.Identity(), options, rng_);
  ASSERT_TRUE(ack.has_value());
  EXPECT_LE(TotalSize(ack->datagrams), AckBound(bob_.Identity()));
  // And an ordinary hello is larger than any ack to it.
  EXPECT_LE(AckBound(bob_.Identity()), TotalSize(Hello(alice_, bob_).datagrams));
}

TEST_F(AckTest, EveryBitIsAuthenticated) {
  const SealedHello hello = Hello(alice_, bob_);
  const auto made = MakeAck(bob_.Identity(), AckTo(*Open(bob_, hello).hello), rng_);
  const Bytes ack = JoinAck(made->datagrams);
  for (size_t bit = 0; bit < ack.size() * 8; bit += 61) {
    Bytes bad = ack;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const AckJudgement judgement = Judge(hello, bad, bob_);
    EXPECT_FALSE(judgement.proved);
    EXPECT_EQ(judgement.fault, EndReason::kBadSignature) << bit;
  }
  EXPECT_EQ(Judge(hello, Bytes(31, 1), bob_).fault, EndReason::kMalformed);
  for (const pki::X25519Public& point : SmallOrderPoints()) {
    Bytes bad = ack;
    std::copy(point.view().begin(), point.view().end(), bad.begin());
    EXPECT_EQ(Judge(hello, bad, bob_).fault, EndReason::kMalformed);
  }
}

// Somebody who holds Bob's device keys or sits at his machine, but signs with its own.
TEST_F(AckTest, AStrangerWhoAnswersIsSeen) {
  const SealedHello hello = Hello(alice_, bob_);
  const OpenedHello opened = *Open(bob_, hello).hello;
  const auto ack = MakeAck(mallory_.Identity(), AckTo(opened), rng_);
  const AckJudgement judgement = Judge(hello, JoinAck(ack->datagrams), bob_);
  EXPECT_TRUE(judgement.proved);
  EXPECT_EQ(judgement.fault, EndReason::kWrongIdentity);
  // Another device of Bob is not the one that was dialled.
  const Person laptop = ca_.AtDevice("bob@example.org", bob_.key, bob_.chain);
  const auto other = MakeAck(laptop.Identity(), AckTo(opened), rng_);
  EXPECT_EQ(Judge(hello, JoinAck(other->datagrams), bob_).fault, EndReason::kWrongIdentity);
}

// Bob's credentials and the handshake's key, but not his signing key: what a thief of Alice's
// device (key compromise impersonation) or of Bob's sealing key could try at best.
TEST_F(AckTest, WithoutTheCalleesSigningKeyNobodyIsTheCallee) {
  const SealedHello hello = Hello(alice_, bob_);
  const OpenedHello opened = *Open(bob_, hello).hello;
  for (const Person* thief : {&alice_, &mallory_}) {
    LocalIdentity identity = bob_.Identity();
    identity.device.signing_key = thief->device.signing_key.Clone();
    const auto ack = MakeAck(identity, AckTo(opened), rng_);
    EXPECT_EQ(Judge(hello, JoinAck(ack->datagrams), bob_).fault, EndReason::kBadSignature);
  }
}

// Key compromise impersonation, second half: with Alice's stolen device keys her hello to Bob stays
// closed, so nobody can make an ack that opens.
TEST_F(AckTest, TheCallersOwnKeysDoNotOpenItsHello) {
  EXPECT_EQ(Open(alice_, Hello(alice_, bob_)).fault, EndReason::kNotLoggedInHere);
  const SealedHello hello = Hello(alice_, bob_);
  OpenedHello guess;
  guess.nonce = last_.nonce;
  guess.ephemeral = ephemeral_.public_key();
  const auto ack = MakeAck(bob_.Identity(), AckTo(guess), rng_);
  EXPECT_EQ(Judge(hello, JoinAck(ack->datagrams), bob_).fault, EndReason::kBadSignature);
}

// Unknown key share: Mallory takes Alice's ephemeral key and offer into a hello of its own to Bob.
TEST_F(AckTest, AnAckToSomebodyElsesHelloDoesNotFit) {
  const SealedHello to_mallory = Hello(alice_, mallory_);
  const HelloNonce nonce = last_.nonce;
  HelloOptions relayed = Options();
  relayed.nonce = nonce;
  relayed.ephemeral = ephemeral_.public_key();
  const SealedHello to_bob = *MakeHello(mallory_.Identity(), To(bob_), relayed, rng_);
  const auto ack = MakeAck(bob_.Identity(), AckTo(*Open(bob_, to_bob).hello), rng_);
  last_.nonce = nonce;
  const AckJudgement judgement = Judge(to_mallory, JoinAck(ack->datagrams), mallory_);
  EXPECT_EQ(judgement.fault, EndReason::kBadSignature);
}

TEST_F(AckTest, TheCalleesCertificateIsJudged) {
  const auto judge = [&](const Person& callee, absl::Time now) {
    const SealedHello hello = Hello(alice_, callee);
    const auto ack = MakeAck(callee.Identity(), AckTo(*Open(callee, hello).hello), rng_);
    const RemoteDevice to = To(callee);
    return JudgeAck({ephemeral_, hello.digest, last_.nonce, to}, JoinAck(ack->datagrams), trust_,
                    now, false)
        .fault;
  };
  Person liar = ca_.MakePerson("mallory@example.org");
  liar.email = "bob@example.org";
  EXPECT_EQ(judge(liar, ca_.now()), EndReason::kWrongEmail);
  const Person brief = ca_.MakePerson("brief@example.org", absl::Minutes(1));
  EXPECT_EQ(judge(brief, ca_.now() + absl::Minutes(2)), EndReason::kCertificateExpired);
  sim::Authority stranger(8);
  EXPECT_EQ(judge(stranger.MakePerson("bob@example.org"), ca_.now()),
            EndReason::kCertificateUntrusted);
  ASSERT_TRUE(trust_.AddCrl(ca_.root(), ca_.Revoke({bob_.chain.leaf()})).ok());
  EXPECT_EQ(judge(bob_, ca_.now()), EndReason::kCertificateRevoked);
}

TEST_F(AckTest, ARefusalIsSignedAndHasItsReason) {
  const SealedHello hello = Hello(alice_, bob_);
  const OpenedHello opened = *Open(bob_, hello).hello;
  const std::vector<std::pair<Verdict, EndReason>> rows = {
      {wire::v1::SessionAck::VERDICT_POLICY, EndReason::kRefusedByPolicy},
      {wire::v1::SessionAck::VERDICT_BUSY, EndReason::kRefusedBusy},
      {wire::v1::SessionAck::VERDICT_UNKNOWN_CALLER, EndReason::kRefusedUnknownCaller},
      {wire::v1::SessionAck::VERDICT_UNSPECIFIED, EndReason::kMalformed},
      {static_cast<Verdict>(77), EndReason::kMalformed}};
  for (const auto& [verdict, reason] : rows) {
    AckOptions options = AckTo(opened);
    options.verdict = verdict;
    const auto ack = MakeAck(bob_.Identity(), options, rng_);
    const AckJudgement judgement = Judge(hello, JoinAck(ack->datagrams), bob_);
    EXPECT_TRUE(judgement.proved);
    EXPECT_EQ(judgement.fault, reason);
    EXPECT_FALSE(judgement.ack.has_value());
  }
}

TEST_F(HelloTest, AChainThatDoesNotFitIsRefusedByName) {
  HelloOptions options = Options();
  const Bytes offer(kMaxOffer, 1);
  options.offer = offer;
  EXPECT_TRUE(MakeHello(alice_.Identity(), To(bob_), options, rng_).ok());
  LocalIdentity bloated = alice_.Identity();
  bloated.device_certificate.mutable_body()->append(5000, 'x');
  const auto hello = MakeHello(bloated, To(bob_), options, rng_);
  EXPECT_EQ(hello.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace p2pd::session
