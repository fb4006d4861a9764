#include "libcore/pki/chain.h"

#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

using Options = TrustStore::Options;

// A chain leaf < middle < root, and a store that trusts the root.
class ChainTest : public testing::Test {
 protected:
  ChainTest()
      : middle_key_(ca_.MakeKey(KeyKind::kP256)),
        middle_(*MakeIntermediate(ca_.root_key, ca_.root, middle_key_.public_key(),
                                  ca_.Options("Middle", 0))),
        key_(ca_.MakeKey(KeyKind::kP256)),
        leaf_(ca_.IssueBy(middle_key_, middle_, key_, "alice@example.org")) {
    EXPECT_TRUE(trust_.AddRoot(ca_.root).ok());
  }

  static CertificateChain Chain(std::vector<Certificate> certificates) {
    auto chain = CertificateChain::Make(std::move(certificates));
    EXPECT_TRUE(chain.ok()) << chain.status();
    return *chain;
  }
  CertificateChain Whole() const { return Chain({leaf_, middle_, ca_.root}); }
  ChainVerdict Judge(const CertificateChain& chain) const {
    return trust_.Verify(chain, ca_.now, {"alice@example.org"});
  }
  // What both judges say; they must agree.
  ChainFault Fault(const CertificateChain& chain) const {
    const ChainVerdict verdict = Judge(chain);
    EXPECT_EQ(VerifySelfContained(chain, ca_.now, "alice@example.org").fault, verdict.fault)
        << verdict.explanation;
    if (!verdict.ok()) {
      EXPECT_FALSE(verdict.explanation.empty());
    }
    return verdict.fault;
  }
  // A certificate for a new key with a configuration of extensions, signed by openssl.
  Certificate Foreign(const UserKey& ca_key, const Certificate& ca, const std::string& extensions) {
    OpensslTool tool;
    tool.Write("ca.key", ca_key.ToPem({})->view());
    tool.Write("ca.pem", AsBytes(ca.ToPem()));
    tool.Write("key", key_.ToPem({})->view());
    tool.Write("ext", AsBytes(extensions));
    EXPECT_TRUE(tool.Run("req -new -key key -subj /CN=Foreign -out csr")) << tool.output();
    // The tool knows no start date but today; FaultNow judges as of then.
    EXPECT_TRUE(
        tool.Run("x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 "
                 "-extfile ext -out out.pem"))
        << tool.output();
    return *Certificate::FromPem(tool.Read("out.pem"));
  }
  ChainFault FaultNow(const CertificateChain& chain) const {
    const absl::Time now = chain.leaf().not_before() + absl::Hours(1);
    const ChainVerdict verdict = VerifySelfContained(chain, now, "");
    EXPECT_EQ(trust_.Verify(chain, now, {}).fault, verdict.fault) << verdict.explanation;
    return verdict.fault;
  }

  TestCa ca_;
  UserKey middle_key_;
  Certificate middle_;
  UserKey key_;
  Certificate leaf_;
  TrustStore trust_;
};

TEST_F(ChainTest, AcceptsTheWholeChain) {
  const ChainVerdict verdict = Judge(Whole());
  EXPECT_TRUE(verdict.ok()) << verdict.explanation;
  EXPECT_EQ(verdict.revocation, RevocationStatus::kUnknown);
  EXPECT_TRUE(VerifySelfContained(Whole(), ca_.now, "alice@example.org").ok());
  EXPECT_TRUE(trust_.Verify(Whole(), ca_.now, {}).ok()) << "any address";
}

TEST_F(ChainTest, AcceptsEveryMixOfKeys) {
  for (const KeyKind ca_kind : {KeyKind::kP256, KeyKind::kRsa, KeyKind::kEd25519}) {
    for (const KeyKind kind : {KeyKind::kP256, KeyKind::kRsa}) {
      TestCa ca(ca_kind);
      TrustStore trust;
      ASSERT_TRUE(trust.AddRoot(ca.root).ok());
      const Person person = ca.MakePerson("alice@example.org", kind);
      EXPECT_TRUE(trust.Verify(Chain({person.certificate, ca.root}), ca.now, {}).ok());
    }
  }
}

