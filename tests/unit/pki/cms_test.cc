#include "libcore/pki/cms.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

constexpr KeyKind kKinds[] = {KeyKind::kP256, KeyKind::kRsa};

TEST(Cms, OpensForItsKeyOnly) {
  for (const KeyKind kind : kKinds) {
    TestCa ca;
    const Person alice = ca.MakePerson("alice@example.org", kind);
    const Person bob = ca.MakePerson("bob@example.org", kind);
    for (const size_t size : {size_t{0}, size_t{32}, size_t{60000}}) {
      const Bytes text(size, 0x5a);
      const auto sealed = CmsEncrypt(*ca.crypto, alice.certificate, text);
      ASSERT_TRUE(sealed.ok()) << sealed.status();
      const auto opened = CmsDecrypt(alice.key, alice.certificate, *sealed);
      ASSERT_TRUE(opened.ok()) << opened.status();
      EXPECT_EQ(opened->view(), ByteView(text));
      EXPECT_EQ(CmsDecrypt(bob.key, bob.certificate, *sealed).status().code(),
                absl::StatusCode::kPermissionDenied);
      EXPECT_EQ(CmsDecrypt(bob.key, alice.certificate, *sealed).status().code(),
                absl::StatusCode::kPermissionDenied);
    }
  }
}

TEST(Cms, TheConfigKeyFitsIntoAState) {
  TestCa ca;
  EXPECT_LE(CmsEncrypt(*ca.crypto, ca.MakePerson("a@b.c").certificate, Bytes(32))->size(), 512u);
  EXPECT_LE(
      CmsEncrypt(*ca.crypto, ca.MakePerson("a@b.c", KeyKind::kRsa).certificate, Bytes(32))->size(),
      768u);
}

TEST(Cms, SameSeedSameBytesAndEachMessageIsNew) {
  for (const KeyKind kind : kKinds) {
    TestCa one, same;
    const Person alice = one.MakePerson("alice@example.org", kind);
    const Person twin = same.MakePerson("alice@example.org", kind);
    const Bytes first = *CmsEncrypt(*one.crypto, alice.certificate, AsBytes("key"));
    EXPECT_EQ(first, *CmsEncrypt(*same.crypto, twin.certificate, AsBytes("key")));
    EXPECT_NE(first, *CmsEncrypt(*one.crypto, alice.certificate, AsBytes("key")));
  }
}

TEST(Cms, RefusesEveryChangedByte) {
  for (const KeyKind kind : kKinds) {
    TestCa ca;
    const Person alice = ca.MakePerson("alice@example.org", kind);
    const Bytes sealed = *CmsEncrypt(*ca.crypto, alice.certificate, AsBytes("the config key"));
    for (size_t i = 0; i < sealed.size(); ++i) {
      Bytes changed = sealed;
      changed[i] ^= 1;
      const auto opened = CmsDecrypt(alice.key, alice.certificate, changed);
      // What is not covered by the tag is how the message is labelled (the version, the content
      // type): changing that may leave it readable but never with another content.
      if (opened.ok()) {
        EXPECT_EQ(AsText(opened->view()), "the config key") << i;
      }
      EXPECT_FALSE(CmsDecrypt(alice.key, alice.certificate, ByteView(sealed).first(i)).ok());
    }
    // Nonce, ciphertext and tag: the last 34 bytes but for their headers.
    for (size_t i = sealed.size() - 34; i < sealed.size(); ++i) {
      Bytes changed = sealed;
      changed[i] ^= 1;
      EXPECT_FALSE(CmsDecrypt(alice.key, alice.certificate, changed).ok()) << i;
    }
    Bytes longer = sealed;
    longer.push_back(0);
    EXPECT_FALSE(CmsDecrypt(alice.key, alice.certificate, longer).ok());
  }
}

