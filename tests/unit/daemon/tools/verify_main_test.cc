// Runs the program itself: what verify.cc does is tested beside this.
#include <sys/wait.h>

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::daemon {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ProgramTest : public testing::Test {
 protected:
  // Exit code; what was printed is in out_ and err_.
  int Run(const std::string& arguments) {
    const int status = std::system(
        absl::StrCat("cd ", files_.folder(), " && ", P2PD_VERIFY, " ", arguments, " >out 2>err")
            .c_str());
    out_ = ToText(files_.Read("out"));
    err_ = ToText(files_.Read("err"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pki::OpensslTool files_;  // its folder
  std::string out_;
  std::string err_;
};

TEST_F(ProgramTest, ExitsAsTheContractSays) {
  pki::TestCa ca;
  const pki::Person alice = ca.MakePerson("alice@example.org");
  files_.Write("root", AsBytes(ca.root.ToPem()));
  files_.Write("leaf", AsBytes(alice.certificate.ToPem()));
  const std::string at = "--at 2026-11-21T00:00:00Z ";
  EXPECT_EQ(Run(at + "--root root --email alice@example.org leaf"), 0) << err_;
  EXPECT_THAT(out_, StartsWith("VALID\n"));
  EXPECT_THAT(err_, IsEmpty());
  EXPECT_EQ(Run(at + "--root root --email bob@example.org leaf"), 1);
  EXPECT_THAT(out_, StartsWith("INVALID WRONG_EMAIL"));
  EXPECT_EQ(Run("--at 1999-01-01T00:00:00Z --root root leaf"), 1);
  EXPECT_THAT(out_, StartsWith("INVALID NOT_YET_VALID"));
}

TEST_F(ProgramTest, UsageIsTwoAndSaysWhatIsWrong) {
  for (const char* arguments : {"", "--at yesterday x", "--nonsense x", "missing", "a b"}) {
    EXPECT_EQ(Run(arguments), 2) << arguments;
    EXPECT_THAT(out_, IsEmpty());
    EXPECT_FALSE(err_.empty()) << arguments;
  }
  EXPECT_EQ(Run("--help"), 0);
  EXPECT_THAT(out_, HasSubstr("--root"));
}

}  // namespace
}  // namespace p2pd::daemon
