#include "clients/cli/format.h"

#include "gtest/gtest.h"

namespace p2pd::cli {
namespace {

google::protobuf::Duration Of(int64_t seconds, int32_t nanos = 0) {
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  duration.set_nanos(nanos);
  return duration;
}

TEST(Format, DurationsAreReadable) {
  EXPECT_EQ(Show(Of(0, 3'200'000)), "3.2 ms");
  EXPECT_EQ(Show(Of(12)), "12.0 s");
  EXPECT_EQ(Show(Of(1800)), "30 min");
  EXPECT_EQ(Show(Of(4 * 3600 + 180)), "4 h 3 min");
  EXPECT_EQ(Show(Of(10 * 86400)), "10 days");
}

TEST(Format, WordsOfEnums) {
  EXPECT_EQ(Show(v1::AVAILABILITY_AWAY), "away");
  EXPECT_EQ(Show(v1::AVAILABILITY_UNSPECIFIED), "unknown");
  EXPECT_EQ(Show(v1::Call::CERTIFICATE_WRONG_EMAIL), "certificate wrong email");
  EXPECT_EQ(LastWord("identities/a@b"), "a@b");
  EXPECT_EQ(LastWord("plain"), "plain");
}

TEST(Format, DurationsAreParsedOrRefused) {
  EXPECT_EQ(ParseDuration("10s")->seconds(), 10);
  EXPECT_EQ(ParseDuration("250ms")->nanos(), 250'000'000);
  EXPECT_EQ(ParseDuration("2min")->seconds(), 120);
  EXPECT_EQ(ParseDuration("1h30m")->seconds(), 5400);
  EXPECT_EQ(ParseDuration("7d")->seconds(), 7 * 86400);
  for (const char* text : {"", "10", "ten", "-5s", "401d", "5x", "inf"}) {
    EXPECT_FALSE(ParseDuration(text).has_value()) << text;
  }
}

TEST(Format, SizesAreParsedOrRefused) {
  EXPECT_EQ(ParseSize("256KiB"), 262'144u);
  EXPECT_EQ(ParseSize("1MiB"), 1'048'576u);
  EXPECT_EQ(ParseSize("2GiB"), 2'147'483'648u);
  EXPECT_EQ(ParseSize("2TiB"), uint64_t{2} << 40);
  EXPECT_EQ(ParseSize("16384"), 16'384u);
  for (const char* text :
       {"", "KiB", "1 KiB", "-1", "+1", "1.5MiB", "1KB", "12345678901", "9999999999TiB"}) {
    EXPECT_FALSE(ParseSize(text).has_value()) << text;
  }
}

TEST(Format, BytesAreReadable) {
  EXPECT_EQ(ShowBytes(0), "0 B");
  EXPECT_EQ(ShowBytes(999), "999 B");
  EXPECT_EQ(ShowBytes(1000), "1.0 kB");
  EXPECT_EQ(ShowBytes(964'540'000), "964.5 MB");
  EXPECT_EQ(ShowBytes(999'970), "1.0 MB");
  EXPECT_EQ(ShowBytes(5'000'000'000'000), "5.0 TB");
}

}  // namespace
}  // namespace p2pd::cli