TEST(Cms, OpensslDecryptsOurs) {
  for (const KeyKind kind : kKinds) {
    TestCa ca;
    const Person alice = ca.MakePerson("alice@example.org", kind);
    OpensslTool tool;
    tool.Write("key", alice.key.ToPem({})->view());
    tool.Write("cert", AsBytes(alice.certificate.ToPem()));
    tool.Write("cms", *CmsEncrypt(*ca.crypto, alice.certificate, AsBytes("hello")));
    ASSERT_TRUE(tool.Run("cms -decrypt -binary -inform DER -in cms -inkey key -recip cert -out t"))
        << tool.output();
    EXPECT_EQ(AsText(tool.Read("t")), "hello");
    ASSERT_TRUE(tool.Run("cms -cmsout -print -inform DER -in cms"));
    EXPECT_TRUE(absl::StrContains(tool.output(), "id-smime-ct-authEnvelopedData"));
    EXPECT_TRUE(absl::StrContains(tool.output(), "aes-256-gcm"));
  }
}

TEST(Cms, DecryptsThatOfOpenssl) {
  for (const KeyKind kind : kKinds) {
    TestCa ca;
    const Person alice = ca.MakePerson("alice@example.org", kind);
    OpensslTool tool;
    tool.Write("cert", AsBytes(alice.certificate.ToPem()));
    tool.Write("t", AsBytes("hello"));
    ASSERT_TRUE(tool.Run("cms -encrypt -binary -aes-256-gcm -in t -outform DER -out cms cert"))
        << tool.output();
    const auto opened = CmsDecrypt(alice.key, alice.certificate, tool.Read("cms"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(AsText(opened->view()), "hello");
  }
}

TEST(Cms, RefusesOtherCiphersAndContents) {
  TestCa ca;
  const Person alice = ca.MakePerson("alice@example.org");
  OpensslTool tool;
  tool.Write("cert", AsBytes(alice.certificate.ToPem()));
  tool.Write("key", alice.key.ToPem({})->view());
  tool.Write("t", AsBytes("hello"));
  for (const char* command :
       {"cms -encrypt -binary -aes-256-cbc -in t -outform DER -out cms cert",
        "cms -encrypt -binary -aes-128-gcm -in t -outform DER -out cms cert",
        "cms -encrypt -binary -stream -aes-256-gcm -in t -outform DER -out cms cert",
        "cms -data_create -in t -outform DER -out cms",
        "cms -sign -nodetach -binary -in t -signer cert -inkey key -outform DER -out cms"}) {
    ASSERT_TRUE(tool.Run(command)) << tool.output();
    EXPECT_EQ(CmsDecrypt(alice.key, alice.certificate, tool.Read("cms")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << command;
  }
}

TEST(Cms, RefusesAShortTagThatCouldBeGuessed) {
  TestCa ca;
  const Person alice = ca.MakePerson("alice@example.org");
  Bytes sealed = *CmsEncrypt(*ca.crypto, alice.certificate, Bytes(200));
  // The tag stands at the end: OCTET STRING of 16. Cut to 4 with all lengths around it corrected,
  // each of which takes two bytes.
  ASSERT_EQ(sealed[sealed.size() - 17], 16);
  sealed.erase(sealed.end() - 12, sealed.end());
  sealed[sealed.size() - 5] = 4;
  size_t corrected = 0;
  for (size_t i = 0; i + 4 < sealed.size() && corrected < 3; ++i) {
    const size_t length = static_cast<size_t>(sealed[i + 2]) << 8 | sealed[i + 3];
    if (sealed[i + 1] != 0x82 || i + 4 + length != sealed.size() + 12) continue;
    sealed[i + 2] = static_cast<uint8_t>((length - 12) >> 8);
    sealed[i + 3] = static_cast<uint8_t>(length - 12);
    ++corrected;
  }
  ASSERT_EQ(corrected, 3u);
  EXPECT_EQ(CmsDecrypt(alice.key, alice.certificate, sealed).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Cms, RefusesWhatCannotBe) {
  TestCa ca;
  EXPECT_FALSE(
      CmsEncrypt(*ca.crypto, *MakeRoot(ca.MakeKey(KeyKind::kEd25519), ca.Options("R")), {}).ok());
  EXPECT_FALSE(CmsEncrypt(*ca.crypto, ca.root, Bytes(65537)).ok());
  const Person alice = ca.MakePerson("alice@example.org");
  EXPECT_FALSE(CmsDecrypt(alice.key, alice.certificate, {}).ok());
  EXPECT_FALSE(CmsDecrypt(alice.key, alice.certificate, Bytes(100000, 0x30)).ok());
}

}  // namespace
}  // namespace p2pd::pki
