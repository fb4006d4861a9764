#include <fstream>

#include "p2pd/v1/error.pb.h"
#include "tests/unit/clients/cli/fake_daemon.h"
#include "tests/unit/clients/device.h"

namespace p2pd::cli {
namespace {

class IdentityCommands : public WithFakeDaemon {
 protected:
  void Put(const std::string& name, const std::string& content) {
    std::ofstream(Path(name)) << content;
  }
  std::string Get(const std::string& name) {
    std::ifstream file(Path(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
};

TEST_F(IdentityCommands, CreateWritesTheRequest) {
  identity_.CreateIdentity_.response.set_email("a@b.org");
  identity_.CreateIdentity_.response.set_csr_pem("CSR");

  const Outcome outcome =
      Run({"identity", "create", "--email", "a@b.org", "--name", "A", "--csr-out", Path("a.csr")});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(identity_.CreateIdentity_.request.email(), "a@b.org");
  EXPECT_EQ(identity_.CreateIdentity_.request.display_name(), "A");
  EXPECT_EQ(identity_.CreateIdentity_.request.passphrase(), "");
  EXPECT_EQ(Get("a.csr"), "CSR");
}

TEST_F(IdentityCommands, CreateSaysWhenTheRequestCannotBeWritten) {
  const Outcome outcome = Run(
      {"identity", "create", "--email", "a@b.org", "--name", "A", "--csr-out", "/no/such/a.csr"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("/no/such/a.csr"), std::string::npos);
  EXPECT_EQ(identity_.CreateIdentity_.calls, 0) << "no key without a place for its request";

  identity_.CreateIdentity_.response.set_csr_pem("CSR");
  const Outcome full = Run({"identity", "create", "--email", "a@b.org", "--name", "A", "--csr-out",
                            clients::MakeDevice(folder_, clients::kFullDevice)});

  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.err.find("the identity exists"), std::string::npos);
}

TEST_F(IdentityCommands, InstallSendsTheFile) {
  Put("cert.pem", "CERT");

  EXPECT_EQ(Run({"identity", "install", Path("cert.pem")}).code, 0);
  EXPECT_EQ(identity_.InstallCertificate_.request.certificate(), "CERT");
}

TEST_F(IdentityCommands, AMissingFileIsAUsageErrorAndAsksNobody) {
  const Outcome outcome = Run({"identity", "install", Path("none.pem")});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("none.pem"), std::string::npos);
  EXPECT_EQ(identity_.InstallCertificate_.calls, 0);
}

TEST_F(IdentityCommands, AnOversizedFileIsRefusedHere) {
  Put("big.pem", std::string(70000, 'x'));

  EXPECT_EQ(Run({"identity", "install", Path("big.pem")}).code, 2);
  EXPECT_EQ(identity_.InstallCertificate_.calls, 0);
}

TEST_F(IdentityCommands, ImportOfAKeyAloneNamesTheAddress) {
  Put("key.pem", "KEY");

  EXPECT_EQ(Run({"identity", "import", Path("key.pem"), "--email", "a@b.org"}).code, 0);
  EXPECT_EQ(identity_.ImportIdentity_.request.key_file(), "KEY");
  EXPECT_EQ(identity_.ImportIdentity_.request.email(), "a@b.org");
}

TEST_F(IdentityCommands, AKeyAloneWithoutAnAddressSaysWhichFlagIsMissing) {
  Put("key.pem", "KEY");
  v1::ErrorDetail detail;
  detail.set_reason("EMAIL_INVALID");
  v1::ErrorStatus details;
  details.add_details()->PackFrom(detail);
  identity_.ImportIdentity_.status = {grpc::StatusCode::INVALID_ARGUMENT,
                                      "\"\" is not an e-mail address", details.SerializeAsString()};

  const Outcome without = Run({"identity", "import", Path("key.pem")});
  const Outcome wrong = Run({"identity", "import", Path("key.pem"), "--email", "x"});

  EXPECT_EQ(without.code, 2);
  EXPECT_NE(without.err.find("--email"), std::string::npos) << without.err;
  EXPECT_NE(without.err.find(Path("key.pem")), std::string::npos) << without.err;
  EXPECT_EQ(without.err.find("\"\""), std::string::npos) << without.err;
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("is not an e-mail address"), std::string::npos) << wrong.err;
}

TEST_F(IdentityCommands, DeleteWantsAYes) {
  EXPECT_EQ(Run({"identity", "delete", "a@b.org"}).code, 2);
  EXPECT_EQ(identity_.DeleteIdentity_.calls, 0);

  EXPECT_EQ(Run({"identity", "delete", "a@b.org", "--yes"}).code, 0);
  EXPECT_EQ(identity_.DeleteIdentity_.request.name(), "identities/a@b.org");
}

TEST_F(IdentityCommands, AsNamesTheIdentity) {
  EXPECT_EQ(Run({"--as", "a@b.org", "login"}).code, 0);
  EXPECT_EQ(identity_.Login_.request.name(), "identities/a@b.org");

  EXPECT_EQ(Run({"login", "c@d.org", "--presence", "away"}).code, 0);
  EXPECT_EQ(identity_.Login_.request.name(), "identities/c@d.org");
  EXPECT_EQ(identity_.Login_.request.availability(), v1::AVAILABILITY_AWAY);

  EXPECT_EQ(Run({"logout"}).code, 0);
  EXPECT_EQ(identity_.Logout_.request.name(), "");
}

TEST_F(IdentityCommands, PresenceWordsAreChecked) {
  EXPECT_EQ(Run({"presence", "set", "busy"}).code, 0);
  EXPECT_EQ(identity_.SetPresence_.request.availability(), v1::AVAILABILITY_BUSY);

  EXPECT_EQ(Run({"presence", "set", "asleep"}).code, 2);
  EXPECT_EQ(identity_.SetPresence_.calls, 1);
}

TEST_F(IdentityCommands, ListMarksTheDefault) {
  v1::Identity* first = identity_.ListIdentities_.response.add_identities();
  first->set_email("a@b.org");
  first->set_default_identity(true);
  identity_.ListIdentities_.response.add_identities()->set_email("c@d.org");

  const Outcome outcome = Run({"identity", "list"});

  EXPECT_NE(outcome.out.find("a@b.org (default)"), std::string::npos);
  EXPECT_NE(outcome.out.find("c@d.org"), std::string::npos);
}

TEST_F(IdentityCommands, ADeviceIsRevokedByItsFullName) {
  identity_.GetIdentity_.response.set_email("a@b.org");

  EXPECT_EQ(Run({"device", "revoke", "00112233445566778899aabbccddeeff"}).code, 0);
  EXPECT_EQ(identity_.RevokeDevice_.request.name(),
            "identities/a@b.org/devices/00112233445566778899aabbccddeeff");
}

}  // namespace
}  // namespace p2pd::cli
