#include "libcore/base/resume_token.h"

#include <gtest/gtest.h>

namespace p2pd {
namespace {

TEST(ResumeToken, IsReadByTheRunThatWroteIt) {
  EXPECT_EQ(ReadResumeToken(7, WriteResumeToken(7, 0)), 0u);
  EXPECT_EQ(ReadResumeToken(UINT64_MAX, WriteResumeToken(UINT64_MAX, UINT64_MAX)), UINT64_MAX);
  EXPECT_EQ(ReadResumeToken(8, WriteResumeToken(7, 5)), std::nullopt);
}

TEST(ResumeToken, WhatIsNoneIsRefused) {
  for (const char* text : {"", "7", "7-", "-5", "7-5-", "7--5", "7-x", "7-18446744073709551616"}) {
    EXPECT_EQ(ReadResumeToken(7, text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace p2pd
