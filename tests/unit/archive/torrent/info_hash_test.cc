#include "libcore/archive/torrent/info_hash.h"

#include <gtest/gtest.h>

namespace p2pd::archive::torrent {
namespace {

constexpr absl::string_view kHex = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

TEST(InfoHash, ReadsBothNotationsOfOneHash) {
  const std::optional<InfoHash> hash = ParseInfoHash(kHex);
  ASSERT_TRUE(hash.has_value());
  EXPECT_EQ(ToHex(*hash), kHex);
  EXPECT_EQ(ParseInfoHash("C12FE1C06BBA254A9DC9F519B335AA7C1367A88A"), hash);
  EXPECT_EQ(ParseInfoHash("YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK"), hash);
  EXPECT_EQ(ParseInfoHash("yex6dqdlxisuvhoj6um3gnnkpqjwpkek"), hash);
}

TEST(InfoHash, RefusesEverythingElse) {
  for (const absl::string_view text :
       {"", "c12f", "YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKE1", "YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEKA",
        "g12fe1c06bba254a9dc9f519b335aa7c1367a88a", "c12fe1c06bba254a9dc9f519b335aa7c1367a88a0"}) {
    EXPECT_FALSE(ParseInfoHash(text).has_value()) << text;
  }
}

TEST(InfoHashes, AHybridAnswersToBothNames) {
  InfoHashV2 v2;
  v2.mutable_view()[0] = 7;
  const InfoHashes only{std::nullopt, v2};
  EXPECT_EQ(only.Best(), Truncate(v2));
  const InfoHashes hybrid{ParseInfoHash(kHex), v2};
  EXPECT_EQ(ToHex(hybrid.Best()), kHex);
  EXPECT_TRUE(hybrid.Has(hybrid.Best()));
  EXPECT_TRUE(hybrid.Has(Truncate(v2)));
  EXPECT_FALSE(hybrid.Has(InfoHash()));
  EXPECT_EQ(hybrid.Names(), (std::vector<InfoHash>{hybrid.Best(), Truncate(v2)}));
  EXPECT_EQ(only.Names(), std::vector<InfoHash>{Truncate(v2)});
}

TEST(InfoHash, APersonNamesItByEitherHash) {
  EXPECT_EQ(ParseTorrentHash(kHex), ParseInfoHash(kHex));
  const std::string v2 = std::string(kHex) + std::string(24, '0');
  EXPECT_EQ(ParseTorrentHash(v2), ParseInfoHash(kHex));
  EXPECT_FALSE(ParseTorrentHash(v2 + "0").has_value());
  EXPECT_FALSE(ParseTorrentHash(std::string(64, 'g')).has_value());
}

}  // namespace
}  // namespace p2pd::archive::torrent
