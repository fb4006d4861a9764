#include "daemon/services/identity_service.h"

#include "libcore/pki/authority.h"
#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::IdentityService::Stub;

class IdentityServiceTest : public ServedNode {
 protected:
  template <class Method, class Request, class Response>
  grpc::Status Identity(Method method, const Request& request, Response* response) {
    return Call<v1::IdentityService>(method, request, response);
  }
  // The authority's answer to a CSR, with its root.
  std::string Issue(const std::string& csr_pem) {
    pki::RootOptions root;
    root.name = "Example CA";
    root.not_before = now_ - absl::Hours(1);
    root.not_after = now_ + absl::Hours(1000);
    const pki::Certificate ca = pki::MakeRoot(*key_, root).value();
    const auto csr = pki::ParseCsr(AsBytes(csr_pem));
    pki::IssueOptions options;
    options.not_before = now_ - absl::Minutes(1);
    options.not_after = now_ + absl::Hours(100);
    return pki::IssueCertificate(*key_, ca, *csr, options)->ToPem() + ca.ToPem();
  }
  SeededRng seeded_{9};
  std::unique_ptr<pki::Crypto> crypto_ = pki::Crypto::Create(seeded_);
  absl::StatusOr<pki::UserKey> key_ = pki::UserKey::GenerateP256(*crypto_);
  const absl::Time now_ = runtime::WallNow();
};

TEST_F(IdentityServiceTest, AnIdentityComesFromACsrAndACertificate) {
  v1::CreateIdentityRequest create;
  create.set_email("Alice@Example.ORG");
  create.set_display_name("Alice");
  v1::Identity made;
  ASSERT_TRUE(Identity(&Stub::CreateIdentity, create, &made).ok());
  EXPECT_EQ(made.name(), "identities/alice@example.org");
  EXPECT_EQ(made.state(), v1::Identity::AWAITING_CERTIFICATE);
  ASSERT_FALSE(made.csr_pem().empty());
  v1::InstallCertificateRequest install;
  install.set_certificate(Issue(made.csr_pem()));
  v1::Identity installed;
  const grpc::Status status = Identity(&Stub::InstallCertificate, install, &installed);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(installed.state(), v1::Identity::LOGGED_OUT);
  EXPECT_EQ(installed.certificate().root_name(), "Example CA");
  EXPECT_TRUE(installed.csr_pem().empty());

  v1::ExportIdentityRequest take;
  take.set_passphrase("correct horse");
  v1::ExportIdentityResponse file;
  ASSERT_TRUE(Identity(&Stub::ExportIdentity, take, &file).ok());
  EXPECT_FALSE(file.pkcs12().empty());

  v1::DeleteIdentityRequest remove;
  remove.set_name(made.name());
  v1::DeleteIdentityResponse removed;
  ASSERT_TRUE(Identity(&Stub::DeleteIdentity, remove, &removed).ok());
  v1::ImportIdentityRequest import;
  import.set_key_file(file.pkcs12());
  import.set_passphrase("wrong horse");
  v1::Identity imported;
  grpc::Status wrong = Identity(&Stub::ImportIdentity, import, &imported);
  EXPECT_EQ(wrong.error_code(), grpc::StatusCode::UNAUTHENTICATED) << wrong.error_message();
  EXPECT_EQ(ReasonOfStatus(wrong), "PASSPHRASE_WRONG");
  import.set_passphrase("correct horse");
  const grpc::Status back = Identity(&Stub::ImportIdentity, import, &imported);
  ASSERT_TRUE(back.ok()) << back.error_message();
  EXPECT_EQ(imported.email(), "alice@example.org");
}

TEST_F(IdentityServiceTest, BadRequestsHaveTheirReasons) {
  v1::Identity identity;
  v1::CreateIdentityRequest create;
  create.set_email("nobody");
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::CreateIdentity, create, &identity)), "EMAIL_INVALID");
  create.set_email("alice@example.org");
  create.set_passphrase("short");
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::CreateIdentity, create, &identity)),
            "PASSPHRASE_TOO_SHORT");
  MakeIdentity("alice@example.org");
  create.clear_passphrase();
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::CreateIdentity, create, &identity)), "IDENTITY_EXISTS");

  v1::LoginRequest login;
  login.set_availability(v1::AVAILABILITY_OFFLINE);
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::Login, login, &identity)), "AVAILABILITY_INVALID");
  login.clear_availability();
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::Login, login, &identity)),
            "IDENTITY_WITHOUT_CERTIFICATE");
  v1::SetPresenceRequest presence;
  presence.set_availability(v1::AVAILABILITY_AWAY);
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::SetPresence, presence, &identity)), "NOT_LOGGED_IN");

  v1::InstallCertificateRequest install;
  install.set_certificate("-----BEGIN nothing");
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::InstallCertificate, install, &identity)),
            "CERTIFICATE_MALFORMED");
  v1::RevokeDeviceRequest revoke;
  revoke.set_name("identities/alice@example.org/devices/xyz");
  v1::RevokeDeviceResponse revoked;
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::RevokeDevice, revoke, &revoked)), "NAME_INVALID");
  v1::GetIdentityRequest get;
  get.set_name("identities/carol@example.org");
  EXPECT_EQ(ReasonOfStatus(Identity(&Stub::GetIdentity, get, &identity)), "IDENTITY_UNKNOWN");
}

TEST_F(IdentityServiceTest, TheFirstIdentityIsTheDefaultOneAndStandsFirst) {
  MakeIdentity("zoe@example.org");
  MakeIdentity("alice@example.org");
  v1::ListIdentitiesResponse list;
  ASSERT_TRUE(Identity(&Stub::ListIdentities, v1::ListIdentitiesRequest(), &list).ok());
  ASSERT_EQ(list.identities_size(), 2);
  EXPECT_EQ(list.identities(0).email(), "zoe@example.org");
  EXPECT_TRUE(list.identities(0).default_identity());
  v1::Identity identity;
  ASSERT_TRUE(Identity(&Stub::GetIdentity, v1::GetIdentityRequest(), &identity).ok());
  EXPECT_EQ(identity.email(), "zoe@example.org");
}

TEST_F(IdentityServiceTest, AKeyUnderAPassphraseIsOpenedByItAlone) {
  v1::CreateIdentityRequest create;
  create.set_email("alice@example.org");
  create.set_passphrase("correct horse");
  v1::Identity identity;
  ASSERT_TRUE(Identity(&Stub::CreateIdentity, create, &identity).ok());
  EXPECT_TRUE(identity.passphrase_protected());
}

}  // namespace
}  // namespace p2pd::daemon
