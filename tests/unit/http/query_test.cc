#include "libcore/http/query.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::http {
namespace {

TEST(PercentDecode, NeedsTwoDigits) {
  EXPECT_EQ(PercentDecode("a%41%6a%6A"), "aAjj");
  EXPECT_EQ(PercentDecode("%00")->size(), 1u);
  for (const absl::string_view text : {"%", "%4", "%4g", "%g4", "a%"}) {
    EXPECT_FALSE(PercentDecode(text).has_value()) << text;
  }
}

TEST(PercentEncode, IsUndone) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentEncode("a b&c/ü~"), "a%20b%26c%2F%C3%BC~");
}

TEST(Query, ReadsAForm) {
  const auto query = Query::Parse("q=one+two%26three&&sort=&x");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->Get("q"), "one two&three");
  EXPECT_TRUE(query->Has("sort"));
  EXPECT_TRUE(query->Has("x"));
  EXPECT_EQ(query->Get("nothing"), "");
  EXPECT_EQ(query->values().size(), 3u);
}

TEST(Query, RefusesWhatIsReadInTwoWays) {
  std::string many;
  for (size_t i = 0; i <= Query::kMaxParameters; ++i) absl::StrAppend(&many, "a", i, "=1&");
  for (const std::string& text : {std::string("a=1&a=2"), std::string("a=%"), std::string("%zz=1"),
                                  std::string("a=%00"), std::string("%61=1&a=2"), many}) {
    EXPECT_FALSE(Query::Parse(text).has_value()) << text;
  }
}

TEST(Query, NumbersAreDigitsWithinTheirRange) {
  const auto query = *Query::Parse("a=7&b=&c=-1&d=1x&e=99999999999999999999&f=+1&g=0");
  EXPECT_EQ(query.Number("a", 1, 1, 7), 7u);
  EXPECT_EQ(query.Number("b", 3, 1, 7), 3u);
  EXPECT_EQ(query.Number("none", 3, 1, 7), 3u);
  EXPECT_FALSE(query.Number("a", 1, 1, 6).has_value());
  for (const absl::string_view name : {"c", "d", "e", "f", "g"}) {
    EXPECT_FALSE(query.Number(name, 1, 1, 7).has_value()) << name;
  }
}

}  // namespace
}  // namespace p2pd::http
