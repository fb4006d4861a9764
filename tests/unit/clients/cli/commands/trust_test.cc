#include <fstream>

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class TrustCommands : public WithFakeDaemon {};

TEST_F(TrustCommands, AddSendsTheFile) {
  std::ofstream(Path("ca.pem")) << "ROOT";

  EXPECT_EQ(Run({"trust", "add", Path("ca.pem")}).code, 0);
  EXPECT_EQ(identity_.CreateTrustRoot_.request.certificate(), "ROOT");
  EXPECT_EQ(Run({"trust", "add", Path("nothing.pem")}).code, 2);
}

TEST_F(TrustCommands, ListSaysWhenNoCrlWasSeen) {
  v1::TrustRoot* root = identity_.ListTrustRoots_.response.add_trust_roots();
  root->set_name("trustRoots/00ff");
  root->mutable_certificate()->set_subject_name("Town CA");

  const Outcome outcome = Run({"trust", "list"});

  EXPECT_NE(outcome.out.find("00ff"), std::string::npos);
  EXPECT_NE(outcome.out.find("Town CA"), std::string::npos);
  EXPECT_NE(outcome.out.find("never seen"), std::string::npos);
}

TEST_F(TrustCommands, RemoveNamesTheFingerprint) {
  EXPECT_EQ(Run({"trust", "remove", "00ff"}).code, 0);
  EXPECT_EQ(identity_.DeleteTrustRoot_.request.name(), "trustRoots/00ff");
}

}  // namespace
}  // namespace p2pd::cli
