#include "libcore/pki/pkcs12.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

SecretBytes Secret(absl::string_view text) { return SecretBytes(AsBytes(text)); }

// Files with a key, its certificate and its CA's, for the tool to pack.
class Pkcs12Test : public testing::Test {
 protected:
  void Prepare(KeyKind kind) {
    alice_ = std::make_unique<Person>(ca_.MakePerson("alice@example.org", kind));
    tool_.Write("key", alice_->key.ToPem({})->view());
    tool_.Write("cert", AsBytes(alice_->certificate.ToPem()));
    tool_.Write("root", AsBytes(ca_.root.ToPem()));
  }
  void ExpectAlice(const absl::StatusOr<KeyWithChain>& got, size_t certificates) {
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->key.public_key().hash(), alice_->key.public_key().hash());
    ASSERT_EQ(got->certificates.size(), certificates);
    EXPECT_EQ(got->certificates[0].fingerprint(), alice_->certificate.fingerprint());
    EXPECT_TRUE(
        alice_->certificate.public_key().Verify(AsBytes("m"), *got->key.Sign(AsBytes("m"))));
  }

  TestCa ca_;
  OpensslTool tool_;
  std::unique_ptr<Person> alice_;
};

TEST_F(Pkcs12Test, ReadsModernAndLegacyFilesOfOpenssl) {
  for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa}) {
    Prepare(kind);
    for (const char* how : {
             "",                                             // AES-256, PBKDF2, SHA-256
             "-legacy",                                      // RC2-40, 3DES, SHA-1
             "-legacy -certpbe PBE-SHA1-3DES -macalg sha1",  // what Windows XP reads
             "-keypbe NONE -certpbe NONE",                   // a MAC alone
             "-iter 50000 -name Alice -CSP x",               // names and attributes
         }) {
      ASSERT_TRUE(tool_.Run(absl::StrCat("pkcs12 -export -inkey key -in cert -certfile root ", how,
                                         " -passout pass:geheim -out p12")))
          << how << tool_.output();
      ExpectAlice(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("geheim")), 2);
      EXPECT_EQ(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("wrong")).status().code(),
                absl::StatusCode::kPermissionDenied)
          << how;
      EXPECT_EQ(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), {}).status().code(),
                absl::StatusCode::kPermissionDenied)
          << how;
    }
  }
}

TEST_F(Pkcs12Test, ReadsFilesWithoutMacWithoutPassphraseAndWithUmlauts) {
  Prepare(KeyKind::kP256);
  ASSERT_TRUE(tool_.Run("pkcs12 -export -inkey key -in cert -nomac -passout pass:p -out p12"));
  ExpectAlice(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("p")), 1);
  EXPECT_EQ(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("q")).status().code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(tool_.Run("pkcs12 -export -inkey key -in cert -passout pass: -out p12"));
  ExpectAlice(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), {}), 1);
  ASSERT_TRUE(
      tool_.Run("pkcs12 -export -inkey key -in cert -passout pass:Schl\u00fcssel -out p12"));
  ExpectAlice(ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("Schl\u00fcssel")), 1);
}

TEST_F(Pkcs12Test, OpensslReadsOurs) {
  Prepare(KeyKind::kP256);
  const auto ours =
      MakePkcs12(alice_->key, {alice_->certificate, ca_.root}, "Alice", Secret("geheim"));
  ASSERT_TRUE(ours.ok()) << ours.status();
  tool_.Write("p12", ours->view());
  ASSERT_TRUE(tool_.Run("pkcs12 -in p12 -passin pass:geheim -nodes -info")) << tool_.output();
  EXPECT_TRUE(absl::StrContains(tool_.output(), "friendlyName: Alice"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "PBES2, PBKDF2, AES-256-CBC, Iteration 600000"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "MAC: sha256, Iteration 600000"));
  EXPECT_TRUE(absl::StrContains(tool_.output(), "BEGIN PRIVATE KEY"));
  EXPECT_FALSE(tool_.Run("pkcs12 -in p12 -passin pass:wrong -nodes"));
  ExpectAlice(ParsePkcs12(*ca_.crypto, ours->view(), Secret("geheim")), 2);
}

