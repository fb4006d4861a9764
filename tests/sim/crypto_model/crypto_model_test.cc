// What the simulator relies on: sizes, and who can open, verify and agree on what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "libcore/pki/aead.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/sealed_box.h"
#include "libcore/pki/x25519.h"

namespace p2pd::pki {
namespace {

Bytes Text(size_t size) {
  Bytes out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(i * 7);
  return out;
}

TEST(CryptoModel, IsTheModel) {
  // RFC 8032 gives 3b6a27bc... for it.
  EXPECT_NE(Ed25519Key::FromSeed(Bytes(32, 0)).public_key()[0], 0x3b);
}

TEST(CryptoModel, DigestIsOfTheWholeHoweverItIsCut) {
  const Bytes text = Text(100);
  const Sha256Digest whole = Sha256(text);
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(Sha256({ByteView(text).first(i), ByteView(text).subspan(i)}), whole);
  }
}

TEST(CryptoModel, DigestsOfAllLengthsAndBitsDiffer) {
  std::set<Sha256Digest> seen;
  for (size_t size = 0; size < 200; ++size) {
    EXPECT_TRUE(seen.insert(Sha256(Bytes(size, 0))).second);
  }
  Bytes text = Text(64);
  int flipped = 0;
  const Sha256Digest whole = Sha256(text);
  for (size_t bit = 0; bit < 512; ++bit) {
    text[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const Sha256Digest other = Sha256(text);
    EXPECT_TRUE(seen.insert(other).second);
    for (size_t i = 0; i < Sha256Digest::kSize; ++i) {
      flipped += std::popcount(static_cast<unsigned>(whole[i] ^ other[i]));
    }
    text[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  // Half of 256 bits for each of the 512.
  EXPECT_NEAR(flipped, 65'536, 1'000);
}

TEST(CryptoModel, HmacAndHkdfDependOnAllTheyAreGiven) {
  const Bytes key = Text(32);
  std::set<Sha256Digest> macs = {HmacSha256(key, Text(5)), HmacSha256(key, Text(6)),
                                 HmacSha256(Text(31), Text(5)), Sha256(Text(5))};
  EXPECT_EQ(macs.size(), 4u);
  const auto derive = [](ByteView secret, ByteView salt, ByteView info) {
    return ToBytes(HkdfSha256(secret, salt, info, 56).view());
  };
  std::set<Bytes> keys = {derive(Text(3), Text(4), Text(5)), derive(Text(4), Text(4), Text(5)),
                          derive(Text(3), Text(5), Text(5)), derive(Text(3), Text(4), Text(6))};
  EXPECT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys.begin()->size(), 56u);
}

TEST(CryptoModel, SignatureIsOneKeysOfOneMessage) {
  SeededRng rng(1);
  const Ed25519Key key = Ed25519Key::Generate(rng);
  Bytes message = Text(77);
  Ed25519Signature signature = key.Clone().Sign(message);
  EXPECT_TRUE(Ed25519Verify(key.public_key(), message, signature.view()));
  EXPECT_FALSE(Ed25519Verify(Ed25519Key::Generate(rng).public_key(), message, signature.view()));
  EXPECT_FALSE(Ed25519Verify(key.public_key(), message, signature.view().first(63)));
  for (size_t i = 0; i < Ed25519Signature::kSize; ++i) {
    signature.mutable_view()[i] ^= 1;
    EXPECT_FALSE(Ed25519Verify(key.public_key(), message, signature.view()));
    signature.mutable_view()[i] ^= 1;
  }
  for (uint8_t& byte : message) {
    byte ^= 0x80;
    EXPECT_FALSE(Ed25519Verify(key.public_key(), message, signature.view()));
    byte ^= 0x80;
  }
}

TEST(CryptoModel, TwoSidesAgreeAndAThirdDoesNot) {
  SeededRng rng(2);
  const X25519Key a = X25519Key::Generate(rng);
  const X25519Key b = X25519Key::Generate(rng);
  const X25519Key c = X25519Key::Generate(rng);
  EXPECT_EQ(a.Agree(b.public_key())->view(), b.Clone().Agree(a.public_key())->view());
  EXPECT_NE(a.Agree(b.public_key())->view(), c.Agree(b.public_key())->view());
  EXPECT_NE(a.Agree(b.public_key())->view(), a.Agree(c.public_key())->view());
  EXPECT_EQ(a.Agree(X25519Public()), std::nullopt);
}

TEST(CryptoModel, PacketOpensUnderItsKeyNonceAndDataOnly) {
  SeededRng rng(3);
  const auto nonce = rng.Make<AeadNonce>();
  const Bytes aad = Text(10);
  for (const size_t size : {0, 1, 7, 8, 15, 16, 17, 100, 1'200}) {
    const Bytes plaintext = Text(size);
    const Aead aead(Text(16));
    Bytes sealed = aead.Seal(nonce, aad, plaintext);
    ASSERT_EQ(sealed.size(), size + Aead::kTagSize);
    EXPECT_EQ(aead.Open(nonce, aad, sealed), plaintext);
    EXPECT_EQ(Aead(Text(32)).Open(nonce, aad, sealed), std::nullopt);
    EXPECT_EQ(aead.Open(rng.Make<AeadNonce>(), aad, sealed), std::nullopt);
    EXPECT_EQ(aead.Open(nonce, Text(11), sealed), std::nullopt);
    for (uint8_t& byte : sealed) {
      byte ^= 4;
      EXPECT_EQ(aead.Open(nonce, aad, sealed), std::nullopt);
      byte ^= 4;
    }
    if (size >= 8) {
      EXPECT_NE(ByteView(sealed).first(8), ByteView(plaintext).first(8));
      EXPECT_NE(aead.Seal(rng.Make<AeadNonce>(), aad, plaintext), sealed);
    }
  }
}

TEST(CryptoModel, SealsInPlaceAndUnderKeys) {
  SeededRng rng(4);
  const auto nonce = rng.Make<AeadNonce>();
  const Aead aead(Text(32));
  Bytes buffer = Text(50);
  buffer.resize(50 + Aead::kTagSize);
  const MutableByteView all = absl::MakeSpan(buffer);
  aead.SealInto(nonce, {}, ByteView(buffer).first(50), all);
  ASSERT_TRUE(aead.OpenInto(nonce, {}, buffer, all.first(50)));
  buffer.resize(50);
  EXPECT_EQ(buffer, Text(50));
  const Bytes sealed = SealWithKey(Text(32), Text(9), rng);
  EXPECT_EQ(sealed.size(), AeadNonce::kSize + 9 + Aead::kTagSize);
  EXPECT_EQ(OpenWithKey(Text(32), sealed)->view(), ByteView(Text(9)));
  EXPECT_FALSE(OpenWithKey(Bytes(32, 1), sealed).has_value());
}

TEST(CryptoModel, SealedBoxIsTheReceivers) {
  SeededRng rng(5);
  const X25519Key to = X25519Key::Generate(rng);
  const std::optional<Bytes> sealed = SealTo(to.public_key(), "label", {}, Text(20), rng);
  ASSERT_TRUE(sealed.has_value());
  EXPECT_EQ(OpenSealed(to, "label", {}, *sealed), Text(20));
  EXPECT_EQ(OpenSealed(X25519Key::Generate(rng), "label", {}, *sealed), std::nullopt);
}

}  // namespace
}  // namespace p2pd::pki
