#include "libcore/pki/revocation.h"

#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

TEST(Crl, RoundTripsAndRevokes) {
  TestCa ca;
  const Person alice = ca.MakePerson("alice@example.org");
  const Person bob = ca.MakePerson("bob@example.org");
  const Crl crl = ca.MakeList(uint64_t{1} << 40, {alice.certificate});
  EXPECT_EQ(crl.number(), uint64_t{1} << 40);
  EXPECT_EQ(crl.this_update(), ca.now - absl::Hours(1));
  EXPECT_EQ(crl.next_update(), ca.now + absl::Hours(24));
  EXPECT_TRUE(crl.SignedBy(ca.root));
  EXPECT_TRUE(crl.Revokes(alice.certificate));
  EXPECT_FALSE(crl.Revokes(bob.certificate));
  EXPECT_EQ(Crl::FromPem(AsBytes(crl.ToPem()))->der(), crl.der());
  EXPECT_TRUE(Crl::FromDer(crl.der())->Revokes(alice.certificate));
}

TEST(Crl, OfAnotherCaRevokesNothingHere) {
  TestCa ca, other(KeyKind::kP256, 2);
  const Person alice = ca.MakePerson("alice@example.org");
  CrlOptions options;
  options.this_update = ca.now;
  options.next_update = ca.now + absl::Hours(1);
  options.revoked = {{alice.certificate.serial_hex(), ca.now}};
  const Certificate named = *MakeRoot(other.root_key, other.Options("Another"));
  const Crl crl = *MakeCrl(other.root_key, named, options);
  EXPECT_FALSE(crl.Revokes(alice.certificate)) << "the same serial of another issuer";
  EXPECT_FALSE(crl.SignedBy(ca.root));
  EXPECT_FALSE(other.MakeList(1, {}).SignedBy(ca.root)) << "the same name, another key";
}

TEST(Crl, IsReadFromOpensslCa) {
  TestCa ca;
  const Person alice = ca.MakePerson("alice@example.org");
  OpensslTool tool;
  tool.Write("ca.key", ca.root_key.ToPem({})->view());
  tool.Write("ca.pem", AsBytes(ca.root.ToPem()));
  tool.Write("alice.pem", AsBytes(alice.certificate.ToPem()));
  tool.Write("index", {});
  tool.Write("number", AsBytes("0A\n"));
  tool.Write("conf", AsBytes("[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\n"
                             "default_md=sha256\ncrl_extensions=e\n"
                             "[e]\nauthorityKeyIdentifier=keyid\n"));
  const std::string command = "ca -config conf -cert ca.pem -keyfile ca.key ";
  ASSERT_TRUE(tool.Run(command + "-revoke alice.pem -crl_reason keyCompromise")) << tool.output();
  ASSERT_TRUE(tool.Run(command + "-gencrl -crldays 30 -out crl.pem")) << tool.output();
  const auto crl = Crl::FromPem(tool.Read("crl.pem"));
  ASSERT_TRUE(crl.ok()) << crl.status();
  EXPECT_EQ(crl->number(), 10u);
  EXPECT_TRUE(crl->SignedBy(ca.root));
  EXPECT_TRUE(crl->Revokes(alice.certificate));
}

TEST(Crl, RefusesListsThatAreNotPlain) {
  TestCa ca;
  OpensslTool tool;
  tool.Write("ca.key", ca.root_key.ToPem({})->view());
  tool.Write("ca.pem", AsBytes(ca.root.ToPem()));
  tool.Write("index", {});
  tool.Write("number", AsBytes("0A\n"));
  for (const char* extension : {"issuingDistributionPoint=critical,@i\n[i]\nonlyuser=TRUE",
                                "2.5.29.27=critical,ASN1:INTEGER:5", "crlNumber=critical,1.2"}) {
    tool.Write("conf", AsBytes(absl::StrCat("[ca]\ndefault_ca=c\n[c]\ndatabase=index\n"
                                            "crlnumber=number\ndefault_md=sha256\n"
                                            "crl_extensions=e\n[e]\n",
                                            extension, "\n")));
    if (!tool.Run(
            "ca -config conf -cert ca.pem -keyfile ca.key -gencrl -crldays 30 -out crl.pem")) {
      continue;  // openssl does not make the third
    }
    EXPECT_EQ(Crl::FromPem(tool.Read("crl.pem")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << extension;
  }
}

TEST(Crl, RefusesAChangedListOrWhatIsNone) {
  TestCa ca;
  const Crl good = ca.MakeList(1, {ca.root});
  for (size_t i = 0; i < good.der().size(); ++i) {
    Bytes changed = good.der();
    changed[i] ^= 1;
    const auto crl = Crl::FromDer(changed);
    EXPECT_FALSE(crl.ok() && crl->SignedBy(ca.root)) << i;
    EXPECT_FALSE(Crl::FromDer(ByteView(good.der()).first(i)).ok());
  }
  Bytes longer = good.der();
  longer.push_back(0);
  EXPECT_FALSE(Crl::FromDer(longer).ok());
  EXPECT_FALSE(Crl::FromDer(Bytes(Crl::kMaxDer + 1, 0x30)).ok());
  EXPECT_FALSE(Crl::FromPem(AsBytes("nothing")).ok());
  EXPECT_FALSE(Crl::FromPem(AsBytes(good.ToPem() + good.ToPem())).ok());
}

}  // namespace
}  // namespace p2pd::pki
