#include "libcore/session/cookie.h"

#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

const net::Endpoint kHere = *net::Endpoint::Parse("192.0.2.1:7464");
const net::Endpoint kThere = *net::Endpoint::Parse("192.0.2.2:7464");
const HelloNonce kOne = *HelloNonce::FromView("attempt number 1");
const HelloNonce kTwo = *HelloNonce::FromView("attempt number 2");

Instant At(absl::Duration since) { return Instant() + since; }

TEST(CookieTest, IsGoodForOneAddressAndOneAttempt) {
  SeededRng rng(1);
  const CookieMaker maker(rng);
  const Cookie cookie = maker.Make(At(absl::Seconds(1)), kHere, kOne);
  EXPECT_TRUE(maker.Check(At(absl::Seconds(2)), kHere, kOne, cookie));
  EXPECT_FALSE(maker.Check(At(absl::Seconds(2)), kThere, kOne, cookie));
  EXPECT_FALSE(maker.Check(At(absl::Seconds(2)), kHere, kTwo, cookie));
}

TEST(CookieTest, LivesAtLeastOneEpochAndAtMostTwo) {
  SeededRng rng(1);
  const CookieMaker maker(rng);
  const Cookie early = maker.Make(At(absl::Seconds(60)), kHere, kOne);
  EXPECT_TRUE(maker.Check(At(absl::Seconds(179)), kHere, kOne, early));
  EXPECT_FALSE(maker.Check(At(absl::Seconds(180)), kHere, kOne, early));
  const Cookie late = maker.Make(At(absl::Seconds(119)), kHere, kOne);
  EXPECT_TRUE(maker.Check(At(absl::Seconds(179)), kHere, kOne, late));
  // 256 epochs later the low byte is the same again, the cookie is not.
  EXPECT_FALSE(maker.Check(At(absl::Seconds(60 + 256 * 60)), kHere, kOne, early));
}

TEST(CookieTest, AnotherLifeOfTheProcessDoesNotKnowIt) {
  SeededRng rng(1);
  const CookieMaker before(rng);
  const CookieMaker after(rng);
  EXPECT_FALSE(after.Check(At(absl::Seconds(1)), kHere, kOne,
                           before.Make(At(absl::Seconds(1)), kHere, kOne)));
}

TEST(CookieTest, EveryBitCounts) {
  SeededRng rng(1);
  const CookieMaker maker(rng);
  const Cookie cookie = maker.Make(At(absl::Seconds(1)), kHere, kOne);
  for (size_t bit = 0; bit < Cookie::kSize * 8; ++bit) {
    Cookie bad = cookie;
    bad.mutable_view()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(maker.Check(At(absl::Seconds(1)), kHere, kOne, bad)) << bit;
  }
}

}  // namespace
}  // namespace p2pd::session
