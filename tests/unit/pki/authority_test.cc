#include "libcore/pki/authority.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

constexpr KeyKind kKinds[] = {KeyKind::kP256, KeyKind::kRsa, KeyKind::kEd25519};

std::string AtTime(const TestCa& ca) {
  return absl::StrCat(" -attime ", absl::ToUnixSeconds(ca.now), " ");
}

TEST(Authority, SameSeedSameBytes) {
  for (const KeyKind kind : kKinds) {
    TestCa one(kind), same(kind);
    EXPECT_EQ(one.root.der(), same.root.der());
    EXPECT_EQ(one.MakePerson("alice@example.org").certificate.der(),
              same.MakePerson("alice@example.org").certificate.der());
    EXPECT_EQ(one.MakeList(1, {}).der(), same.MakeList(1, {}).der());
    TestCa other(kind, 2);
    EXPECT_NE(one.root.der(), other.root.der());
  }
}

TEST(Authority, RootSaysWhatItIs) {
  TestCa ca;
  EXPECT_EQ(ca.root.name(), "Test root");
  EXPECT_TRUE(ca.root.is_ca());
  EXPECT_TRUE(ca.root.IsSelfIssued());
  EXPECT_TRUE(ca.root.emails().empty());
  EXPECT_EQ(ca.root.not_before(), ca.Options("").not_before);
  EXPECT_EQ(ca.root.public_key().hash(), ca.root_key.public_key().hash());
}

TEST(Authority, OpensslVerifiesOurCertificates) {
  for (const KeyKind ca_kind : kKinds) {
    for (const KeyKind user_kind : {KeyKind::kP256, KeyKind::kRsa}) {
      TestCa ca(ca_kind);
      const UserKey middle_key = ca.MakeKey(ca_kind);
      const Certificate middle =
          *MakeIntermediate(ca.root_key, ca.root, middle_key.public_key(), ca.Options("Middle", 0));
      const UserKey key = ca.MakeKey(user_kind);
      const Certificate leaf = ca.IssueBy(middle_key, middle, key, "alice@example.org");
      OpensslTool tool;
      tool.Write("root.pem", AsBytes(ca.root.ToPem()));
      tool.Write("middle.pem", AsBytes(middle.ToPem()));
      tool.Write("leaf.pem", AsBytes(leaf.ToPem()));
      for (const char* purpose : {"smimesign", "smimeencrypt"}) {
        // openssl wants keyEncipherment of every S/MIME key, although an EC key cannot do that.
        if (user_kind == KeyKind::kP256 && purpose != absl::string_view("smimesign")) continue;
        EXPECT_TRUE(tool.Run(absl::StrCat("verify -x509_strict -CAfile root.pem -untrusted ",
                                          "middle.pem -purpose ", purpose, AtTime(ca), "leaf.pem")))
            << tool.output();
      }
      EXPECT_TRUE(tool.Run(absl::StrCat("verify -CAfile root.pem -untrusted middle.pem ",
                                        "-verify_email alice@example.org", AtTime(ca), "leaf.pem")))
          << tool.output();
      EXPECT_FALSE(tool.Run(absl::StrCat("verify -CAfile root.pem -untrusted middle.pem ",
                                         "-verify_email bob@example.org", AtTime(ca), "leaf.pem")));
    }
  }
}

TEST(Authority, IssuedCertificateHoldsWhatTheRequestNamed) {
  TestCa ca;
  const UserKey key = ca.MakeKey(KeyKind::kP256);
  const auto csr = ParseCsr(*MakeCsr(key, "Alice M\u00fcller", "Alice@Example.ORG"));
  ASSERT_TRUE(csr.ok()) << csr.status();
  EXPECT_EQ(csr->name, "Alice M\u00fcller");
  EXPECT_EQ(csr->email, "alice@example.org");
  const Certificate leaf = *IssueCertificate(ca.root_key, ca.root, *csr, ca.Year());
  EXPECT_EQ(leaf.name(), "Alice M\u00fcller");
  EXPECT_EQ(leaf.emails(), std::vector<std::string>{"alice@example.org"});
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.IsSelfIssued());
  EXPECT_EQ(leaf.issuer(), "CN=Test root");
  EXPECT_EQ(leaf.public_key().hash(), key.public_key().hash());
  EXPECT_EQ(leaf.serial_hex().size(), 32u);
  EXPECT_EQ(leaf.not_after(), ca.Year().not_after);
  OpensslTool tool;
  tool.Write("leaf.pem", AsBytes(leaf.ToPem()));
  ASSERT_TRUE(tool.Run("x509 -in leaf.pem -noout -text"));
  EXPECT_TRUE(absl::StrContains(tool.output(), "email:alice@example.org"));
  EXPECT_TRUE(absl::StrContains(tool.output(), "Digital Signature, Key Agreement"));
  EXPECT_TRUE(absl::StrContains(tool.output(), "E-mail Protection"));
}

