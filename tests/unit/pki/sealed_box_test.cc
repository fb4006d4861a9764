#include "libcore/pki/sealed_box.h"

#include "gtest/gtest.h"

namespace p2pd::pki {
namespace {

TEST(SealedBox, OpensForItsKeyLabelAndAad) {
  SeededRng rng(1);
  const X25519Key bob = X25519Key::Generate(rng);
  const auto sealed = SealTo(bob.public_key(), "p2pd hello", AsBytes("aad"), AsBytes("hi"), rng);
  ASSERT_TRUE(sealed.has_value());
  EXPECT_EQ(sealed->size(), 2 + kSealedBoxOverhead);
  EXPECT_EQ(OpenSealed(bob, "p2pd hello", AsBytes("aad"), *sealed), ToBytes("hi"));
  EXPECT_FALSE(OpenSealed(bob, "p2pd other", AsBytes("aad"), *sealed).has_value());
  EXPECT_FALSE(OpenSealed(bob, "p2pd hello", AsBytes("aae"), *sealed).has_value());
  EXPECT_FALSE(
      OpenSealed(X25519Key::Generate(rng), "p2pd hello", AsBytes("aad"), *sealed).has_value());
}

TEST(SealedBox, RefusesEveryChangedByteAndEveryLength) {
  SeededRng rng(1);
  const X25519Key bob = X25519Key::Generate(rng);
  const Bytes sealed = *SealTo(bob.public_key(), "l", {}, AsBytes("content"), rng);
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenSealed(bob, "l", {}, changed).has_value()) << i;
    EXPECT_FALSE(OpenSealed(bob, "l", {}, ByteView(sealed).first(i)).has_value()) << i;
  }
}

TEST(SealedBox, TwoSealingsShareNothing) {
  SeededRng rng(1);
  const X25519Key bob = X25519Key::Generate(rng);
  const Bytes a = *SealTo(bob.public_key(), "l", {}, Bytes(64), rng);
  const Bytes b = *SealTo(bob.public_key(), "l", {}, Bytes(64), rng);
  EXPECT_NE(ByteView(a).first(32), ByteView(b).first(32));
  EXPECT_NE(ByteView(a).subspan(32), ByteView(b).subspan(32));
}

TEST(SealedBox, RefusesAPointOfSmallOrder) {
  SeededRng rng(1);
  EXPECT_FALSE(SealTo(X25519Public(), "l", {}, AsBytes("x"), rng).has_value());
  EXPECT_FALSE(OpenSealed(X25519Key::Generate(rng), "l", {}, Bytes(60)).has_value());
}

}  // namespace
}  // namespace p2pd::pki
