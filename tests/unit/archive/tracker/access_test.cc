#include "libcore/archive/tracker/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

using ::testing::HasSubstr;

TEST(Access, EachModeHasItsRule) {
  Access access;
  access.denied.insert(HashNumber(1));
  access.allowed.insert(HashNumber(1));
  access.allowed.insert(HashNumber(2));
  access.keys.insert("0123456789abcdef");
  EXPECT_EQ(access.Judge(HashNumber(1), ""), Refusal::kDenied);
  EXPECT_EQ(access.Judge(HashNumber(3), ""), std::nullopt);
  access.mode = AccessMode::kAllowList;
  EXPECT_EQ(access.Judge(HashNumber(1), ""), Refusal::kDenied);
  EXPECT_EQ(access.Judge(HashNumber(2), ""), std::nullopt);
  EXPECT_EQ(access.Judge(HashNumber(3), ""), Refusal::kNotAllowed);
  access.mode = AccessMode::kKeys;
  EXPECT_EQ(access.Judge(HashNumber(3), ""), Refusal::kUnknownKey);
  EXPECT_EQ(access.Judge(HashNumber(3), "0123456789abcdee"), Refusal::kUnknownKey);
  EXPECT_EQ(access.Judge(HashNumber(3), "0123456789abcdef"), std::nullopt);
  EXPECT_EQ(access.Judge(HashNumber(1), "0123456789abcdef"), Refusal::kDenied);
  access.denied_by_archive.insert(HashNumber(3));
  EXPECT_EQ(access.Judge(HashNumber(3), "0123456789abcdef"), Refusal::kDenied);
}

TEST(Access, ListsAreReadByLine) {
  const auto hashes = ParseHashList(
      "# ours\n\n  0123456789abcdef0123456789ABCDEF01234567  # a comment\r\n", "allow.txt");
  ASSERT_TRUE(hashes.ok());
  EXPECT_EQ(hashes->size(), 1u);
  const auto bad = ParseHashList("\n0123\n", "allow.txt");
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("allow.txt:2: "));
  EXPECT_EQ(ParseKeyList("abcdefgh\nABC-_678\n", "keys")->size(), 2u);
  for (const absl::string_view key : {"short", "with/slash", "with space", "percent%41"}) {
    EXPECT_THAT(std::string(ParseKeyList(key, "keys").status().message()), HasSubstr("keys:1: "));
  }
}

TEST(AccessBoard, ShowsTheNewestByAnotherVersion) {
  AccessBoard board{Access()};
  const uint64_t before = board.version();
  const auto old = board.Get();
  Access next;
  next.denied.insert(HashNumber(1));
  board.Set(std::move(next));
  EXPECT_NE(board.version(), before);
  EXPECT_TRUE(old->denied.empty());
  EXPECT_EQ(board.Get()->denied.size(), 1u);
}

}  // namespace
}  // namespace p2pd::archive::tracker
