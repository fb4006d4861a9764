#include "libcore/pki/ed25519.h"

#include "gtest/gtest.h"
#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

// RFC 8032 §7.1, tests 1 to 3.
struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519, MatchesRfc8032) {
  for (const Vector& v : kVectors) {
    const Ed25519Key key = Ed25519Key::FromSeed(*FromHex(v.seed));
    EXPECT_EQ(Hex(key.public_key().view()), v.public_key);
    const Bytes message = *FromHex(v.message);
    EXPECT_EQ(Hex(key.Sign(message).view()), v.signature);
    EXPECT_TRUE(Ed25519Verify(key.public_key(), message, *FromHex(v.signature)));
  }
}

TEST(Ed25519, ACloneOutlivesTheKey) {
  SeededRng rng(1);
  auto key = std::make_optional(Ed25519Key::Generate(rng));
  const Bytes message = ToBytes("the node's record");
  const Ed25519Signature signature = key->Sign(message);
  const Ed25519Key clone = key->Clone();
  key.reset();
  EXPECT_EQ(clone.Sign(message), signature);
  EXPECT_TRUE(Ed25519Verify(clone.public_key(), message, signature.view()));
}

TEST(Ed25519, RefusesEveryChangedByte) {
  SeededRng rng(1);
  const Ed25519Key key = Ed25519Key::Generate(rng);
  const Bytes message = ToBytes("the node's record");
  const Ed25519Signature signature = key.Sign(message);
  for (size_t i = 0; i < Ed25519Signature::kSize; ++i) {
    Ed25519Signature changed = signature;
    changed.mutable_view()[i] ^= 1;
    EXPECT_FALSE(Ed25519Verify(key.public_key(), message, changed.view())) << i;
  }
  for (size_t i = 0; i < message.size(); ++i) {
    Bytes changed = message;
    changed[i] ^= 1;
    EXPECT_FALSE(Ed25519Verify(key.public_key(), changed, signature.view())) << i;
  }
  EXPECT_FALSE(Ed25519Verify(Ed25519Key::Generate(rng).public_key(), message, signature.view()));
}

TEST(Ed25519, RefusesOtherLengthsAndKeysThatAreNoPoint) {
  SeededRng rng(1);
  const Ed25519Key key = Ed25519Key::Generate(rng);
  Bytes signature = ToBytes(key.Sign(AsBytes("x")).view());
  EXPECT_FALSE(Ed25519Verify(key.public_key(), AsBytes("x"), ByteView(signature).first(63)));
  signature.push_back(0);
  EXPECT_FALSE(Ed25519Verify(key.public_key(), AsBytes("x"), signature));
  EXPECT_FALSE(Ed25519Verify(key.public_key(), AsBytes("x"), {}));
  Ed25519Public none;
  none.mutable_view()[0] = 2;  // y = 2 is not on the curve
  EXPECT_FALSE(Ed25519Verify(none, AsBytes("x"), ByteView(signature).first(64)));
}

TEST(Ed25519, RefusesTheSignatureWithSPlusL) {
  // RFC 8032 §5.1.7 wants S < L; S + L satisfies the same equation and would be a second signature.
  const Ed25519Key key = Ed25519Key::FromSeed(*FromHex(kVectors[0].seed));
  const Bytes order = *FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes signature = *FromHex(kVectors[0].signature);
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + order[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(Ed25519Verify(key.public_key(), {}, signature));
}

TEST(Ed25519, OneSeedGivesOneKeyAndACloneIsTheSame) {
  SeededRng a(7), b(7);
  const Ed25519Key key = Ed25519Key::Generate(a);
  EXPECT_EQ(key.public_key(), Ed25519Key::Generate(b).public_key());
  EXPECT_EQ(key.Clone().Sign(AsBytes("x")), key.Sign(AsBytes("x")));
}

}  // namespace
}  // namespace p2pd::pki
