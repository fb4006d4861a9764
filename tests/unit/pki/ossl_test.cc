#include "libcore/pki/ossl.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "gtest/gtest.h"

namespace p2pd::pki::ossl {
namespace {

TEST(Plain, RefusesToDraw) {
  const ErrorScope errors;
  Bytes out(16);
  EXPECT_NE(RAND_bytes_ex(Plain(), out.data(), out.size(), 0), 1);
  EXPECT_NE(RAND_priv_bytes_ex(Plain(), out.data(), out.size(), 0), 1);
}

TEST(ErrorScope, EmptiesTheQueue) {
  {
    const ErrorScope errors;
    EXPECT_EQ(EVP_MD_fetch(Plain(), "no such hash", nullptr), nullptr);
    EXPECT_NE(ERR_peek_error(), 0u);
  }
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Time, RoundTripsThroughBothEncodings) {
  for (const absl::CivilSecond civil :
       {absl::CivilSecond(1950, 1, 1), absl::CivilSecond(2026, 11, 21, 12, 34, 56),
        absl::CivilSecond(2049, 12, 31, 23, 59, 59), absl::CivilSecond(2050, 1, 1),
        absl::CivilSecond(9999, 12, 31, 23, 59, 59)}) {
    const absl::Time time = absl::FromCivil(civil, absl::UTCTimeZone());
    const auto encoded = FromTime(time);
    ASSERT_NE(encoded, nullptr);
    EXPECT_EQ(ToTime(encoded.get()), time);
    EXPECT_EQ(ASN1_STRING_type(encoded.get()),
              civil.year() < 2050 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
  }
  EXPECT_EQ(FromTime(absl::InfiniteFuture()), nullptr);
  EXPECT_EQ(FromTime(absl::InfinitePast()), nullptr);
  EXPECT_FALSE(ToTime(nullptr).has_value());
}

TEST(Pem, FindsItsBlocksAmongOthers) {
  const std::string text = "some words\n" + ToPem("A", Bytes{1, 2, 3}) + ToPem("B", Bytes{4}) +
                           "between\n" + ToPem("A", Bytes(100, 5)) + "after";
  const auto blocks = FromPem("A", AsBytes(text), 16);
  ASSERT_TRUE(blocks.has_value());
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_EQ((*blocks)[0], (Bytes{1, 2, 3}));
  EXPECT_EQ((*blocks)[1], Bytes(100, 5));
  EXPECT_FALSE(FromPem("A", AsBytes(text), 1).has_value()) << "more than the maximum";
  EXPECT_TRUE(FromPem("C", AsBytes(text), 1)->empty());
  EXPECT_TRUE(FromPem("A", {}, 1)->empty());
}

TEST(Pem, RefusesADamagedBlock) {
  std::string text = ToPem("A", Bytes(100, 5));
  text.resize(text.size() / 2);
  EXPECT_FALSE(FromPem("A", AsBytes(text), 16).has_value());
}

}  // namespace
}  // namespace p2pd::pki::ossl
