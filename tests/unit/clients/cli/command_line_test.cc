#include "clients/cli/command_line.h"

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

TEST(CommandLine, HelpAndVersionSucceed) {
  EXPECT_EQ(RunTool({"--help"}).code, 0);
  EXPECT_EQ(RunTool({"call", "dial", "--help"}).code, 0);
  EXPECT_EQ(RunTool({"--version"}).code, 0);
}

TEST(CommandLine, HelpNamesEveryGroup) {
  const std::string help = RunTool({"--help"}).out;

  for (const char* word :
       {"status", "shutdown", "events", "ca", "identity", "device", "trust", "login", "logout",
        "presence", "contact", "call", "overlay", "completion"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
}

TEST(CommandLine, MistakesAreUsageErrors) {
  const std::vector<std::vector<std::string>> table = {
      {},
      {"no-such-command"},
      {"call"},
      {"call", "dial"},
      {"contact", "add"},
      {"--output", "xml", "status"},
      {"--timeout", "0", "status"},
      {"ca", "issue", "DIR"},
      {"identity", "create", "--email", "a@b.org"},
      {"status", "surplus"},
      {"completion", "tcsh"},
  };
  for (const auto& arguments : table) {
    const Outcome outcome = RunTool(arguments);
    EXPECT_EQ(outcome.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_NE(outcome.err, "") << ::testing::PrintToString(arguments);
  }
}

class Doors : public WithFakeDaemon {};

TEST_F(Doors, FlagsOfTheConnectionMayStandBehindTheCommand) {
  EXPECT_EQ(RunTool({"status", "--control", control_}).code, 0);
}

}  // namespace
}  // namespace p2pd::cli
