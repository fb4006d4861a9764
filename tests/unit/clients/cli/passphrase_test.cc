#include "clients/cli/passphrase.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "gtest/gtest.h"

namespace p2pd::cli {
namespace {

class Passphrase : public ::testing::Test {
 protected:
  ~Passphrase() override {
    std::cin.rdbuf(before_);
    std::cin.clear();
    unsetenv("CREDENTIALS_DIRECTORY");
  }
  void Type(const std::string& text) {
    typed_.str(text);
    std::cin.rdbuf(typed_.rdbuf());
  }
  std::istringstream typed_;
  std::streambuf* before_ = std::cin.rdbuf();
  std::string problem_;
};

TEST_F(Passphrase, ComesFromStandardInputWhenAskedFor) {
  Type("sesame\nrest\n");

  EXPECT_EQ(AskPassphrase("?", {.from_stdin = true}, &problem_), "sesame");
}

TEST_F(Passphrase, AnEmptyInputIsAProblem) {
  Type("");

  EXPECT_FALSE(AskPassphrase("?", {.from_stdin = true}, &problem_).has_value());
  EXPECT_NE(problem_, "");
}

TEST_F(Passphrase, WithoutATerminalItSaysWhatToDo) {
  // Standard input of a test may be a terminal: take it away.
  const int kept = dup(STDIN_FILENO);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);

  EXPECT_FALSE(AskPassphrase("?", {}, &problem_).has_value());
  EXPECT_NE(problem_.find("--passphrase-stdin"), std::string::npos);

  dup2(kept, STDIN_FILENO);
  close(kept);
  close(null);
}

TEST_F(Passphrase, ACredentialOfTheServiceManagerWins) {
  char pattern[] = "/tmp/p2pctl-credential-XXXXXX";
  const std::string folder = mkdtemp(pattern);
  std::ofstream(folder + "/p2pd-passphrase") << "from systemd\n";
  setenv("CREDENTIALS_DIRECTORY", folder.c_str(), 1);
  Type("typed\n");

  EXPECT_EQ(AskPassphrase("?", {.from_stdin = true}, &problem_), "from systemd");

  unlink((folder + "/p2pd-passphrase").c_str());
  rmdir(folder.c_str());
}

TEST_F(Passphrase, IsWiped) {
  std::string passphrase = "a long passphrase that does not fit the small buffer";
  const char* data = passphrase.data();

  WipePassphrase(passphrase);

  EXPECT_TRUE(passphrase.empty());
  EXPECT_EQ(data[0], '\0');
}

}  // namespace
}  // namespace p2pd::cli
