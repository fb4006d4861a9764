#include "libcore/archive/catalogue/escape.h"

#include <gtest/gtest.h>

namespace p2pd::archive::catalogue {
namespace {

constexpr char kBad[] = "\xef\xbf\xbd";

TEST(Escape, MarkupStaysText) {
  EXPECT_EQ(Markup("<a href=\"x\">'&amp;"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;");
  EXPECT_EQ(Markup("Grüße, 世界 😀\t\n"), "Grüße, 世界 😀\t\n");
}

TEST(Escape, WhatIsNoTextIsReplaced) {
  const std::string bad = kBad;
  const std::pair<std::string, std::string> rows[] = {
      {std::string("a\0b", 3), "a" + bad + "b"},
      {"\x1b[31m", bad + "[31m"},
      {"\xff", bad},
      {"\xc0\xaf", bad + bad},            // an overlong slash
      {"\xed\xa0\x80", bad + bad + bad},  // half of a surrogate pair
      {"\xf4\x90\x80\x80", bad + bad + bad + bad},
      {"\xe4\xb8", bad + bad},  // cut off
      {"\xe2\x80\xae"
       "x",
       bad + "x"},            // right to left from here
      {"\xef\xbf\xbe", bad},  // U+FFFE is no character of XML
      {"\xc2\x85", bad},
  };
  for (const auto& [text, plain] : rows) {
    EXPECT_EQ(PlainText(text), plain);
    EXPECT_EQ(Markup(text), plain);
    EXPECT_FALSE(IsPlainText(text));
  }
  EXPECT_TRUE(IsPlainText("Grüße"));
  EXPECT_TRUE(IsPlainText(""));
}

TEST(Escape, JsonStaysAString) {
  EXPECT_EQ(JsonString("a\"b\\c\n</script>&"),
            "\"a\\u0022b\\u005cc\\u000a\\u003c/script\\u003e\\u0026\"");
  EXPECT_EQ(JsonString("ü\xff"), std::string("\"ü") + kBad + "\"");
}

}  // namespace
}  // namespace p2pd::archive::catalogue
