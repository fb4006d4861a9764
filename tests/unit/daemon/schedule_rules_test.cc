#include "daemon/schedule_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

TEST(ScheduleRules, AreReadAndWritten) {
  const auto rule = ParseScheduleRule("mon-wed,sat 08:05-18:00 up=64KiB down=0").value();
  EXPECT_EQ(rule.days, 0b0100111);
  EXPECT_EQ(rule.from, 8 * 60 + 5);
  EXPECT_EQ(rule.to, 18 * 60);
  EXPECT_EQ(rule.up, 65'536u);
  EXPECT_EQ(rule.down, 0u);
  EXPECT_EQ(PrintScheduleRule(rule), "mon,tue,wed,sat 08:05-18:00 up=64KiB down=0");
  EXPECT_EQ(PrintScheduleRule(ParseScheduleRule("22:00-06:00  down=1MiB").value()),
            "22:00-06:00 down=1MiB");
  EXPECT_EQ(PrintScheduleRule(ParseScheduleRule("sun-mon 00:00-24:00 up=1KiB").value()),
            "mon,sun 00:00-00:00 up=1KiB");
}

TEST(ScheduleRules, WhatIsNoneIsNamed) {
  const std::pair<const char*, const char*> kRows[] = {
      {"", "names no hours"},
      {"mon", "names no hours"},
      {"monday 08:00-18:00 up=1KiB", "'monday' is no days"},
      {"mon- 08:00-18:00 up=1KiB", "is no days"},
      {"mon,,tue 08:00-18:00 up=1KiB", "is no days"},
      {"8:00-18:00 up=1KiB", "is no hours"},
      {"08:00 up=1KiB", "is no hours"},
      {"08:60-18:00 up=1KiB", "is no hours"},
      {"08:00-24:01 up=1KiB", "is no hours"},
      {"+8:00-18:00 up=1KiB", "is no hours"},
      {"08:00-18:00", "neither up=RATE nor down=RATE"},
      {"08:00-18:00 slots=4", "neither up=RATE nor down=RATE"},
      {"08:00-18:00 up=1KiB up=2KiB", "is there twice"},
      {"08:00-18:00 up=fast", "is no size"},
      {"08:00-18:00 up=1023", "less than 1KiB a second"},
  };
  for (const auto& [text, why] : kRows) {
    const auto rule = ParseScheduleRule(text);
    EXPECT_EQ(rule.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(rule.status().message()), HasSubstr(why)) << text;
  }
}

}  // namespace
}  // namespace p2pd::daemon
