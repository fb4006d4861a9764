#include "libcore/base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace p2pd {
namespace {

TEST(BoundedQueue, GivesBackInOrder) {
  BoundedQueue<int> queue(3);
  ASSERT_TRUE(queue.Push(1));
  ASSERT_TRUE(queue.Push(2));

  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueue, RefusesBeyondItsCapacityAndTakesAgainAfterAPop) {
  BoundedQueue<int> queue(2);
  ASSERT_TRUE(queue.Push(1));
  ASSERT_TRUE(queue.Push(2));

  EXPECT_FALSE(queue.Push(3));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_TRUE(queue.Push(4));
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), 4);
}

TEST(BoundedQueue, HoldsWhatCannotBeCopied) {
  BoundedQueue<std::unique_ptr<int>> queue(1);

  ASSERT_TRUE(queue.Push(std::make_unique<int>(7)));

  EXPECT_EQ(**queue.Pop(), 7);
}

TEST(BoundedQueue, LosesNothingBetweenThreads) {
  constexpr int kItems = 20000;
  constexpr int kPushers = 2;
  BoundedQueue<int> queue(16);
  std::vector<std::thread> pushers;  // lint: allow(the queue's purpose is to stand between threads)
  for (int p = 0; p < kPushers; ++p) {
    pushers.emplace_back([&queue] {
      for (int i = 1; i <= kItems; ++i) {
        while (!queue.Push(i)) std::this_thread::yield();
      }
    });
  }

  int64_t sum = 0;
  for (int taken = 0; taken < kPushers * kItems;) {
    if (const auto item = queue.Pop()) {
      sum += *item;
      ++taken;
    } else {
      std::this_thread::yield();
    }
  }

  for (auto& pusher : pushers) pusher.join();
  EXPECT_EQ(sum, int64_t{kPushers} * kItems * (kItems + 1) / 2);
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace p2pd
