#include "daemon/services/page.h"

#include <gtest/gtest.h>

#include <numeric>

namespace p2pd::daemon {
namespace {

std::vector<int> Numbers(int count) {
  std::vector<int> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

TEST(Pages, TogetherAreTheWholeList) {
  std::vector<int> seen;
  std::string token;
  int pages = 0;
  do {
    const auto page = PageOf(Numbers(25), 10, token);
    ASSERT_TRUE(page.ok());
    seen.insert(seen.end(), page->items.begin(), page->items.end());
    token = page->next_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(seen, Numbers(25));
  EXPECT_EQ(pages, 3);
}

TEST(Pages, HaveADefaultAndAMaximum) {
  EXPECT_EQ(PageOf(Numbers(500), 0, "")->items.size(), 100u);
  EXPECT_EQ(PageOf(Numbers(5000), 4000, "")->items.size(), 1000u);
  EXPECT_TRUE(PageOf(Numbers(100), 0, "")->next_token.empty());
}

TEST(Pages, RefuseATokenOfAnotherKindAndForgiveAShrunkList) {
  EXPECT_FALSE(PageOf(Numbers(5), 0, "x").ok());
  EXPECT_FALSE(PageOf(Numbers(5), 0, "-1").ok());
  EXPECT_FALSE(PageOf(Numbers(5), -1, "").ok());
  const auto page = PageOf(Numbers(5), 2, "99");
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->items.empty());
  EXPECT_TRUE(page->next_token.empty());
}

}  // namespace
}  // namespace p2pd::daemon
