#include "libcore/pki/x25519.h"

#include "gtest/gtest.h"
#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

TEST(X25519, MatchesRfc7748) {
  // §6.1.
  const X25519Key alice = X25519Key::FromSecret(
      *FromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const X25519Key bob = X25519Key::FromSecret(
      *FromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(Hex(alice.public_key().view()),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(Hex(bob.public_key().view()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const char* const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  EXPECT_EQ(Hex(alice.Agree(bob.public_key())->view()), shared);
  EXPECT_EQ(Hex(bob.Agree(alice.public_key())->view()), shared);
}

TEST(X25519, RefusesPointsOfSmallOrder) {
  SeededRng rng(1);
  const X25519Key key = X25519Key::Generate(rng);
  // All points of order dividing 8 in their canonical and non-canonical forms (RFC 7748 §7 and
  // Bernstein's list at cr.yp.to/ecdh.html).
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_FALSE(key.Agree(*X25519Public::FromView(*FromHex(point))).has_value()) << point;
  }
}

TEST(X25519, OneSeedGivesOneKeyAndACloneIsTheSame) {
  SeededRng a(7), b(7);
  const X25519Key key = X25519Key::Generate(a);
  EXPECT_EQ(key.public_key(), X25519Key::Generate(b).public_key());
  EXPECT_EQ(key.Clone().public_key(), key.public_key());
}

}  // namespace
}  // namespace p2pd::pki