TEST_F(ChainTest, TrustsNoRootByDefault) {
  EXPECT_EQ(TrustStore().Verify(Whole(), ca_.now, {}).fault, ChainFault::kUntrustedRoot);
  ASSERT_TRUE(trust_.RemoveRoot(ca_.root.fingerprint()).ok());
  EXPECT_EQ(Judge(Whole()).fault, ChainFault::kUntrustedRoot);
  EXPECT_EQ(trust_.RemoveRoot(ca_.root.fingerprint()).code(), absl::StatusCode::kNotFound);
}

TEST_F(ChainTest, ARootOfTheSameNameIsAnotherRoot) {
  TestCa impostor(KeyKind::kP256, 99);
  const Person person = impostor.MakePerson("alice@example.org");
  EXPECT_EQ(impostor.root.subject(), ca_.root.subject());
  EXPECT_EQ(Judge(Chain({person.certificate, impostor.root})).fault, ChainFault::kUntrustedRoot);
}

TEST_F(ChainTest, BadSignature) {
  // Names fit, the key does not: an impostor's certificate under the real root.
  TestCa impostor(KeyKind::kP256, 99);
  const Person person = impostor.MakePerson("alice@example.org");
  EXPECT_EQ(Fault(Chain({person.certificate, ca_.root})), ChainFault::kBadSignature);
  // One bit of the signature, which ends the DER.
  for (const bool of_leaf : {true, false}) {
    Bytes der = of_leaf ? leaf_.der() : middle_.der();
    der.back() ^= 1;
    const Certificate changed = *Certificate::FromDer(der);
    EXPECT_EQ(
        Fault(of_leaf ? Chain({changed, middle_, ca_.root}) : Chain({leaf_, changed, ca_.root})),
        ChainFault::kBadSignature);
  }
  Bytes root = ca_.root.der();
  root.back() ^= 1;
  const Certificate changed = *Certificate::FromDer(root);
  EXPECT_EQ(VerifySelfContained(Chain({leaf_, middle_, changed}), ca_.now, "").fault,
            ChainFault::kBadSignature);
  EXPECT_EQ(Judge(Chain({leaf_, middle_, changed})).fault, ChainFault::kUntrustedRoot);
  EXPECT_EQ(trust_.AddRoot(changed).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChainTest, DatesAreInclusiveAndCountForEachCertificate) {
  const auto at = [&](absl::Time time) { return trust_.Verify(Whole(), time, {}).fault; };
  EXPECT_EQ(at(leaf_.not_before()), ChainFault::kNone);
  EXPECT_EQ(at(leaf_.not_before() - absl::Seconds(1)), ChainFault::kNotYetValid);
  EXPECT_EQ(at(leaf_.not_after()), ChainFault::kNone);
  EXPECT_EQ(at(leaf_.not_after() + absl::Seconds(1)), ChainFault::kExpired);
  RootOptions brief = ca_.Options("Brief", 0);
  brief.not_after = ca_.now + absl::Hours(1);
  const Certificate middle =
      *MakeIntermediate(ca_.root_key, ca_.root, middle_key_.public_key(), brief);
  const Certificate leaf = ca_.IssueBy(middle_key_, middle, key_, "alice@example.org");
  const CertificateChain chain = Chain({leaf, middle, ca_.root});
  EXPECT_TRUE(Judge(chain).ok());
  EXPECT_EQ(trust_.Verify(chain, ca_.now + absl::Hours(2), {}).fault, ChainFault::kExpired);
  EXPECT_EQ(VerifySelfContained(chain, ca_.now + absl::Hours(2), "").fault, ChainFault::kExpired);
}

TEST_F(ChainTest, PathTooLong) {
  const UserKey low_key = ca_.MakeKey(KeyKind::kP256);
  const Certificate low =
      *MakeIntermediate(middle_key_, middle_, low_key.public_key(), ca_.Options("Low", 0));
  const Certificate leaf = ca_.IssueBy(low_key, low, key_, "alice@example.org");
  EXPECT_EQ(Fault(Chain({leaf, low, middle_, ca_.root})), ChainFault::kPathTooLong);
}

TEST_F(ChainTest, NameConstraint) {
  RootOptions options = ca_.Options("Constrained", 0);
  options.permitted_domains = {"example.com", ".example.net"};
  const Certificate middle =
      *MakeIntermediate(ca_.root_key, ca_.root, middle_key_.public_key(), options);
  const auto fault = [&](absl::string_view email) {
    const Certificate leaf = ca_.IssueBy(middle_key_, middle, key_, email);
    return trust_.Verify(Chain({leaf, middle, ca_.root}), ca_.now, {}).fault;
  };
  EXPECT_EQ(fault("alice@example.com"), ChainFault::kNone);
  EXPECT_EQ(fault("alice@host.example.net"), ChainFault::kNone);
  EXPECT_EQ(fault("m\u00fcller@example.com"), ChainFault::kNone);
  EXPECT_EQ(fault("alice@example.org"), ChainFault::kNameConstraint);
  EXPECT_EQ(fault("alice@sub.example.com"), ChainFault::kNameConstraint);
  EXPECT_EQ(fault("alice@example.net"), ChainFault::kNameConstraint);
  EXPECT_EQ(fault("alice@notexample.com"), ChainFault::kNameConstraint);
  EXPECT_EQ(fault("m\u00fcller@example.org"), ChainFault::kNameConstraint);
  const Certificate leaf = ca_.IssueBy(middle_key_, middle, key_, "alice@example.org");
  EXPECT_EQ(Fault(Chain({leaf, middle, ca_.root})), ChainFault::kNameConstraint);
}

TEST_F(ChainTest, NotACa) {
  const Certificate below = Foreign(key_, leaf_, "basicConstraints=CA:FALSE\n");
  EXPECT_EQ(FaultNow(Chain({below, leaf_, middle_, ca_.root})), ChainFault::kNotACa);
}

TEST_F(ChainTest, WrongUsage) {
  for (const char* extensions : {
           "keyUsage=keyAgreement\n", "keyUsage=keyEncipherment\n", "extendedKeyUsage=serverAuth\n",
           "basicConstraints=critical,CA:TRUE\n",  // a CA is no person
       }) {
    const Certificate leaf = Foreign(middle_key_, middle_, extensions);
    EXPECT_EQ(FaultNow(Chain({leaf, middle_, ca_.root})), ChainFault::kWrongUsage) << extensions;
  }
  // A CA whose key may sign revocation lists only.
  const Certificate middle =
      Foreign(ca_.root_key, ca_.root, "basicConstraints=critical,CA:TRUE\nkeyUsage=cRLSign\n");
  const Certificate leaf = Foreign(key_, middle, "basicConstraints=CA:FALSE\n");
  EXPECT_EQ(FaultNow(Chain({leaf, middle, ca_.root})), ChainFault::kWrongUsage);
  // A CA for web servers.
  const Certificate web = Foreign(ca_.root_key, ca_.root,
                                  "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
                                  "extendedKeyUsage=serverAuth\n");
  const Certificate person = Foreign(key_, web, "basicConstraints=CA:FALSE\n");
  EXPECT_EQ(FaultNow(Chain({person, web, ca_.root})), ChainFault::kWrongUsage);
  // The root stands for nobody.
  EXPECT_EQ(VerifySelfContained(Chain({ca_.root}), ca_.now, "").fault, ChainFault::kWrongUsage);
}

TEST_F(ChainTest, AcceptsForeignCertificatesWithOtherExtensions) {
  for (const char* extensions : {
           "subjectAltName=email:alice@example.org\n",
           "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment\n"
           "extendedKeyUsage=clientAuth,emailProtection\ncertificatePolicies=1.2.3.4\n"
           "crlDistributionPoints=URI:http://example.org/crl\nnsComment=x\n",
           "extendedKeyUsage=anyExtendedKeyUsage\n",
       }) {
    const Certificate leaf = Foreign(middle_key_, middle_, extensions);
    EXPECT_EQ(FaultNow(Chain({leaf, middle_, ca_.root})), ChainFault::kNone) << extensions;
  }
}

TEST_F(ChainTest, MalformedIsACriticalExtensionThatNobodyKnows) {
  const Certificate leaf =
      Foreign(middle_key_, middle_, "1.2.3.4.5=critical,ASN1:UTF8String:obey\n");
  EXPECT_EQ(FaultNow(Chain({leaf, middle_, ca_.root})), ChainFault::kMalformed);
}

TEST_F(ChainTest, WeakHashesAreNoSignatures) {
  OpensslTool tool;
  tool.Write("ca.key", middle_key_.ToPem({})->view());
  tool.Write("ca.pem", AsBytes(middle_.ToPem()));
  tool.Write("key", key_.ToPem({})->view());
  ASSERT_TRUE(tool.Run("req -new -key key -subj /CN=Foreign -out csr"));
  ASSERT_TRUE(
      tool.Run("x509 -req -sha1 -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 "
               "-out out.pem"))
      << tool.output();
  const Certificate leaf = *Certificate::FromPem(tool.Read("out.pem"));
  EXPECT_EQ(FaultNow(Chain({leaf, middle_, ca_.root})), ChainFault::kBadSignature);
}

TEST_F(ChainTest, WrongEmail) {
  EXPECT_EQ(trust_.Verify(Whole(), ca_.now, {"bob@example.org"}).fault, ChainFault::kWrongEmail);
  EXPECT_EQ(VerifySelfContained(Whole(), ca_.now, "bob@example.org").fault,
            ChainFault::kWrongEmail);
  const Certificate nobody = Foreign(middle_key_, middle_, "basicConstraints=CA:FALSE\n");
  EXPECT_EQ(trust_
                .Verify(Chain({nobody, middle_, ca_.root}), nobody.not_before() + absl::Hours(1),
                        {"alice@example.org"})
                .fault,
            ChainFault::kWrongEmail);
}

TEST_F(ChainTest, Revoked) {
  ASSERT_TRUE(trust_.AddCrl(middle_, ca_.MakeListBy(middle_key_, middle_, 1, {leaf_})).ok());
  EXPECT_EQ(Judge(Whole()).fault, ChainFault::kRevoked);
  EXPECT_TRUE(VerifySelfContained(Whole(), ca_.now, "").ok()) << "the store does not judge that";
}

TEST_F(ChainTest, WhatListsSayIsToldOfAnUntrustedChainToo) {
  EXPECT_EQ(trust_.JudgeRevocation(Whole()).revocation, RevocationStatus::kUnknown);
  ASSERT_TRUE(trust_.AddCrl(middle_, ca_.MakeListBy(middle_key_, middle_, 1, {})).ok());
  EXPECT_EQ(trust_.JudgeRevocation(Whole()).revocation, RevocationStatus::kGood);
  ASSERT_TRUE(trust_.AddCrl(middle_, ca_.MakeListBy(middle_key_, middle_, 2, {leaf_})).ok());
  ASSERT_TRUE(trust_.RemoveRoot(ca_.root.fingerprint()).ok());
  EXPECT_EQ(trust_.JudgeRevocation(Whole()).fault, ChainFault::kRevoked);
  EXPECT_EQ(Judge(Whole()).fault, ChainFault::kUntrustedRoot);
}

TEST_F(ChainTest, ARevokedIntermediateCaRevokesWhatIsBelow) {
  ASSERT_TRUE(trust_.AddCrl(ca_.root, ca_.MakeList(1, {middle_})).ok());
  EXPECT_EQ(Judge(Whole()).fault, ChainFault::kRevoked);
}

TEST_F(ChainTest, TheLastKnownListAppliesEvenWhenOverdue) {
  ASSERT_TRUE(trust_.AddCrl(middle_, ca_.MakeListBy(middle_key_, middle_, 1, {leaf_})).ok());
  EXPECT_EQ(trust_.Verify(Whole(), ca_.now + absl::Hours(24 * 30), {}).fault, ChainFault::kRevoked);
}

TEST_F(ChainTest, RevocationUnknownInStrictModeOnly) {
  const Options strict{"alice@example.org", true};
  EXPECT_EQ(trust_.Verify(Whole(), ca_.now, strict).fault, ChainFault::kRevocationUnknown);
  ASSERT_TRUE(trust_.AddCrl(ca_.root, ca_.MakeList(1, {})).ok());
  EXPECT_EQ(trust_.Verify(Whole(), ca_.now, strict).fault, ChainFault::kRevocationUnknown)
      << "the list of another CA";
  ASSERT_TRUE(trust_.AddCrl(middle_, ca_.MakeListBy(middle_key_, middle_, 1, {})).ok());
  const ChainVerdict verdict = trust_.Verify(Whole(), ca_.now, strict);
  EXPECT_TRUE(verdict.ok()) << verdict.explanation;
  EXPECT_EQ(verdict.revocation, RevocationStatus::kGood);
}

TEST_F(ChainTest, KeepsTheNewestListOnly) {
  EXPECT_TRUE(trust_.AddCrl(ca_.root, ca_.MakeList(2, {})).ok());
  EXPECT_EQ(trust_.AddCrl(ca_.root, ca_.MakeList(2, {middle_})).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(trust_.AddCrl(ca_.root, ca_.MakeList(1, {middle_})).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Judge(Whole()).ok());
  EXPECT_TRUE(trust_.AddCrl(ca_.root, ca_.MakeList(3, {middle_})).ok());
  EXPECT_EQ(Judge(Whole()).fault, ChainFault::kRevoked);
  EXPECT_EQ(trust_.crls().size(), 1u);
  EXPECT_EQ(trust_.AddCrl(middle_, ca_.MakeList(9, {})).code(), absl::StatusCode::kInvalidArgument)
      << "signed by another CA";
  EXPECT_EQ(trust_.AddCrl(leaf_, ca_.MakeListBy(middle_key_, middle_, 9, {})).code(),
            absl::StatusCode::kInvalidArgument)
      << "a person is no CA";
}

TEST_F(ChainTest, OnlySelfSignedCasBecomeRoots) {
  EXPECT_EQ(trust_.AddRoot(leaf_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(trust_.AddRoot(middle_).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(trust_.AddRoot(ca_.root).ok()) << "again is no error";
  EXPECT_EQ(trust_.roots().size(), 1u);
}

TEST_F(ChainTest, TablesHaveTheirMaximum) {
  TrustStore trust;
  for (size_t i = 0; i < TrustStore::kMaxRoots; ++i) {
    ASSERT_TRUE(trust.AddRoot(*MakeRoot(ca_.root_key, ca_.Options(absl::StrCat("R", i)))).ok());
  }
  EXPECT_EQ(trust.AddRoot(ca_.root).code(), absl::StatusCode::kResourceExhausted);
  for (size_t i = 0; i <= TrustStore::kMaxCrls; ++i) {
    const UserKey key = ca_.MakeKey(KeyKind::kEd25519);
    const Certificate root = *MakeRoot(key, ca_.Options("R"));
    const absl::Status added = trust.AddCrl(root, ca_.MakeListBy(key, root, 1, {}));
    EXPECT_EQ(added.code(), i < TrustStore::kMaxCrls ? absl::StatusCode::kOk
                                                     : absl::StatusCode::kResourceExhausted);
  }
}

TEST_F(ChainTest, MakeHoldsShapeAndLimits) {
  EXPECT_FALSE(CertificateChain::Make({}).ok());
  EXPECT_FALSE(CertificateChain::Make({leaf_, middle_}).ok()) << "no root";
  EXPECT_FALSE(CertificateChain::Make({leaf_, ca_.root}).ok()) << "a gap";
  EXPECT_FALSE(CertificateChain::Make({middle_, leaf_, ca_.root}).ok()) << "the order";
  EXPECT_FALSE(CertificateChain::Make(std::vector<Certificate>(7, ca_.root)).ok());
  EXPECT_TRUE(CertificateChain::Make(std::vector<Certificate>(6, ca_.root)).ok());
  const auto again = CertificateChain::FromDer(Whole().ToDer());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->leaf().fingerprint(), leaf_.fingerprint());
  EXPECT_EQ(again->root().fingerprint(), ca_.root.fingerprint());
  EXPECT_FALSE(CertificateChain::FromDer({}).ok());
  EXPECT_FALSE(CertificateChain::FromDer({ToBytes("x")}).ok());
  EXPECT_FALSE(CertificateChain::FromDer(std::vector<Bytes>(7, ca_.root.der())).ok());
  EXPECT_FALSE(CertificateChain::FromDer(std::vector<Bytes>(4, Bytes(7000))).ok());
}

TEST(ChainFaultName, IsUniqueForEach) {
  std::set<absl::string_view> names;
  for (int i = 0; i <= static_cast<int>(ChainFault::kRevocationUnknown); ++i) {
    names.insert(ChainFaultName(static_cast<ChainFault>(i)));
  }
  EXPECT_EQ(names.size(), 13u);
  EXPECT_EQ(names.count("EXPIRED"), 1u);
}

}  // namespace
}  // namespace p2pd::pki
