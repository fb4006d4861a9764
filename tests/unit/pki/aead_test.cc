#include "libcore/pki/aead.h"

#include "gtest/gtest.h"
#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

// McGrew and Viega, 'The Galois/Counter Mode of Operation', test cases 1, 4, 13 and 16, which NIST
// published with the mode.
struct Vector {
  const char* key;
  const char* nonce;
  const char* plaintext;
  const char* aad;
  const char* sealed;
};
constexpr Vector kVectors[] = {
    {"00000000000000000000000000000000", "000000000000000000000000", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
     "aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6"
     "b525b16aedf5aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682"
     "8838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

AeadNonce Nonce(const char* hex) { return *AeadNonce::FromView(*FromHex(hex)); }

TEST(Aead, MatchesTheVectorsOfGcm) {
  for (const Vector& v : kVectors) {
    const Aead aead(*FromHex(v.key));
    EXPECT_EQ(Hex(aead.Seal(Nonce(v.nonce), *FromHex(v.aad), *FromHex(v.plaintext))), v.sealed);
    const auto opened = aead.Open(Nonce(v.nonce), *FromHex(v.aad), *FromHex(v.sealed));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(Hex(*opened), v.plaintext);
  }
}

TEST(Aead, SealsAndOpensInTurnUnderOneKey) {
  const Aead aead(Bytes(32, 7));
  AeadNonce iv;
  for (uint64_t i = 0; i < 50; ++i) {
    const Bytes text(i, static_cast<uint8_t>(i));
    const Bytes sealed = aead.Seal(NonceFor(iv, i), AsBytes("a"), text);
    EXPECT_EQ(aead.Open(NonceFor(iv, i), AsBytes("a"), sealed), text);
    EXPECT_FALSE(aead.Open(NonceFor(iv, i + 1), AsBytes("a"), sealed).has_value());
    EXPECT_EQ(aead.Open(NonceFor(iv, i), AsBytes("a"), sealed), text) << "after a refusal";
  }
}

TEST(Aead, OpensNothingShortOrChanged) {
  const Aead aead(Bytes(16, 7));
  const Bytes sealed = aead.Seal(AeadNonce(), AsBytes("header"), AsBytes("some speech"));
  EXPECT_FALSE(aead.Open(AeadNonce(), AsBytes("Header"), sealed).has_value());
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(aead.Open(AeadNonce(), AsBytes("header"), ByteView(sealed).first(size)));
  }
}

TEST(NonceFor, IsTheIvXorTheBigEndianSequence) {
  EXPECT_EQ(Hex(NonceFor(Nonce("ffffffffffffffffffffffff"), 0x0102030405060708).view()),
            "fffffffffefdfcfbfaf9f8f7");
  EXPECT_EQ(NonceFor(Nonce("cafebabefacedbaddecaf888"), 0), Nonce("cafebabefacedbaddecaf888"));
}

TEST(SealWithKey, OpensWithTheKeyOnly) {
  SeededRng rng(3), again(3);
  const Bytes key(32, 9);
  const Bytes sealed = SealWithKey(key, AsBytes("friends"), rng);
  EXPECT_EQ(sealed, SealWithKey(key, AsBytes("friends"), again));
  EXPECT_NE(sealed, SealWithKey(key, AsBytes("friends"), rng)) << "a nonce of its own each time";
  EXPECT_EQ(AsText(OpenWithKey(key, sealed)->view()), "friends");
  EXPECT_FALSE(OpenWithKey(Bytes(32, 8), sealed).has_value());
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenWithKey(key, changed).has_value()) << i;
    EXPECT_FALSE(OpenWithKey(key, ByteView(sealed).first(i)).has_value()) << i;
  }
}

}  // namespace
}  // namespace p2pd::pki
