#include "libcore/archive/catalogue/words.h"

#include <gtest/gtest.h>

#include "tests/unit/archive/catalogue/fixture.h"

namespace p2pd::archive::catalogue {
namespace {

TEST(Words, Sizes) {
  EXPECT_EQ(SizeText(0), "0 bytes");
  EXPECT_EQ(SizeText(1), "1 byte");
  EXPECT_EQ(SizeText(1023), "1023 bytes");
  EXPECT_EQ(SizeText(1024), "1.0 KiB");
  EXPECT_EQ(SizeText(1000 << 10), "1.0 MiB");
  EXPECT_EQ(SizeText(964'540'000), "920 MiB");
  EXPECT_EQ(SizeText(uint64_t{5000} << 40), "5000 TiB");
}

TEST(Words, NoCopyIsWholeBeforeItIs) {
  EXPECT_EQ(NumberText({1, 8000}), "1.8");
  EXPECT_EQ(NumberText({0, 9999}), "0.999");
  EXPECT_EQ(NumberText({10, 0}), "10");
  EXPECT_EQ(NumberText({0, 0}), "0");
  EXPECT_EQ(NumberText({2, 100}), "2.01");
  EXPECT_EQ(ShareText(999, 1000), "99 %");
  EXPECT_EQ(ShareText(1000, 1000), "100 %");
  EXPECT_EQ(ShareText(0, 0), "0 %");
}

TEST(Words, Times) {
  const absl::Time time = absl::FromUnixSeconds(1'795'354'200);
  EXPECT_EQ(TimeText(time), "2026-11-22 13:30 UTC");
  EXPECT_EQ(MachineTime(time), "2026-11-22T13:30:00Z");
  EXPECT_EQ(MailTime(time), "Sun, 22 Nov 2026 13:30:00 +0000");
}

TEST(Words, HealthIsWhatTheDownloaderGets) {
  TorrentSummary summary = MakeSummary(1, "a");
  EXPECT_EQ(HealthOf(summary), Health::kOnArchives);
  summary.organic = {1, 0};
  EXPECT_EQ(HealthOf(summary), Health::kHealthy);
  summary.total = {0, 9999};
  EXPECT_EQ(HealthOf(summary), Health::kIncomplete);
  summary.state = TorrentState::kMetadata;
  EXPECT_EQ(HealthOf(summary), Health::kUnknown);
  summary.state = TorrentState::kArchived;
  summary.pieces = 0;
  EXPECT_EQ(HealthOf(summary), Health::kUnknown);
}

}  // namespace
}  // namespace p2pd::archive::catalogue
