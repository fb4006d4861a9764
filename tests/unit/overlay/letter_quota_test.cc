#include "libcore/overlay/letter_quota.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

class LetterQuotaTest : public testing::Test {
 protected:
  static net::IpAddress Address(uint32_t n) {
    return net::IpAddress::V4(
        {20, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)});
  }
  int Letters(const net::IpAddress& to, int tries = 100) {
    int out = 0;
    for (int i = 0; i < tries; ++i) out += quota_.Take(now_, to) ? 1 : 0;
    return out;
  }
  LetterQuota quota_;
  Instant now_ = At(absl::Seconds(1));
};

TEST_F(LetterQuotaTest, AFewToWhomNeverAnswered) {
  EXPECT_EQ(Letters(Address(1)), 4);
  EXPECT_EQ(Letters(Address(2)), 4) << "each has his own";
  now_ = now_ + absl::Seconds(10);
  EXPECT_EQ(Letters(Address(1)), 1);
}

TEST_F(LetterQuotaTest, WhoAnsweredGetsAsManyAsWeLike) {
  EXPECT_EQ(Letters(Address(1)), 4);
  quota_.OnProved(now_, Address(1));
  EXPECT_EQ(Letters(Address(1)), 100);
  now_ = now_ + LetterQuota::kProvedFor;
  EXPECT_EQ(Letters(Address(1)), 4);
}

TEST_F(LetterQuotaTest, OneNetworkOfIpv6IsOneAddress) {
  EXPECT_EQ(Letters(*net::IpAddress::Parse("2001:db8::1")), 4);
  EXPECT_EQ(Letters(*net::IpAddress::Parse("2001:db8::2")), 0);
  EXPECT_EQ(Letters(*net::IpAddress::Parse("2001:db8:0:1::1")), 4);
}

TEST_F(LetterQuotaTest, PrivateOnesAreFree) {
  EXPECT_EQ(Letters(*net::IpAddress::Parse("127.0.0.1")), 100);
  EXPECT_EQ(Letters(*net::IpAddress::Parse("10.0.0.1")), 100);
  EXPECT_EQ(quota_.size(), 0u);
}

TEST_F(LetterQuotaTest, TheLongestUnusedIsForgotten) {
  quota_.OnProved(now_, Address(0));
  for (uint32_t n = 1; n < LetterQuota::kMaxAddresses; ++n) Letters(Address(n), 1);
  EXPECT_EQ(Letters(Address(0), 10), 10);
  for (uint32_t n = 5000; n < 5000 + LetterQuota::kMaxAddresses - 1; ++n) Letters(Address(n), 1);
  EXPECT_EQ(quota_.size(), LetterQuota::kMaxAddresses);
  EXPECT_EQ(Letters(Address(0), 10), 10) << "it was used";
}

}  // namespace
}  // namespace p2pd::overlay
