#include "libcore/session/dialing.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/session/hello_bench.h"

namespace p2pd::session {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

const net::Endpoint kFirst = *net::Endpoint::Parse("192.0.2.7:7464");
const net::Endpoint kSecond = *net::Endpoint::Parse("[2001:db8::7]:7464");

class DialingTest : public HelloBench {
 protected:
  Dialing Begin(std::vector<net::Endpoint> addresses) {
    Dialing::Setup setup;
    setup.timeout = absl::Seconds(5);
    setup.offer = ToBytes("offer");
    return *Dialing::Begin(now_, ca_.now(), alice_.Identity(), bob_.At(std::move(addresses)), setup,
                           rng_);
  }
  std::vector<net::Transmit> Flush(Dialing& dialing) {
    std::vector<net::Transmit> out;
    dialing.Flush(now_, out);
    return out;
  }
  // Advances to the next timeout.
  void Step(Dialing& dialing) {
    now_ = dialing.Timeout();
    dialing.OnTimeout(now_);
  }
  std::vector<Bytes> Answer(const std::vector<net::Transmit>& hello) {
    std::vector<Bytes> datagrams;
    for (const net::Transmit& transmit : hello) datagrams.push_back(transmit.datagram);
    const JoinedHello joined = JoinHello(datagrams);
    const HelloOpening opening = OpenHello(bob_.Identity(), joined.envelope, joined.sealed);
    return MakeAck(bob_.Identity(), AckTo(*opening.hello), rng_)->datagrams;
  }
  std::optional<OpenedAck> Give(Dialing& dialing, const std::vector<Bytes>& ack) {
    std::optional<OpenedAck> out;
    for (const Bytes& datagram : ack) {
      out = dialing.OnAck(now_, ca_.now(), std::get<AckFragment>(*ParseEnvelope(datagram)), trust_,
                          false, counters_);
    }
    return out;
  }
  void GiveCookie(Dialing& dialing, const net::Endpoint& from) {
    dialing.OnCookie(now_, ca_.now(), alice_.Identity(), from, Cookie(), rng_, counters_);
  }
  Instant now_;
  Counters counters_;
};

TEST_F(DialingTest, SaysHelloToAllAddressesAtOnce) {
  Dialing dialing = Begin({kFirst, kSecond});
  const std::vector<net::Transmit> sent = Flush(dialing);
  EXPECT_THAT(sent, SizeIs(2 * kMinHelloFragments));
  EXPECT_EQ(sent.front().to, kFirst);
  EXPECT_EQ(sent.back().to, kSecond);
  EXPECT_EQ(sent.front().datagram, sent[kMinHelloFragments].datagram);
}

TEST_F(DialingTest, RepeatsTheSameHelloUntilItsDeadline) {
  Dialing dialing = Begin({kFirst});
  const std::vector<net::Transmit> first = Flush(dialing);
  std::vector<double> at;
  while (true) {
    Step(dialing);
    if (dialing.failure()) break;
    const std::vector<net::Transmit> again = Flush(dialing);
    ASSERT_THAT(again, SizeIs(first.size()));
    EXPECT_EQ(again.front().datagram, first.front().datagram);
    at.push_back(absl::ToDoubleSeconds(now_ - Instant()));
  }
  EXPECT_THAT(at, testing::ElementsAre(0.25, 0.75, 1.75, 2.75, 3.75, 4.75));
  EXPECT_EQ(now_ - Instant(), absl::Seconds(5));
  EXPECT_EQ(dialing.failure()->reason, EndReason::kNoAnswer);
}

TEST_F(DialingTest, TakesTheAckWhateverTheOrderOfItsFragments) {
  Dialing dialing = Begin({kFirst});
  std::vector<Bytes> ack = Answer(Flush(dialing));
  ASSERT_GE(ack.size(), 1u);
  std::reverse(ack.begin(), ack.end());
  ASSERT_TRUE(Give(dialing, ack).has_value());
  EXPECT_FALSE(dialing.failure().has_value());
}

TEST_F(DialingTest, AForgedAckGivesTheTrueOneASecond) {
  Dialing dialing = Begin({kFirst});
  std::vector<Bytes> ack = Answer(Flush(dialing));
  std::vector<Bytes> forged = ack;
  forged.back().back() ^= 1;
  EXPECT_FALSE(Give(dialing, forged).has_value());
  EXPECT_FALSE(dialing.failure().has_value());
  EXPECT_EQ(counters_.Get("session.dropped_ack_forged"), 1u);
  EXPECT_TRUE(Give(dialing, ack).has_value());
}

TEST_F(DialingTest, AnAckThatStaysForgedEndsTheAttemptByItsName) {
  Dialing dialing = Begin({kFirst});
  std::vector<Bytes> forged = Answer(Flush(dialing));
  forged.back().back() ^= 1;
  Give(dialing, forged);
  while (!dialing.failure()) Step(dialing), Flush(dialing);
  EXPECT_EQ(now_ - Instant(), Dialing::kForgeryGrace);
  EXPECT_EQ(dialing.failure()->reason, EndReason::kBadSignature);
}

TEST_F(DialingTest, NotHereCountsForTheAddressThatSaidIt) {
  Dialing dialing = Begin({kFirst, kSecond});
  const std::vector<net::Transmit> hello = Flush(dialing);
  dialing.OnNotHere(*net::Endpoint::Parse("192.0.2.99:1"), counters_);
  EXPECT_EQ(counters_.Get("session.dropped_not_here"), 1u);
  dialing.OnNotHere(kFirst, counters_);
  EXPECT_FALSE(dialing.failure().has_value());
  Step(dialing);
  for (const net::Transmit& transmit : Flush(dialing)) EXPECT_EQ(transmit.to, kSecond);
  dialing.OnNotHere(kSecond, counters_);
  ASSERT_TRUE(dialing.failure().has_value());
  EXPECT_EQ(dialing.failure()->reason, EndReason::kNotLoggedInHere);
}

TEST_F(DialingTest, ACookieMakesANewHelloForTheAddressThatAsked) {
  Dialing dialing = Begin({kFirst, kSecond});
  const std::vector<net::Transmit> plain = Flush(dialing);
  GiveCookie(dialing, kSecond);
  const std::vector<net::Transmit> again = Flush(dialing);
  ASSERT_THAT(again, SizeIs(kMinHelloFragments));
  EXPECT_EQ(again.front().to, kSecond);
  const auto envelope = ParseEnvelope(again.front().datagram);
  const auto& fragment = std::get<HelloFragment>(*envelope);
  EXPECT_TRUE(fragment.cookie.has_value());
  EXPECT_EQ(fragment.nonce, dialing.nonce());
  // An ack to either hello is taken.
  const std::vector<Bytes> to_plain = Answer({plain.begin(), plain.begin() + kMinHelloFragments});
  EXPECT_TRUE(Give(dialing, to_plain).has_value());
  EXPECT_TRUE(Give(dialing, Answer(again)).has_value());
}

TEST_F(DialingTest, CookiesFromElsewhereOrWithoutEndAreNotFollowed) {
  Dialing dialing = Begin({kFirst});
  Flush(dialing);
  GiveCookie(dialing, kSecond);
  EXPECT_THAT(Flush(dialing), IsEmpty());
  for (int i = 0; i < 10; ++i) {
    GiveCookie(dialing, kFirst);
    EXPECT_EQ(Flush(dialing).empty(), i >= Dialing::kMaxCookies) << i;
  }
}

TEST_F(DialingTest, NeedsAnAddressAndAnOfferThatFits) {
  Dialing::Setup setup;
  EXPECT_FALSE(Dialing::Begin(now_, ca_.now(), alice_.Identity(), bob_.At({}), setup, rng_).ok());
  setup.offer = Bytes(kMaxOffer + 1);
  EXPECT_FALSE(
      Dialing::Begin(now_, ca_.now(), alice_.Identity(), bob_.At({kFirst}), setup, rng_).ok());
}

}  // namespace
}  // namespace p2pd::session
