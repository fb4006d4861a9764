#include "clients/cli/session.h"

#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

TEST(TableTest, ColumnsLineUpAndTheLastIsNotPadded) {
  Table table({"A", "LONG HEAD", "Z"});
  table.Row({"wide cell", "b", "c"});

  ::testing::internal::CaptureStdout();
  table.Print();

  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "A          LONG HEAD  Z\nwide cell  b          c\n");
}

TEST(SessionTest, IdentityNamesFollowAs) {
  const Session none({}, OutputFormat::kTable, "");
  const Session as({}, OutputFormat::kTable, "a@b.org");

  EXPECT_EQ(none.Identity(), "");
  EXPECT_EQ(as.Identity(), "identities/a@b.org");
  EXPECT_EQ(as.IdentityOr("c@d.org"), "identities/c@d.org");
  EXPECT_EQ(as.IdentityOr(""), "identities/a@b.org");
}

TEST(SessionTest, NoDaemonIsExitCodeThree) {
  const Outcome outcome = RunTool({"--control", "unix:/no/such/control.sock", "status"});

  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("/no/such/control.sock"), std::string::npos);
  EXPECT_NE(outcome.err.find("start p2pd"), std::string::npos);
}

}  // namespace
}  // namespace p2pd::cli
