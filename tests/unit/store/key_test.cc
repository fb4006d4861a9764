#include "libcore/store/key.h"

#include <gtest/gtest.h>

#include "libcore/pki/hash.h"

namespace p2pd::store {
namespace {

TEST(Key, IsTheFirst160BitsOfTheNamedHash) {
  const std::string text = std::string("p2pd/email") + '\0' + "alice@example.org";
  const pki::Sha256Digest digest = pki::Sha256(AsBytes(text));
  EXPECT_EQ(ToBytes(AuthenticationKey("alice@example.org").view()),
            ToBytes(digest.view().first(20)));
}

TEST(Key, KindsDoNotMeet) {
  const ByteView x = AsBytes("x");
  EXPECT_NE(HashKey("pk", x), HashKey("crl", x));
  EXPECT_NE(UserKeyPlace(x), RevocationKey(x));
  // The zero byte ends the kind: no kind and x make another's.
  EXPECT_NE(HashKey("p", AsBytes("kx")), HashKey("pk", x));
}

TEST(Key, SecondPlaceIsAnotherAndFixed) {
  const Key key = AuthenticationKey("alice@example.org");
  EXPECT_NE(SecondPlace(key), key);
  EXPECT_EQ(SecondPlace(key), SecondPlace(key));
  EXPECT_NE(SecondPlace(SecondPlace(key)), key);
}

TEST(Key, ParsesWhatP2pctlTakes) {
  EXPECT_EQ(ParseKey("email:Alice@Example.ORG"), AuthenticationKey("alice@example.org"));
  EXPECT_EQ(ParseKey("name:s-tracker"), ServiceKey("s-tracker"));
  EXPECT_EQ(ParseKey("00000000000000000000000000000000000000ff"),
            overlay::RingIdFromHex("00000000000000000000000000000000000000ff"));
}

TEST(Key, RefusesAnythingElse) {
  for (const char* bad : {"", "email:", "email:nobody", "name:", "xyz", "00ff",
                          "00000000000000000000000000000000000000fg", "Email:a@b.c"}) {
    EXPECT_FALSE(ParseKey(bad).has_value()) << bad;
  }
  EXPECT_FALSE(ParseKey("name:" + std::string(300, 'x')).has_value());
}

}  // namespace
}  // namespace p2pd::store
