#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/unit/clients/cli/fake_daemon.h"
#include "tests/unit/clients/device.h"

namespace p2pd::cli {
namespace {

// The openssl program plays the person who asks for a certificate and the one who checks it.
class CaCommands : public WithFakeDaemon {
 protected:
  static int Shell(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str());
  }
  Outcome Init() { return Run({"ca", "init", Path("ca"), "--name", "Test CA"}); }
  void MakeCsr(const std::string& email) {
    ASSERT_EQ(Shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " +
                    Path("key") + " -subj '/CN=Ann' -addext 'subjectAltName=email:" + email +
                    "' -out " + Path("csr")),
              0);
  }
};

TEST_F(CaCommands, InitMakesCertificateAndPrivateKeyOnce) {
  const Outcome first = Init();
  const Outcome second = Init();

  EXPECT_EQ(first.code, 0) << first.err;
  struct stat info{};
  ASSERT_EQ(stat(Path("ca/ca.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(Shell("openssl verify -CAfile " + Path("ca/ca.pem") + " " + Path("ca/ca.pem")), 0);
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.err.find("ALREADY_EXISTS"), std::string::npos);
}

TEST_F(CaCommands, IssuesWhatOpensslAccepts) {
  ASSERT_EQ(Init().code, 0);
  MakeCsr("ann@example.org");

  const Outcome outcome =
      Run({"ca", "issue", Path("ca"), "--csr", Path("csr"), "--out", Path("ann.pem")});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("ann@example.org"), std::string::npos);
  EXPECT_EQ(Shell("openssl verify -purpose smimesign -CAfile " + Path("ca/ca.pem") + " " +
                  Path("ann.pem")),
            0);
}

TEST_F(CaCommands, RevokesByAddressAndPublishesTheList) {
  ASSERT_EQ(Init().code, 0);
  MakeCsr("ann@example.org");
  ASSERT_EQ(Run({"ca", "issue", Path("ca"), "--csr", Path("csr"), "--out", Path("ann.pem")}).code,
            0);

  EXPECT_EQ(Run({"ca", "revoke", Path("ca"), "--email", "bob@example.org"}).code, 5);
  EXPECT_EQ(Run({"ca", "revoke", Path("ca"), "--email", "ann@example.org"}).code, 0);
  EXPECT_NE(Shell("openssl verify -crl_check -CRLfile " + Path("ca/crl.pem") + " -CAfile " +
                  Path("ca/ca.pem") + " " + Path("ann.pem")),
            0);

  EXPECT_EQ(Run({"ca", "publish", Path("ca")}).code, 0);
  EXPECT_FALSE(identity_.PublishCrl_.request.crl().empty());
  EXPECT_FALSE(identity_.PublishCrl_.request.issuer_certificate().empty());
}

TEST_F(CaCommands, MistakesNameTheFileAndIssueNothing) {
  ASSERT_EQ(Init().code, 0);
  std::ofstream(Path("rubbish")) << "no request";

  for (const std::string& csr : {Path("none"), Path("rubbish"), folder_}) {
    const Outcome outcome = Run({"ca", "issue", Path("ca"), "--csr", csr, "--out", Path("x.pem")});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(csr), std::string::npos) << outcome.err;
    EXPECT_FALSE(std::ifstream(Path("x.pem")).good());
  }
  EXPECT_EQ(
      Run({"ca", "issue", Path("no-ca"), "--csr", Path("rubbish"), "--out", Path("x.pem")}).code,
      2);
  EXPECT_EQ(Run({"ca", "init", Path("new"), "--name", ""}).code, 2);
  EXPECT_FALSE(std::filesystem::exists(Path("new")));
  EXPECT_EQ(Run({"ca", "init", Path("rubbish/below"), "--name", "X"}).code, 2);
}

TEST_F(CaCommands, BadPlacesForTheCertificateAreToldInOneLine) {
  ASSERT_EQ(Init().code, 0);
  MakeCsr("ann@example.org");
  const std::string full = clients::MakeDevice(folder_, clients::kFullDevice);
  const std::vector<std::pair<std::string, int>> table = {
      {folder_, 2}, {Path("no/such"), 2}, {full, 1}};
  for (const auto& [out, code] : table) {
    const Outcome outcome = Run({"ca", "issue", Path("ca"), "--csr", Path("csr"), "--out", out});
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(out), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(std::filesystem::is_character_file(full));
  EXPECT_EQ(Run({"ca", "revoke", Path("ca"), "--email", "ann@example.org"}).code, 5)
      << "what nobody got is not on record";
}

TEST_F(CaCommands, TheCertificateGoesThroughALinkAndToStandardOutput) {
  ASSERT_EQ(Init().code, 0);
  MakeCsr("ann@example.org");
  std::filesystem::create_symlink("real.pem", Path("link.pem"));

  EXPECT_EQ(Run({"ca", "issue", Path("ca"), "--csr", Path("csr"), "--out", Path("link.pem")}).code,
            0);
  const Outcome printed = Run({"ca", "issue", Path("ca"), "--csr", Path("csr"), "--out", "-"});

  EXPECT_TRUE(std::filesystem::is_symlink(Path("link.pem")));
  EXPECT_TRUE(std::filesystem::is_regular_file(Path("real.pem")));
  EXPECT_EQ(printed.out.find("-----BEGIN CERTIFICATE-----"), 0u);
  EXPECT_EQ(printed.out.find("serial"), std::string::npos);
}

TEST_F(CaCommands, AKeyUnderAPassphraseNeedsIt) {
  std::istringstream typed("sesame open\nsesame open\nwrong one\n");
  std::streambuf* before = std::cin.rdbuf(typed.rdbuf());
  MakeCsr("ann@example.org");
  const std::vector<std::string> issue = {
      "ca",        "issue", Path("ca"),      "--csr",
      Path("csr"), "--out", Path("ann.pem"), "--passphrase-stdin"};

  EXPECT_EQ(Run({"ca", "init", Path("ca"), "--name", "Test CA", "--passphrase-stdin"}).code, 0);
  const Outcome right = Run(issue);
  const Outcome wrong = Run(issue);
  const Outcome ended = Run(issue);
  std::cin.rdbuf(before);

  EXPECT_EQ(right.code, 0) << right.err;
  EXPECT_EQ(wrong.code, 4) << wrong.err;
  EXPECT_EQ(ended.code, 2) << ended.err;
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1) << ended.err;
}

}  // namespace
}  // namespace p2pd::cli
