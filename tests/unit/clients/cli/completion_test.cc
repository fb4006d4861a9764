#include "clients/cli/completion.h"

#include <cstdlib>
#include <fstream>

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class Completion : public WithFakeDaemon {
 protected:
  // What bash offers for the words typed so far, the last one unfinished.
  std::string Offered(const std::string& words) {
    std::ofstream(Path("complete.bash"))
        << RunTool({"completion", "bash"}).out << "COMP_WORDS=(" << words << ")\n"
        << "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_p2pctl\necho \"${COMPREPLY[@]}\"\n";
    const std::string command = "bash " + Path("complete.bash") + " > " + Path("offered");
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream file(Path("offered"));
    std::string line;
    std::getline(file, line);
    return line;
  }
};

TEST_F(Completion, BashOffersCommandsSubcommandsAndOptions) {
  EXPECT_EQ(Offered("p2pctl ov"), "overlay");
  EXPECT_EQ(Offered("p2pctl call di"), "dial");
  EXPECT_EQ(Offered("p2pctl call dial --pl"), "--play");
  EXPECT_EQ(Offered("p2pctl --output json contact li"), "list");
  EXPECT_EQ(Offered("p2pctl nonsense"), "");
}

TEST_F(Completion, TheOtherShellsGetEveryCommandToo) {
  for (const char* shell : {"zsh", "fish"}) {
    const Outcome outcome = RunTool({"completion", shell});
    EXPECT_EQ(outcome.code, 0);
    for (const char* word : {"overlay", "trace", "dial", "--play"}) {
      const std::string spelled =
          std::string(shell) == "fish" && std::string(word) == "--play" ? "-l 'play'" : word;
      EXPECT_NE(outcome.out.find(spelled), std::string::npos) << shell << " " << word;
    }
  }
}

}  // namespace
}  // namespace p2pd::cli