TEST(Authority, AddressesThatAreNotAsciiTravelAsSmtpUtf8Mailbox) {
  TestCa ca;
  const Person person = ca.MakePerson("M\u00fcller@example.org");
  EXPECT_EQ(person.certificate.emails(), std::vector<std::string>{"m\u00fcller@example.org"});
  OpensslTool tool;
  tool.Write("leaf.pem", AsBytes(person.certificate.ToPem()));
  ASSERT_TRUE(tool.Run("x509 -in leaf.pem -noout -ext subjectAltName -nameopt utf8"));
  EXPECT_TRUE(absl::StrContains(tool.output(), "SmtpUTF8Mailbox"));
}

TEST(Authority, ReadsRequestsThatOpensslMade) {
  const struct {
    const char* command;
    const char* email;
  } rows[] = {
      {"req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=Bob "
       "-addext subjectAltName=email:Bob@example.org -out csr",
       "bob@example.org"},
      {"req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=Bob/emailAddress=bob@example.org "
       "-outform DER -out csr",
       "bob@example.org"},
      {"req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=Bob/emailAddress=bob@example.org "
       "-addext subjectAltName=email:bob@example.org -out csr",
       "bob@example.org"},
  };
  TestCa ca;
  for (const auto& row : rows) {
    OpensslTool tool;
    ASSERT_TRUE(tool.Run(row.command)) << tool.output();
    const auto csr = ParseCsr(tool.Read("csr"));
    ASSERT_TRUE(csr.ok()) << csr.status();
    EXPECT_EQ(csr->email, row.email);
    EXPECT_EQ(csr->name, "Bob");
    EXPECT_TRUE(IssueCertificate(ca.root_key, ca.root, *csr, ca.Year()).ok());
  }
}

TEST(Authority, OpensslVerifiesOurRequest) {
  for (const KeyKind kind : kKinds) {
    TestCa ca;
    OpensslTool tool;
    tool.Write("csr", *MakeCsr(ca.MakeKey(kind), "Alice", "alice@example.org"));
    EXPECT_TRUE(tool.Run("req -inform DER -in csr -verify -noout -text")) << tool.output();
    EXPECT_TRUE(absl::StrContains(tool.output(), "email:alice@example.org"));
  }
}

