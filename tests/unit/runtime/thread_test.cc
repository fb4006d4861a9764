#include "libcore/runtime/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include "absl/synchronization/notification.h"

namespace p2pd::runtime {
namespace {

TEST(Thread, RunsUnderItsNameWithSignalsBlockedAndIsJoined) {
  absl::Notification named;
  std::string name(16, '\0');
  bool blocked = false;
  bool done = false;
  {
    Thread thread("p2pd-test", [&] {
      named.WaitForNotification();
      pthread_getname_np(pthread_self(), name.data(), name.size());
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1;
      done = true;
    });
    named.Notify();
  }
  EXPECT_TRUE(done);
  EXPECT_STREQ(name.c_str(), "p2pd-test");
  EXPECT_TRUE(blocked);
}

TEST(Thread, LeavesTheCallersSignalMaskAlone) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  {
    Thread thread("p2pd-test", [] {});
  }
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    EXPECT_EQ(sigismember(&before, number), sigismember(&after, number));
  }
}

TEST(ThreadDeathTest, RefusesANameThatTheKernelWouldCut) {
  EXPECT_DEATH(Thread("sixteen-letters!", [] {}), "check failed");
}

}  // namespace
}  // namespace p2pd::runtime
