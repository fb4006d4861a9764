#include "libcore/archive/lt/io_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

namespace p2pd::archive::lt {
namespace {

TEST(IoThreads, ALaneKeepsItsOrder) {
  std::vector<int> done;
  {
    IoThreads threads(3);
    for (int i = 0; i < 1000; ++i) threads.Push(7, [&done, i] { done.push_back(i); });
  }
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(done, expected);
}

TEST(IoThreads, DrainWaitsForAllLanesAndJobsMayPushJobs) {
  std::atomic<int> done = 0;
  IoThreads threads(2);
  for (uint64_t i = 0; i < 100; ++i) threads.Push(i, [&] { ++done; });
  threads.PushKeep([&] { ++done; });
  threads.Drain();
  EXPECT_EQ(done, 101);
  threads.Push(1, [&] { threads.Push(1, [&] { ++done; }); });
  threads.Drain();
  EXPECT_EQ(done, 102);
}

}  // namespace
}  // namespace p2pd::archive::lt