TEST(Authority, RefusesWrongRequests) {
  TestCa ca;
  const Bytes good = *MakeCsr(ca.MakeKey(KeyKind::kP256), "Alice", "alice@example.org");
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= 1;
    EXPECT_EQ(ParseCsr(changed).status().code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(ParseCsr(ByteView(good).first(i)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(ParseCsr(longer).ok());
  EXPECT_FALSE(ParseCsr(Bytes(9000, 0x30)).ok());
  EXPECT_FALSE(ParseCsr(AsBytes("-----BEGIN CERTIFICATE REQUEST-----\n")).ok());
  OpensslTool tool;
  ASSERT_TRUE(tool.Run("req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=Bob -out csr"));
  EXPECT_FALSE(ParseCsr(tool.Read("csr")).ok()) << "no address";
  ASSERT_TRUE(
      tool.Run("req -new -key k -subj /CN=Bob -addext "
               "subjectAltName=email:a@b.c,email:d@e.f -out csr"));
  EXPECT_FALSE(ParseCsr(tool.Read("csr")).ok()) << "two addresses";
  EXPECT_FALSE(MakeCsr(ca.root_key, "Alice", "not an address").ok());
  EXPECT_FALSE(MakeCsr(ca.root_key, "", "a@b.c").ok());
  EXPECT_FALSE(MakeCsr(ca.root_key, std::string(65, 'x'), "a@b.c").ok());
  EXPECT_FALSE(MakeCsr(ca.root_key, "a\nb", "a@b.c").ok());
}

TEST(Authority, RefusesToSignWhatMakesNoSense) {
  TestCa ca;
  const Person person = ca.MakePerson("alice@example.org");
  const auto csr = *ParseCsr(*MakeCsr(person.key, "Alice", "alice@example.org"));
  EXPECT_FALSE(IssueCertificate(person.key, ca.root, csr, ca.Year()).ok()) << "another's key";
  EXPECT_FALSE(IssueCertificate(person.key, person.certificate, csr, ca.Year()).ok()) << "no CA";
  EXPECT_FALSE(IssueCertificate(ca.root_key, ca.root, csr, {ca.now, ca.now}).ok());
  EXPECT_FALSE(IssueCertificate(ca.root_key, ca.root, csr, {ca.now, absl::InfiniteFuture()}).ok());
  const auto ed = *ParseCsr(*MakeCsr(ca.MakeKey(KeyKind::kEd25519), "Alice", "alice@example.org"));
  EXPECT_FALSE(IssueCertificate(ca.root_key, ca.root, ed, ca.Year()).ok());
  RootOptions options = ca.Options("R");
  options.path_length = -1;
  EXPECT_FALSE(MakeRoot(ca.root_key, options).ok());
  options = ca.Options("R");
  options.permitted_domains = {"no domain"};
  EXPECT_FALSE(MakeRoot(ca.root_key, options).ok());
}

TEST(Authority, OpensslReadsOurCrl) {
  for (const KeyKind kind : kKinds) {
    TestCa ca(kind);
    const Person alice = ca.MakePerson("alice@example.org");
    const Person bob = ca.MakePerson("bob@example.org");
    OpensslTool tool;
    tool.Write("root.pem", AsBytes(ca.root.ToPem()));
    tool.Write("crl.pem", AsBytes(ca.MakeList(7, {alice.certificate}).ToPem()));
    tool.Write("alice.pem", AsBytes(alice.certificate.ToPem()));
    tool.Write("bob.pem", AsBytes(bob.certificate.ToPem()));
    EXPECT_TRUE(tool.Run("crl -in crl.pem -CAfile root.pem -noout -crlnumber")) << tool.output();
    EXPECT_TRUE(absl::StrContains(tool.output(), "0x07"));
    const std::string verify =
        absl::StrCat("verify -crl_check -CAfile root.pem -CRLfile crl.pem", AtTime(ca));
    EXPECT_FALSE(tool.Run(verify + "alice.pem"));
    EXPECT_TRUE(absl::StrContains(tool.output(), "certificate revoked")) << tool.output();
    EXPECT_TRUE(tool.Run(verify + "bob.pem")) << tool.output();
  }
}

TEST(Authority, RefusesWrongCrls) {
  TestCa ca;
  CrlOptions options;
  options.this_update = options.next_update = ca.now;
  EXPECT_FALSE(MakeCrl(ca.root_key, ca.root, options).ok());
  options.next_update = ca.now + absl::Hours(1);
  EXPECT_TRUE(MakeCrl(ca.root_key, ca.root, options).ok());
  options.revoked = {{"xyz", ca.now}};
  EXPECT_EQ(MakeCrl(ca.root_key, ca.root, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.revoked.assign(1025, {"01", ca.now});
  EXPECT_EQ(MakeCrl(ca.root_key, ca.root, options).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Authority, TheLargestCrlFits) {
  TestCa ca;
  CrlOptions options;
  options.this_update = ca.now;
  options.next_update = ca.now + absl::Hours(1);
  for (int i = 0; i < 1024; ++i) {
    options.revoked.push_back(
        {absl::StrCat("7f", absl::Hex(i, absl::kZeroPad16), "00000000000000"), ca.now});
  }
  const auto crl = MakeCrl(ca.root_key, ca.root, options);
  ASSERT_TRUE(crl.ok()) << crl.status();
  EXPECT_LE(crl->der().size(), Crl::kMaxDer);
}

}  // namespace
}  // namespace p2pd::pki
