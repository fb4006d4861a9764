#include "libcore/archive/intake/feed_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

namespace p2pd::archive::intake {
namespace {

absl::StatusOr<FeedFilter> Parse(absl::string_view text) {
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  return FeedFilter::Parse(words);
}

TEST(FeedFilter, TakesByWordsAndSize) {
  struct Row {
    const char* filter;
    const char* title;
    std::optional<uint64_t> size;
    bool taken;
  };
  const Row kRows[] = {
      {"", "anything", std::nullopt, true},
      {"ubuntu", "Ubuntu 24.04 desktop", std::nullopt, true},
      {"ubuntu", "Debian 12", std::nullopt, false},
      {"ubuntu|debian", "Debian 12", std::nullopt, true},
      {"debian -beta", "Debian 13 BETA 2", std::nullopt, false},
      {"debian -beta|rc", "Debian 13 rc 2", std::nullopt, false},
      {"debian 12", "Debian 12.4", std::nullopt, true},
      {">1KiB", "a", 1025, true},
      {">1KiB", "a", 1024, false},
      {">1KiB", "a", std::nullopt, false},
      {"<2MiB >1", "a", 2 << 20, false},
      {"<2MiB >1", "a", (2 << 20) - 1, true},
      {"-a", "", std::nullopt, true},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Parse(row.filter)->Takes(row.title, row.size), row.taken)
        << row.filter << " of " << row.title;
  }
}

TEST(FeedFilter, WhatIsNoneIsNamed) {
  for (const char* text : {"-", "a||b", "|", ">", "<fast", ">-1", ">1MB", ">99999999999TiB"}) {
    const auto filter = Parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(filter.status())) << text;
    EXPECT_THAT(std::string(filter.status().message()), ::testing::HasSubstr(text));
  }
  const std::vector<absl::string_view> many(FeedFilter::kMaxWords + 1, "a");
  EXPECT_TRUE(absl::IsInvalidArgument(FeedFilter::Parse(many).status()));
}

}  // namespace
}  // namespace p2pd::archive::intake
