#include "daemon/tools/verify.h"

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libcore/store/object.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::daemon {
namespace {

using pki::KeyKind;
using pki::TestCa;
using testing::HasSubstr;
using testing::StartsWith;

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() : alice_(ca_.MakePerson("alice@example.org")) {
    Write("root", ca_.root.ToPem());
    Write("chain", alice_.certificate.ToPem() + ca_.root.ToPem());
    Write("leaf", alice_.certificate.ToPem());
    options_.at = ca_.now;
  }
  void Write(absl::string_view name, absl::string_view text) { files_.Write(name, AsBytes(text)); }
  std::string Path(absl::string_view name) const { return files_.PathOf(name); }
  VerifyOutcome Judge(absl::string_view name) {
    options_.file = Path(name);
    return Verify(options_);
  }
  void ExpectInvalid(const VerifyOutcome& outcome, const std::string& fault) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text;
    EXPECT_THAT(outcome.text, StartsWith("INVALID " + fault));
  }

  TestCa ca_;
  pki::Person alice_;
  pki::OpensslTool files_;  // its folder
  VerifyOptions options_;
};

TEST_F(VerifyTest, AcceptsAChainWithAndWithoutARoot) {
  VerifyOutcome outcome = Judge("chain");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("its own root is taken"));
  EXPECT_THAT(outcome.text, HasSubstr("email: alice@example.org"));
  options_.roots = {Path("root")};
  options_.email = "Alice@Example.org";
  outcome = Judge("chain");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, StartsWith("VALID\n"));
  EXPECT_THAT(outcome.text, HasSubstr("revocation: unknown"));
}

TEST_F(VerifyTest, TakesTheMissingRootFromThoseTrusted) {
  ExpectInvalid(Judge("leaf"), "MALFORMED");
  options_.roots = {Path("root")};
  EXPECT_EQ(Judge("leaf").exit_code, 0);
  Write("der", AsText(alice_.certificate.der()));
  EXPECT_EQ(Judge("der").exit_code, 0) << "DER too";
}

TEST_F(VerifyTest, NamesTheFault) {
  options_.email = "bob@example.org";
  ExpectInvalid(Judge("chain"), "WRONG_EMAIL");
  options_.email.clear();
  options_.at = ca_.now + absl::Hours(24 * 400);
  ExpectInvalid(Judge("chain"), "EXPIRED");
  options_.at = ca_.now - absl::Hours(24);
  ExpectInvalid(Judge("chain"), "NOT_YET_VALID");
  options_.at = ca_.now;
  TestCa other(KeyKind::kP256, 9);
  Write("other", other.root.ToPem());
  options_.roots = {Path("other")};
  ExpectInvalid(Judge("chain"), "UNTRUSTED_ROOT");
  options_.roots.clear();
  Write("forged", other.MakePerson("alice@example.org").certificate.ToPem() + ca_.root.ToPem());
  ExpectInvalid(Judge("forged"), "BAD_SIGNATURE");
}

TEST_F(VerifyTest, JudgesRevocation) {
  Write("good", ca_.MakeList(1, {}).ToPem());
  Write("bad", ca_.MakeList(2, {alice_.certificate}).ToPem());
  options_.crls = {Path("good")};
  EXPECT_THAT(Judge("chain").text, HasSubstr("revocation: good"));
  options_.crls = {Path("bad"), Path("good")};
  ExpectInvalid(Judge("chain"), "REVOKED");
  TestCa other(KeyKind::kP256, 9);
  Write("foreign", other.MakeList(1, {}).ToPem());
  options_.crls = {Path("foreign")};
  EXPECT_EQ(Judge("chain").exit_code, 2);
}

TEST_F(VerifyTest, JudgesObjects) {
  const auto chain = *pki::CertificateChain::Make({alice_.certificate, ca_.root});
  const auto object = store::MakeAuthentication(alice_.key, chain, "alice@example.org",
                                                ca_.now + absl::Hours(24), ca_.now);
  ASSERT_TRUE(object.ok()) << object.status();
  Write("object", AsText(object->bytes()));
  VerifyOutcome outcome = Judge("object");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("object: authentication"));
  options_.roots = {Path("root")};
  EXPECT_EQ(Judge("object").exit_code, 0);
  options_.email = "bob@example.org";
  ExpectInvalid(Judge("object"), "WRONG_EMAIL");
  options_.email.clear();
  options_.at = ca_.now + absl::Hours(48);
  EXPECT_EQ(Judge("object").exit_code, 1);
  options_.at = ca_.now;
  Bytes changed = object->bytes();
  changed.back() ^= 1;
  Write("changed", AsText(changed));
  ExpectInvalid(Judge("changed"), "");
}

TEST_F(VerifyTest, SaysWhichFileIsMissingOrNone) {
  for (const char* which : {"file", "root", "crl"}) {
    VerifyOptions options = options_;
    options.file = Path("chain");
    const std::string missing = Path("missing");
    if (which == absl::string_view("file")) options.file = missing;
    if (which == absl::string_view("root")) options.roots = {missing};
    if (which == absl::string_view("crl")) options.crls = {missing};
    const VerifyOutcome outcome = Verify(options);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.text, HasSubstr(missing));
  }
  options_.roots = {Path("leaf")};
  EXPECT_EQ(Judge("chain").exit_code, 2) << "a person is no root";
  options_.roots.clear();
  options_.email = "nonsense";
  EXPECT_EQ(Judge("chain").exit_code, 2);
  options_.email.clear();
  Write("garbage", "-----BEGIN CERTIFICATE-----\ngarbage\n");
  ExpectInvalid(Judge("garbage"), "MALFORMED");
  Write("empty", "");
  EXPECT_EQ(Judge("empty").exit_code, 1);
}

}  // namespace
}  // namespace p2pd::daemon
