#include "clients/cli/progress.h"

#include <gtest/gtest.h>

namespace p2pd::cli {
namespace {

TEST(ProgressText, ABarWherePlaceIs) {
  EXPECT_EQ(ProgressText(0, "x", 24), "[------------]   0 %  x");
  EXPECT_EQ(ProgressText(0.5, "words", 21), "[##---]  50 %  words");
  EXPECT_EQ(ProgressText(1, "x", 200).substr(0, 42), "[" + std::string(40, '#') + "]");
}

TEST(ProgressText, AllIsAHundredPercentAndNothingLess) {
  EXPECT_EQ(ProgressText(0.9999, "x", 24), "[###########-]  99 %  x");
  EXPECT_EQ(ProgressText(7, "x", 24), "[############] 100 %  x");
  EXPECT_EQ(ProgressText(-1, "x", 24), "[------------]   0 %  x");
}

TEST(ProgressText, WordsAloneWhereItIsNarrow) {
  EXPECT_EQ(ProgressText(0.5, "some words", 15), "some words");
  EXPECT_EQ(ProgressText(0.5, "some words", 5), "some");
  EXPECT_EQ(ProgressText(0.5, "some words", 0), "");
}

TEST(ProgressLine, IsSilentWhereNobodyLooks) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line;
    EXPECT_FALSE(line.visible());
    line.Show(0.5, "words");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace p2pd::cli
