#include "libcore/pki/certificate.h"

#include "absl/strings/ascii.h"
#include "gtest/gtest.h"
#include "libcore/base/hex.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

TEST(Certificate, RoundTripsThroughDerAndPem) {
  TestCa ca;
  const Certificate leaf = ca.MakePerson("alice@example.org").certificate;
  EXPECT_EQ(Certificate::FromDer(leaf.der())->fingerprint(), leaf.fingerprint());
  const std::string both = leaf.ToPem() + "words between\n" + ca.root.ToPem();
  EXPECT_EQ(Certificate::FromPem(AsBytes(both))->der(), leaf.der());
  const auto all = Certificate::AllFromPem(AsBytes(both));
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[1].der(), ca.root.der());
  EXPECT_EQ(leaf.fingerprint().view(), Sha256(leaf.der()).view());
}

TEST(Certificate, AgreesWithOpensslAboutItsFields) {
  TestCa ca;
  const Certificate leaf = ca.MakePerson("alice@example.org").certificate;
  OpensslTool tool;
  tool.Write("leaf.pem", AsBytes(leaf.ToPem()));
  ASSERT_TRUE(tool.Run("x509 -in leaf.pem -noout -serial -subject -issuer -nameopt RFC2253"));
  std::string serial;
  for (const char c : leaf.serial_hex())
    serial += absl::ascii_toupper(static_cast<unsigned char>(c));
  EXPECT_EQ(tool.output(), absl::StrCat("serial=", serial, "\nsubject=", leaf.subject(),
                                        "\nissuer=", leaf.issuer(), "\n"));
  ASSERT_TRUE(tool.Run("x509 -in leaf.pem -outform DER -out der"));
  EXPECT_EQ(tool.Read("der"), leaf.der());
}

TEST(Certificate, OneCertificateIsOneByteString) {
  TestCa ca;
  const Bytes good = ca.MakePerson("alice@example.org").certificate.der();
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(Certificate::FromDer(longer).ok()) << "something behind it";
  Bytes indefinite = good;
  indefinite.erase(indefinite.begin() + 1, indefinite.begin() + 4);
  indefinite.insert(indefinite.begin() + 1, 0x80);
  indefinite.insert(indefinite.end(), {0, 0});
  EXPECT_FALSE(Certificate::FromDer(indefinite).ok()) << "BER with indefinite length";
  Bytes padded = good;
  ASSERT_EQ(padded[1], 0x82);
  padded[1] = 0x83;
  padded.insert(padded.begin() + 2, 0);
  EXPECT_FALSE(Certificate::FromDer(padded).ok()) << "BER with a long length";
}

TEST(Certificate, RefusesWhatIsNone) {
  TestCa ca;
  const Bytes good = ca.MakePerson("alice@example.org").certificate.der();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Certificate::FromDer(ByteView(good).first(size)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(Certificate::FromDer(Bytes(Certificate::kMaxDer + 1, 0x30)).ok());
  EXPECT_FALSE(Certificate::FromPem({}).ok());
  EXPECT_FALSE(Certificate::FromPem(AsBytes("no certificate")).ok());
  std::string many;
  for (int i = 0; i < 17; ++i) many += ca.root.ToPem();
  EXPECT_FALSE(Certificate::AllFromPem(AsBytes(many)).ok());
  EXPECT_FALSE(
      Certificate::FromPem(AsBytes(ca.root.ToPem() + "-----BEGIN CERTIFICATE-----\nAAAA\n")).ok());
}

TEST(Certificate, NeverCrashesOnChangedBytes) {
  TestCa ca;
  const Bytes good = ca.MakePerson("alice@example.org").certificate.der();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes changed = good;
      changed[i] = static_cast<uint8_t>(changed[i] ^ flip);
      const auto certificate = Certificate::FromDer(changed);
      if (certificate.ok()) {
        EXPECT_EQ(certificate->der(), changed);
      }
    }
  }
}

TEST(Certificate, ReadsTheAddressesOfForeignOnes) {
  OpensslTool tool;
  ASSERT_TRUE(tool.Run(
      "req -x509 -newkey rsa:2048 -nodes -keyout k -subj '/C=DE/O=Firm/CN=Bob' -days 9 -addext "
      "subjectAltName=email:Bob@Example.org,DNS:example.org,email:not-an-address,email:b@c.d "
      "-outform DER -out der"))
      << tool.output();
  const auto certificate = Certificate::FromDer(tool.Read("der"));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(certificate->emails(), (std::vector<std::string>{"bob@example.org", "b@c.d"}));
  EXPECT_TRUE(certificate->HasEmail("b@c.d"));
  EXPECT_FALSE(certificate->HasEmail("B@c.d"));
  EXPECT_FALSE(certificate->HasEmail(""));
  EXPECT_EQ(certificate->name(), "Bob");
  EXPECT_EQ(certificate->subject(), "CN=Bob,O=Firm,C=DE");
}

TEST(Certificate, RefusesKeysThatWeDoNotAccept) {
  for (const char* key : {"ec -pkeyopt ec_paramgen_curve:P-384", "rsa:1024", "ed448"}) {
    OpensslTool tool;
    ASSERT_TRUE(tool.Run(absl::StrCat("req -x509 -newkey ", key,
                                      " -nodes -keyout k -subj /CN=x -outform DER -out der")))
        << tool.output();
    EXPECT_EQ(Certificate::FromDer(tool.Read("der")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << key;
  }
}

}  // namespace
}  // namespace p2pd::pki
