#include "clients/common/connection.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

std::string ProblemOf(const ConnectionOptions& options, ExitCode code) {
  auto opened = Connection::Open(options);
  const auto* problem = std::get_if<ConnectionProblem>(&opened);
  if (problem == nullptr) return "";
  EXPECT_EQ(problem->code, code) << problem->text;
  return problem->text;
}

TEST(ConnectionTest, TheUsersSocketComesBeforeTheSystems) {
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  EXPECT_EQ(DefaultSockets(),
            (std::vector<std::string>{"/run/user/7/p2pd/control.sock", "/run/p2pd/control.sock"}));
  unsetenv("XDG_RUNTIME_DIR");
  EXPECT_EQ(DefaultSockets(), (std::vector<std::string>{"/run/p2pd/control.sock"}));
}

TEST(ConnectionTest, NoSocketSaysWhatToDo) {
  EXPECT_NE(
      ProblemOf({.control = "unix:/no/such/socket"}, ExitCode::kUnreachable).find("start p2pd"),
      std::string::npos);
}

TEST(ConnectionTest, ASocketThatNobodyServesIsUnreachable) {
  char pattern[] = "/tmp/p2pctl-connection-XXXXXX";
  const std::string folder = mkdtemp(pattern);
  std::ofstream(folder + "/plain") << "";

  EXPECT_NE(ProblemOf({.control = "unix:" + folder + "/plain"}, ExitCode::kUnreachable)
                .find("nobody serves"),
            std::string::npos);

  EXPECT_EQ(std::system(("rm -rf '" + folder + "'").c_str()), 0);
}

TEST(ConnectionTest, TcpNeverGoesWithoutTlsAndToken) {
  EXPECT_NE(ProblemOf({.control = "127.0.0.1:1"}, ExitCode::kUsage).find("--tls-ca"),
            std::string::npos);
  EXPECT_NE(
      ProblemOf({.control = "127.0.0.1:1", .token_file = "/x"}, ExitCode::kUsage).find("--tls-ca"),
      std::string::npos);
  EXPECT_NE(ProblemOf({.control = "127.0.0.1:1", .token_file = "/no/token", .tls_ca = "/no/ca"},
                      ExitCode::kUsage)
                .find("/no/token"),
            std::string::npos);
}

class TcpFiles : public ::testing::Test {
 protected:
  TcpFiles() {
    char pattern[] = "/tmp/p2pctl-connection-XXXXXX";
    folder_ = mkdtemp(pattern);
    Write("token", std::string(64, 'a') + "\n");
    // The outer shape of a certificate and nothing in it.
    std::string der(260, '\0');
    der.replace(0, 4, "\x30\x82\x01\x00", 4);
    Write("pem", Pem(der));
  }
  ~TcpFiles() override { EXPECT_EQ(std::system(("rm -rf '" + folder_ + "'").c_str()), 0); }
  static std::string Pem(const std::string& der) {
    return "-----BEGIN CERTIFICATE-----\n" + absl::Base64Escape(der) +
           "\n-----END CERTIFICATE-----\n";
  }
  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ + "/" + name) << content;
    EXPECT_EQ(chmod((folder_ + "/" + name).c_str(), 0600), 0);
    return folder_ + "/" + name;
  }
  std::string With(const std::string& token, const std::string& ca, ExitCode code) {
    return ProblemOf({.control = "127.0.0.1:1",
                      .token_file = folder_ + "/" + token,
                      .tls_ca = folder_ + "/" + ca},
                     code);
  }
  std::string folder_;
};

TEST_F(TcpFiles, WhatIsNoCertificateIsAMistakeNamedInOneLine) {
  Write("text", "this is no certificate\n");
  Write("empty", "");
  Write("short", Pem("abcdef"));
  Write("cut", Pem(std::string("\x30\x82\x01\x00", 4) + std::string(200, 'x')));
  ::testing::internal::CaptureStderr();
  for (const std::string name : {"text", "empty", "short", "cut", "."}) {
    const std::string said = With("token", name, ExitCode::kUsage);
    EXPECT_NE(said.find("--tls-ca: "), std::string::npos) << name;
    EXPECT_NE(said.find(folder_ + "/" + name), std::string::npos) << said;
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "gRPC says nothing of its own";
}

TEST_F(TcpFiles, WhatIsNoTokenIsAMistake) {
  Write("empty", "\n");
  Write("words", "two words\n");
  for (const std::string name : {"empty", "words"}) {
    const std::string said = With(name, "pem", ExitCode::kUsage);
    EXPECT_NE(said.find(folder_ + "/" + name), std::string::npos) << said;
  }
}

TEST_F(TcpFiles, ATokenThatOthersMayReadIsAMistake) {
  ASSERT_EQ(chmod((folder_ + "/token").c_str(), 0644), 0);
  EXPECT_NE(With("token", "pem", ExitCode::kUsage).find("run chmod 600 " + folder_ + "/token"),
            std::string::npos);
}

TEST_F(TcpFiles, PlacesThatCannotBeAreMistakes) {
  for (const char* target :
       {"rubbish", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:port", ":1", "a:b:1",
        "unix-abstract:x", "dns:///x:1", "unix:"}) {
    EXPECT_NE(
        ProblemOf({.control = target, .token_file = folder_ + "/token", .tls_ca = folder_ + "/pem"},
                  ExitCode::kUsage)
            .find(target),
        std::string::npos)
        << target;
  }
}

}  // namespace
}  // namespace p2pd::clients
