#include "clients/common/connection.h"

#include <cstdlib>
#include <fstream>

#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

std::string ProblemOf(const ConnectionOptions& options, bool usage) {
  auto opened = Connection::Open(options);
  const auto* problem = std::get_if<ConnectionProblem>(&opened);
  if (problem == nullptr) return "";
  EXPECT_EQ(problem->usage, usage) << problem->text;
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
  EXPECT_NE(ProblemOf({.control = "unix:/no/such/socket"}, false).find("start p2pd"),
            std::string::npos);
}

TEST(ConnectionTest, ASocketThatNobodyServesIsUnreachable) {
  char pattern[] = "/tmp/p2pctl-connection-XXXXXX";
  const std::string folder = mkdtemp(pattern);
  std::ofstream(folder + "/plain") << "";

  EXPECT_NE(ProblemOf({.control = "unix:" + folder + "/plain"}, false).find("does not answer"),
            std::string::npos);

  EXPECT_EQ(std::system(("rm -rf '" + folder + "'").c_str()), 0);
}

TEST(ConnectionTest, TcpNeverGoesWithoutTlsAndToken) {
  EXPECT_NE(ProblemOf({.control = "127.0.0.1:1"}, true).find("--tls-ca"), std::string::npos);
  EXPECT_NE(ProblemOf({.control = "127.0.0.1:1", .token_file = "/x"}, true).find("--tls-ca"),
            std::string::npos);
  EXPECT_NE(
      ProblemOf({.control = "127.0.0.1:1", .token_file = "/no/token", .tls_ca = "/no/ca"}, true)
          .find("/no/token"),
      std::string::npos);
}

}  // namespace
}  // namespace p2pd::clients
