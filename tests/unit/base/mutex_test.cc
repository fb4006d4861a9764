#include "libcore/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace p2pd {
namespace {

using Threads = std::vector<std::thread>;  // lint: allow(a lock is tested between threads)

TEST(Mutex, OneHolderAtATime) {
  constexpr int kRounds = 20000;
  Mutex mutex;
  int counter = 0;
  Threads threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        const MutexLock lock(&mutex);
        ++counter;
      }
    });
  }
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(counter, 4 * kRounds);
}

TEST(Mutex, AwaitReturnsWhenSomebodyMadeTheConditionTrue) {
  Mutex mutex;
  int ball = 0;
  const auto player = [&](int mine) {
    for (int i = 0; i < 500; ++i) {
      const MutexLock lock(&mutex);
      const auto my_turn = [&] { return ball % 2 == mine; };
      mutex.Await(absl::Condition(&my_turn));
      ++ball;
    }
  };
  Threads threads;
  threads.emplace_back(player, 0);
  threads.emplace_back(player, 1);
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(ball, 1000);
}

TEST(Mutex, EveryWaiterIsWoken) {
  Mutex mutex;
  bool open = false;
  int through = 0;
  Threads threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      const MutexLock lock(&mutex);
      mutex.Await(absl::Condition(&open));
      ++through;
    });
  }
  {
    const MutexLock lock(&mutex);
    open = true;
  }
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(through, 3);
}

TEST(Mutex, PatienceEnds) {
  Mutex mutex;
  bool never = false;
  bool already = true;
  const MutexLock lock(&mutex);

  EXPECT_FALSE(mutex.AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(1)));
  EXPECT_FALSE(mutex.AwaitWithTimeout(absl::Condition(&never), -absl::Seconds(1)));
  EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&already), absl::ZeroDuration()));
}

}  // namespace
}  // namespace p2pd
