#include "clients/cli/command_line.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

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

TEST(CommandLine, AnUnknownCommandIsNamedWithItsGroup) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> table = {
      {{"message", "list"}, "there is no command message yet;"},
      {{"group", "status"}, "there is no command group yet;"},
      {{"call", "forward", "00ff", "y@z.org"}, "there is no command call forward;"},
      {{"overlay", "nonsense", "--ttl", "1h"}, "there is no command overlay nonsense;"},
      {{"nonsense"}, "there is no command nonsense;"},
  };
  for (const auto& [arguments, said] : table) {
    const Outcome outcome = RunTool(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
  }
}

TEST(CommandLine, AnAnswerThatCannotBePrintedIsAFailure) {
  const int before = dup(STDOUT_FILENO);
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  ::testing::internal::CaptureStderr();
  char name[] = "p2pctl";
  char help[] = "--help";
  char* argv[] = {name, help};
  std::fflush(stdout);
  dup2(full, STDOUT_FILENO);

  const int code = RunCommandLine(2, argv);

  dup2(before, STDOUT_FILENO);
  close(before);
  close(full);
  EXPECT_EQ(code, 1);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "p2pctl: cannot write the answer to standard output: No space left on device\n");
}

class Doors : public WithFakeDaemon {};

TEST_F(Doors, FlagsOfTheConnectionMayStandBehindTheCommand) {
  EXPECT_EQ(RunTool({"status", "--control", control_}).code, 0);
}

}  // namespace
}  // namespace p2pd::cli
