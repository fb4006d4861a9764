// The methods of IdentityService that daemon/services/trust_methods.cc holds.
#include "libcore/pki/authority.h"
#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::IdentityService::Stub;

class TrustMethodsTest : public ServedNode {
 protected:
  TrustMethodsTest() {
    pki::RootOptions options;
    options.name = "Example CA";
    options.not_before = now_ - absl::Hours(1);
    options.not_after = now_ + absl::Hours(1000);
    root_ = pki::MakeRoot(*key_, options).value();
  }
  std::string CrlPem(absl::Time next_update) {
    pki::CrlOptions options;
    options.number = 7;
    options.this_update = now_ - absl::Hours(2);
    options.next_update = next_update;
    return pki::MakeCrl(*key_, *root_, options)->ToPem();
  }
  grpc::Status Publish(const std::string& crl, v1::PublishCrlResponse* response) {
    v1::PublishCrlRequest request;
    request.set_crl(crl);
    return Call<v1::IdentityService>(&Stub::PublishCrl, request, response);
  }
  grpc::Status Trust(const std::string& certificate, v1::TrustRoot* root) {
    v1::CreateTrustRootRequest request;
    request.set_certificate(certificate);
    return Call<v1::IdentityService>(&Stub::CreateTrustRoot, request, root);
  }
  SeededRng seeded_{11};
  std::unique_ptr<pki::Crypto> crypto_ = pki::Crypto::Create(seeded_);
  absl::StatusOr<pki::UserKey> key_ = pki::UserKey::GenerateP256(*crypto_);
  const absl::Time now_ = runtime::WallNow();
  std::optional<pki::Certificate> root_;
};

TEST_F(TrustMethodsTest, ARootIsTrustedListedAndForgotten) {
  v1::TrustRoot root;
  ASSERT_TRUE(Trust(root_->ToPem(), &root).ok());
  EXPECT_EQ(root.certificate().subject_name(), "Example CA");
  EXPECT_EQ(ReasonOfStatus(Trust(ToText(root_->der()), &root)), "TRUST_ROOT_EXISTS") << "DER too";
  v1::ListTrustRootsResponse list;
  ASSERT_TRUE(
      Call<v1::IdentityService>(&Stub::ListTrustRoots, v1::ListTrustRootsRequest(), &list).ok());
  ASSERT_EQ(list.trust_roots_size(), 1);
  v1::DeleteTrustRootRequest remove;
  remove.set_name(list.trust_roots(0).certificate().fingerprint().substr(0, 10));
  v1::DeleteTrustRootResponse removed;
  EXPECT_TRUE(Call<v1::IdentityService>(&Stub::DeleteTrustRoot, remove, &removed).ok());
  EXPECT_EQ(ReasonOfStatus(Call<v1::IdentityService>(&Stub::DeleteTrustRoot, remove, &removed)),
            "TRUST_ROOT_UNKNOWN");
}

TEST_F(TrustMethodsTest, WhatIsNoRootIsRefused) {
  v1::TrustRoot root;
  EXPECT_EQ(ReasonOfStatus(Trust("nonsense", &root)), "CERTIFICATE_MALFORMED");
  EXPECT_EQ(ReasonOfStatus(Trust(std::string(20'000, 'x'), &root)), "CERTIFICATE_MALFORMED");
}

TEST_F(TrustMethodsTest, AListIsPublishedWhenItsAuthorityIsKnown) {
  v1::PublishCrlResponse response;
  EXPECT_EQ(ReasonOfStatus(Publish(CrlPem(now_ + absl::Hours(10)), &response)),
            "CRL_WRONG_SIGNATURE");
  v1::TrustRoot root;
  ASSERT_TRUE(Trust(root_->ToPem(), &root).ok());
  EXPECT_EQ(ReasonOfStatus(Publish(CrlPem(now_ - absl::Hours(1)), &response)), "CRL_EXPIRED");
  EXPECT_EQ(ReasonOfStatus(Publish("nonsense", &response)), "CRL_MALFORMED");
  const grpc::Status status = Publish(CrlPem(now_ + absl::Hours(10)), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.crl_number(), 7u);
  EXPECT_EQ(response.key().size(), 40u);
}

}  // namespace
}  // namespace p2pd::daemon
