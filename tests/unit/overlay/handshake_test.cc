#include "libcore/overlay/handshake.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

class HandshakeTest : public testing::Test {
 protected:
  HandshakeTest() : jar_(b_.rng) {}
  // a's hello to b, with a good cookie.
  Hello MakeHello(Initiator& initiator) {
    const Knock knock = *ParseKnock(initiator.datagram());
    EXPECT_TRUE(initiator.OnCookie(MakeCookieDatagram(knock, jar_.Make(now_, a_.at)), a_.keys,
                                   a_.record, a_.rng));
    return *ParseHello(initiator.datagram());
  }
  std::optional<Responded> Answer(const Hello& hello) {
    return Respond(hello, a_.at, b_.keys, b_.record, 7, b_.records, b_.rng);
  }
  Party a_{1};
  Party b_{2};
  Instant now_ = At(absl::Seconds(100));
  CookieJar jar_;
};

TEST_F(HandshakeTest, BothSidesGetTheSameKeys) {
  Initiator initiator(5, b_.record.id(), a_.rng);
  const std::optional<Responded> responded = Answer(MakeHello(initiator));
  ASSERT_TRUE(responded.has_value());
  const auto opened = initiator.OnWelcome(responded->welcome, a_.records);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->responder, b_.record);
  EXPECT_EQ(responded->initiator, a_.record);
  EXPECT_EQ(opened->observed, a_.at);
  EXPECT_EQ(opened->secrets.send_key.view(), responded->secrets.receive_key.view());
  EXPECT_EQ(opened->secrets.receive_key.view(), responded->secrets.send_key.view());
  EXPECT_NE(opened->secrets.send_key.view(), opened->secrets.receive_key.view());
  EXPECT_EQ(opened->secrets.remote_index, 7u);
  EXPECT_EQ(responded->secrets.remote_index, 5u);
}

TEST_F(HandshakeTest, CookieIsSmallerThanTheKnockAndBoundToAddressAndTime) {
  const Knock knock{1, 2};
  const Cookie cookie = jar_.Make(now_, a_.at);
  EXPECT_LT(MakeCookieDatagram(knock, cookie).size(), MakeKnock(knock).size());
  EXPECT_TRUE(jar_.Check(now_, a_.at, cookie));
  EXPECT_TRUE(jar_.Check(now_ + absl::Seconds(30), a_.at, cookie));
  EXPECT_FALSE(jar_.Check(now_ + absl::Seconds(61), a_.at, cookie));
  EXPECT_FALSE(jar_.Check(now_, EndpointAt(9), cookie));
  EXPECT_FALSE(jar_.Check(now_, EndpointAt(1, 9), cookie));
  EXPECT_FALSE(jar_.Check(now_, a_.at, Cookie()));
}

TEST_F(HandshakeTest, ACookieForAnotherKnockIsRefused) {
  Initiator initiator(5, std::nullopt, a_.rng);
  EXPECT_FALSE(
      initiator.OnCookie(MakeCookieDatagram(Knock{5, 1}, Cookie()), a_.keys, a_.record, a_.rng));
  EXPECT_FALSE(initiator.has_cookie());
}

TEST_F(HandshakeTest, AHelloUnderAnotherNameIsRefused) {
  // Mallory takes a's hello and puts its own record in, or changes any byte.
  Initiator initiator(5, b_.record.id(), a_.rng);
  MakeHello(initiator);
  const Bytes good = initiator.datagram();
  for (size_t i = 4; i < good.size(); i += 7) {
    Bytes bad = good;
    bad[i] ^= 4;
    const std::optional<Hello> hello = ParseHello(bad);
    if (hello) {
      EXPECT_FALSE(Answer(*hello).has_value()) << i;
    }
  }
}

TEST_F(HandshakeTest, AChangedWelcomeIsRefused) {
  Initiator initiator(5, b_.record.id(), a_.rng);
  const Bytes good = Answer(MakeHello(initiator))->welcome;
  for (size_t i = 4; i < good.size(); i += 7) {
    Bytes bad = good;
    bad[i] ^= 4;
    EXPECT_FALSE(initiator.OnWelcome(bad, a_.records).has_value()) << i;
  }
  EXPECT_TRUE(initiator.OnWelcome(good, a_.records).has_value());
}

TEST_F(HandshakeTest, AnotherNodeAtTheAddressIsRefused) {
  Party c(3);
  Initiator initiator(5, c.record.id(), a_.rng);
  const std::optional<Responded> responded = Answer(MakeHello(initiator));
  ASSERT_TRUE(responded.has_value());
  EXPECT_FALSE(initiator.OnWelcome(responded->welcome, a_.records).has_value());
}

}  // namespace
}  // namespace p2pd::overlay
