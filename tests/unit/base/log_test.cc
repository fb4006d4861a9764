#include "libcore/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// Puts the level back, since it belongs to the process.
class Log : public ::testing::Test {
 protected:
  void TearDown() override { SetLogLevel(LogLevel::kInfo); }
};

TEST_F(Log, LevelsHaveTheNamesOfTheConfiguration) {
  EXPECT_EQ(ParseLogLevel("trace"), LogLevel::kTrace);
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("info"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("warn"), LogLevel::kWarn);
  EXPECT_EQ(ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(ParseLogLevel("off"), LogLevel::kOff);
  for (const absl::string_view name : {"", "Info", "warning", "info ", "3"}) {
    EXPECT_EQ(ParseLogLevel(name), std::nullopt) << name;
  }
}

TEST_F(Log, EachLevelSilencesWhatLiesBelow) {
  constexpr LogLevel kAll[] = {LogLevel::kTrace, LogLevel::kDebug, LogLevel::kInfo,
                               LogLevel::kWarn,  LogLevel::kError, LogLevel::kOff};
  for (const LogLevel set : kAll) {
    SetLogLevel(set);
    for (const LogLevel asked : kAll) {
      if (asked == LogLevel::kOff) continue;
      EXPECT_EQ(LogEnabled(asked), asked >= set);
    }
  }
}

TEST_F(Log, PartsAreNotEvaluatedWhenTheLevelIsOff) {
  int evaluated = 0;

  P2PD_LOG(base, kDebug, ++evaluated);
  CaptureStderr();
  P2PD_LOG(base, kWarn, ++evaluated);
  GetCapturedStderr();

  EXPECT_EQ(evaluated, 1);
}

TEST_F(Log, ALineHasTimeLevelModuleAndText) {
  CaptureStderr();

  P2PD_LOG(overlay, kInfo, "joined after ", 3, " hops");

  EXPECT_THAT(GetCapturedStderr(),
              ContainsRegex("^[0-9-]*T[0-9:.]*Z info overlay: joined after 3 hops\n$"));
}

TEST_F(Log, TextCannotForgeALineOrTalkToTheTerminal) {
  CaptureStderr();

  P2PD_LOG(base, kWarn, "name \"a\n2026 error base: {} forged\r\x1b[2J\"");

  const std::string line = GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr("a\\x0a2026 error base: {} forged\\x0d\\x1b[2J"));
}

}  // namespace
}  // namespace p2pd