TEST_F(Pkcs12Test, SameSeedSameBytes) {
  TestCa one, same;
  const Person alice = one.MakePerson("a@b.c");
  const Person twin = same.MakePerson("a@b.c");
  EXPECT_EQ(MakePkcs12(alice.key, {alice.certificate}, "A", Secret("p"))->view(),
            MakePkcs12(twin.key, {twin.certificate}, "A", Secret("p"))->view());
}

TEST_F(Pkcs12Test, MakeRefusesAForeignCertificateAndNoPassphrase) {
  Prepare(KeyKind::kP256);
  EXPECT_FALSE(MakePkcs12(alice_->key, {ca_.root}, "A", Secret("p")).ok());
  EXPECT_FALSE(MakePkcs12(alice_->key, {}, "A", Secret("p")).ok());
  EXPECT_FALSE(MakePkcs12(alice_->key, {alice_->certificate}, "A", {}).ok());
}

TEST_F(Pkcs12Test, RefusesFilesThatHoldNoUsableKey) {
  Prepare(KeyKind::kP256);
  const auto code = [&](absl::string_view command) {
    EXPECT_TRUE(tool_.Run(absl::StrCat(command, " -passout pass:p -out p12"))) << tool_.output();
    return ParsePkcs12(*ca_.crypto, tool_.Read("p12"), Secret("p")).status().code();
  };
  EXPECT_EQ(code("pkcs12 -export -nokeys -in cert"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("pkcs12 -export -nocerts -inkey key"), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(tool_.Run("req -x509 -newkey rsa:1024 -nodes -keyout key -subj /CN=x -out cert"));
  EXPECT_EQ(code("pkcs12 -export -inkey key -in cert"), absl::StatusCode::kInvalidArgument);
}

TEST_F(Pkcs12Test, RefusesChangedFilesAndWhatIsNone) {
  Prepare(KeyKind::kP256);
  ASSERT_TRUE(tool_.Run("pkcs12 -export -inkey key -in cert -iter 1 -passout pass:p -out p12"));
  const Bytes good = tool_.Read("p12");
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 1;
    const auto got = ParsePkcs12(*ca_.crypto, changed, Secret("p"));
    if (got.ok()) {
      EXPECT_EQ(got->key.public_key().hash(), alice_->key.public_key().hash()) << i;
    }
    if (i % 16 == 0) {
      EXPECT_FALSE(ParsePkcs12(*ca_.crypto, ByteView(good).first(i), Secret("p")).ok());
    }
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(ParsePkcs12(*ca_.crypto, longer, Secret("p")).ok());
  EXPECT_EQ(ParsePkcs12(*ca_.crypto, {}, Secret("p")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParsePkcs12(*ca_.crypto, Bytes(65537, 0x30), Secret("p")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(Pkcs12Test, RefusesAnAbsurdNumberOfRoundsAtOnce) {
  Prepare(KeyKind::kP256);
  ASSERT_TRUE(
      tool_.Run("pkcs12 -export -inkey key -in cert -iter 100000 -passout pass:p -out p12"));
  const Bytes good = tool_.Read("p12");
  const Bytes rounds = {0x02, 0x03, 0x01, 0x86, 0xa0};  // INTEGER 100,000
  size_t places = 0;
  for (auto at = good.begin();; ++at, ++places) {
    at = std::search(at, good.end(), rounds.begin(), rounds.end());
    if (at == good.end()) break;
    Bytes changed = good;
    changed[static_cast<size_t>(at - good.begin()) + 2] = 0x7f;
    const auto got = ParsePkcs12(*ca_.crypto, changed, Secret("p"));
    EXPECT_FALSE(got.ok());
  }
  EXPECT_GE(places, 2u) << "of the certificates and of the MAC";
}

}  // namespace
}  // namespace p2pd::pki
