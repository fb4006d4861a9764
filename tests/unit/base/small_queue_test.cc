#include "libcore/base/small_queue.h"

#include <gtest/gtest.h>

#include <deque>

#include "libcore/base/rng.h"

namespace p2pd {
namespace {

TEST(SmallQueue, DoesWhatADequeDoes) {
  SeededRng rng(1);
  SmallQueue<int> queue;
  std::deque<int> model;
  for (int i = 0; i < 20'000; ++i) {
    // Long stretches that grow and that shrink, so that it is empty and full in turn.
    const bool grow = rng.Below(10) < (i / 500 % 2 == 0 ? 7u : 3u);
    if (!grow && !model.empty()) {
      queue.pop_front();
      model.pop_front();
    } else if (rng.Below(4) == 0) {
      queue.push_front(i);
      model.push_front(i);
    } else {
      queue.push_back(i);
      model.push_back(i);
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
    if (!model.empty()) ASSERT_EQ(queue.front(), model.front());
    ASSERT_TRUE(std::equal(queue.begin(), queue.end(), model.begin(), model.end()));
  }
}

}  // namespace
}  // namespace p2pd
