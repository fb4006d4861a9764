#include "daemon/quantities.h"

#include <gtest/gtest.h>

namespace p2pd::daemon {
namespace {

TEST(Spans, AreReadAndWritten) {
  EXPECT_EQ(ParseSpan("500ms").value(), absl::Milliseconds(500));
  EXPECT_EQ(ParseSpan("90s").value(), absl::Seconds(90));
  EXPECT_EQ(ParseSpan("5min").value(), absl::Minutes(5));
  EXPECT_EQ(ParseSpan("2h").value(), absl::Hours(2));
  EXPECT_EQ(ParseSpan("7d").value(), absl::Hours(168));
  EXPECT_EQ(PrintSpan(absl::Seconds(90)), "90s");
  EXPECT_EQ(PrintSpan(absl::Minutes(5)), "5min");
  EXPECT_EQ(PrintSpan(absl::Milliseconds(1500)), "1500ms");
  for (const absl::string_view text :
       {"", "5", "min", "-5s", "1.5h", "5 min", "999999999d", "5m"}) {
    EXPECT_FALSE(ParseSpan(text).ok()) << text;
  }
}

TEST(Sizes, AreReadAndWritten) {
  EXPECT_EQ(ParseSize("4096").value(), 4096u);
  EXPECT_EQ(ParseSize("64KiB").value(), 65536u);
  EXPECT_EQ(ParseSize("2GiB").value(), size_t{2} << 30);
  EXPECT_EQ(ParseSize("3MB").value(), 3'000'000u);
  EXPECT_EQ(ParseSize("2TiB").value(), size_t{2} << 40);
  EXPECT_EQ(ParseSize("20TB").value(), 20'000'000'000'000u);
  EXPECT_EQ(PrintSize(size_t{256} << 20), "256MiB");
  EXPECT_EQ(PrintSize(size_t{3} << 40), "3TiB");
  EXPECT_EQ(PrintSize(1000), "1000");
  for (const absl::string_view text :
       {"", "MiB", "-1", "1.5GiB", "2PiB", "99999999999999999999", "1025TiB"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(Hours, AreTwoTimesOfADay) {
  EXPECT_EQ(*ParseHours("22:00-07:30"), std::pair(22 * 60, 7 * 60 + 30));
  EXPECT_EQ(*ParseHours("00:00-24:00"), std::pair(0, 0));
  EXPECT_EQ(PrintHours(22 * 60, 7 * 60 + 30), "22:00-07:30");
  for (const char* text : {"", "22:00", "22:00-", "7:00-8:00", "22-07", "24:01-07:00",
                           "22:60-07:00", "22:00-07:00-", "aa:bb-cc:dd"}) {
    EXPECT_FALSE(ParseHours(text).ok()) << text;
  }
}

}  // namespace
}  // namespace p2pd::daemon
