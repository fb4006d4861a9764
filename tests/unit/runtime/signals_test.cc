#include "libcore/runtime/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

namespace p2pd::runtime {
namespace {

TEST(Signals, ArriveOnTheLoopInPlaceOfEndingTheProcess) {
  Loop loop;
  std::vector<int> seen;
  Signals signals(loop, {SIGTERM, SIGHUP}, [&](int number) {
    seen.push_back(number);
    if (seen.size() == 2) loop.Stop();
  });
  ASSERT_EQ(kill(getpid(), SIGTERM), 0);
  ASSERT_EQ(kill(getpid(), SIGHUP), 0);
  loop.Run();
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_NE(seen[0], seen[1]);
}

TEST(Signals, AWriteToNobodyIsAnErrorNotTheEnd) {
  Loop loop;
  Signals signals(loop, {SIGTERM}, [](int) {});
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace p2pd::runtime
