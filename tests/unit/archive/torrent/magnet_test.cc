#include "libcore/archive/torrent/magnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::torrent {
namespace {

using testing::ElementsAre;

constexpr absl::string_view kV1 = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a";
constexpr absl::string_view kV2 =
    "1220caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e";

TEST(Magnet, ReadsALinkWithBothNames) {
  const auto magnet = ParseMagnet(absl::StrCat("magnet:?xt=urn:btih:", kV1, "&xt=urn:btmh:", kV2,
                                               "&dn=Some%20speech&tr=udp%3A%2F%2Ftr%3A80",
                                               "&x.pe=10.0.0.1:6881&ws=http://seed/"));
  ASSERT_TRUE(magnet.ok()) << magnet.status();
  EXPECT_EQ(ToHex(*magnet->hashes.v1), kV1);
  EXPECT_TRUE(magnet->hashes.v2.has_value());
  EXPECT_EQ(magnet->name, "Some speech");
  EXPECT_THAT(magnet->trackers, ElementsAre("udp://tr:80"));
  EXPECT_THAT(magnet->peers, ElementsAre("10.0.0.1:6881"));
  EXPECT_THAT(magnet->web_seeds, ElementsAre("http://seed/"));
  const auto again = ParseMagnet(ToLink(*magnet));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->hashes, magnet->hashes);
  EXPECT_EQ(again->name, magnet->name);
  EXPECT_EQ(again->trackers, magnet->trackers);
}

TEST(Magnet, IsToldByItsSchemeInEitherCase) {
  const std::string link = absl::StrCat("Magnet:?xt=urn:btih:", kV1);
  EXPECT_TRUE(IsMagnet(link));
  EXPECT_TRUE(ParseMagnet(link).ok());
  for (const char* other : {"", "magnet:", "http://a/magnet:?"}) EXPECT_FALSE(IsMagnet(other));
}

TEST(Magnet, SeveralOfAKindMayBeNumbered) {
  const auto magnet =
      ParseMagnet(absl::StrCat("magnet:?xt.1=urn:btih:", kV1, "&tr.1=a&tr.2=b&unknown=1&flag"));
  ASSERT_TRUE(magnet.ok()) << magnet.status();
  EXPECT_THAT(magnet->trackers, ElementsAre("a", "b"));
}

TEST(Magnet, RefusesTheRest) {
  std::string many = absl::StrCat("magnet:?xt=urn:btih:", kV1);
  for (size_t i = 0; i <= Magnet::kMaxAddresses; ++i) many += "&tr=a";
  for (const std::string& link :
       {std::string(), std::string("http://x"), std::string("magnet:?dn=a"),
        std::string("magnet:?xt=urn:btih:12"), std::string("magnet:?xt=urn:btmh:1220ab"),
        std::string("magnet:?xt=urn:btih:%4"), std::string("magnet:?dn=%zz"), many,
        absl::StrCat("magnet:?xt=urn:btih:", kV1, "&dn=", std::string(9000, 'a'))}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseMagnet(link).status())) << link;
  }
}

TEST(Magnet, ANameThatLeadsElsewhereIsMadeHarmless) {
  const auto magnet = ParseMagnet(absl::StrCat("magnet:?xt=urn:btih:", kV1, "&dn=..%2F..%2Fetc"));
  EXPECT_EQ(magnet->name, ".._.._etc");
}

}  // namespace
}  // namespace p2pd::archive::torrent
