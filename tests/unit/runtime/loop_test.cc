#include "libcore/runtime/loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "libcore/runtime/thread.h"

namespace p2pd::runtime {
namespace {

TEST(Loop, RunsTasksInTheOrderTheyWerePosted) {
  Loop loop;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop.Post([&order, i] { order.push_back(i); }));
  ASSERT_TRUE(loop.Post([&loop] { loop.Stop(); }));
  loop.Run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Loop, TakesTasksThatOwnWhatTheyMove) {
  Loop loop;
  int seen = 0;
  auto owned = std::make_unique<int>(7);
  loop.PostAlways([&seen, &loop, owned = std::move(owned)] {
    seen = *owned;
    loop.Stop();
  });
  loop.Run();
  EXPECT_EQ(seen, 7);
}

TEST(Loop, RefusesAndCountsWhatIsMoreThanItsMaximum) {
  Loop loop;
  size_t ran = 0;
  for (size_t i = 0; i < Loop::kMaxPosted; ++i) ASSERT_TRUE(loop.Post([&ran] { ++ran; }));
  EXPECT_FALSE(loop.Post([&ran] { ++ran; }));
  EXPECT_EQ(loop.refused(), 1u);
  loop.PostAlways([&loop] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(ran, Loop::kMaxPosted);
}

TEST(Loop, PostWakesALoopThatRunsElsewhere) {
  Loop loop;
  bool ran = false;
  {
    Thread thread("p2pd-test", [&loop] { loop.Run(); });
    ASSERT_TRUE(loop.Post([&ran, &loop] {
      ran = true;
      loop.Stop();
    }));
  }
  EXPECT_TRUE(ran);
}

TEST(Loop, TasksThatNeverRanAreDestroyed) {
  auto token = std::make_shared<int>(1);
  {
    Loop loop;
    ASSERT_TRUE(loop.Post([token] { FAIL() << "must not run"; }));
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Timer, FiresNotBeforeItsTimeAndOnce) {
  Loop loop;
  int fired = 0;
  Instant fired_at;
  Timer timer(loop, [&] {
    ++fired;
    fired_at = loop.now();
    loop.PostAlways([&loop] { loop.Stop(); });
  });
  const Instant due = loop.now() + absl::Milliseconds(5);
  timer.Set(due);
  EXPECT_EQ(timer.at(), due);
  loop.Run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(fired_at, due);
  EXPECT_FALSE(timer.at().has_value());
}

TEST(Timer, TheLastSettingCounts) {
  Loop loop;
  std::vector<int> order;
  Timer replaced(loop, [&] { order.push_back(1); });
  Timer cancelled(loop, [&] { order.push_back(2); });
  Timer last(loop, [&] {
    order.push_back(3);
    loop.Stop();
  });
  const Instant start = loop.now();
  replaced.Set(start);
  replaced.Set(start + absl::Milliseconds(4));
  cancelled.Set(start);
  cancelled.Set(std::nullopt);
  last.Set(start + absl::Milliseconds(8));
  loop.Run();
  EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

TEST(Timer, MaySetItselfAgainFromItsCallback) {
  Loop loop;
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(loop, [&] {
    if (++fired < 3) {
      timer->Set(loop.now());
    } else {
      loop.Stop();
    }
  });
  timer->Set(loop.now());
  loop.Run();
  EXPECT_EQ(fired, 3);
}

TEST(Timer, MayBeDestroyedWhileItWaits) {
  Loop loop;
  auto timer = std::make_unique<Timer>(loop, [] { FAIL() << "must not fire"; });
  timer->Set(loop.now() + absl::Milliseconds(1));
  timer.reset();
  Timer stop(loop, [&loop] { loop.Stop(); });
  stop.Set(loop.now() + absl::Milliseconds(3));
  loop.Run();
}

TEST(ReadWatch, CallsBackUntilItIsDestroyedFromItsOwnCallback) {
  Loop loop;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_EQ(write(ends[1], "ab", 2), 2);
  int called = 0;
  std::unique_ptr<ReadWatch> watch;
  watch = std::make_unique<ReadWatch>(loop, ends[0], [&] {
    char byte = 0;
    ASSERT_EQ(read(ends[0], &byte, 1), 1);
    if (++called < 2) return;
    watch.reset();
    loop.PostAlways([&loop] { loop.Stop(); });
  });
  loop.Run();
  EXPECT_EQ(called, 2);
  // The watch did not close what it does not own.
  EXPECT_EQ(write(ends[1], "c", 1), 1);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace p2pd::runtime
