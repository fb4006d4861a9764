#include "clients/common/harmless.h"

#include <gtest/gtest.h>

namespace p2pd::clients {
namespace {

TEST(Harmless, LeavesWhatIsText) {
  for (const char* text : {"", "speech", "Größe 5 €, 日本 \U0001f4be", "a\\b", " two  blanks "}) {
    EXPECT_EQ(Harmless(text), text);
  }
}

TEST(Harmless, WhatATerminalWouldObeyIsWrittenOut) {
  EXPECT_EQ(Harmless("\x1b]0;pwned\x07\x1b[2J\nlooks ok"), "\\x1b]0;pwned\\x07\\x1b[2J looks ok");
  EXPECT_EQ(Harmless(absl::string_view("a\0b\x7f", 4)), "a\\x00b\\x7f");
  // CSI of C1, as UTF-8 and as the byte that 8-bit terminals take.
  EXPECT_EQ(Harmless("\xc2\x9b"
                     "2J"),
            "\\xc2\\x9b2J");
  EXPECT_EQ(Harmless("\x9b"
                     "2J"),
            "\\x9b2J");
  EXPECT_EQ(Harmless("\u202egpj.exe"), "\\xe2\\x80\\xaegpj.exe");
  EXPECT_EQ(Harmless("\u2066\u061c"), "\\xe2\\x81\\xa6\\xd8\\x9c");
  EXPECT_EQ(Harmless("a\r\n\tb"), "a   b");
}

TEST(Harmless, WhatIsNoUtf8IsNoText) {
  EXPECT_EQ(Harmless("\xff"), "\\xff");
  EXPECT_EQ(Harmless("\xc0\x9b"), "\\xc0\\x9b");           // overlong
  EXPECT_EQ(Harmless("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");  // the same
  EXPECT_EQ(Harmless("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(Harmless("\xe2\x82"), "\\xe2\\x82");           // broken off
  EXPECT_EQ(Harmless("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

}  // namespace
}  // namespace p2pd::clients
