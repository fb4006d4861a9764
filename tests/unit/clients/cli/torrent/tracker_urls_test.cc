#include "clients/cli/torrent/tracker_urls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::cli {
namespace {

using ::testing::HasSubstr;

TEST(TrackerUrls, TheFirstThatIsNoneIsNamed) {
  EXPECT_TRUE(CheckTrackers({}).ok());
  EXPECT_TRUE(
      CheckTrackers({"http://a.example/announce", "https://a.example", "udp://b.example:6969"})
          .ok());
  const absl::Status wrong =
      CheckTrackers({"http://a.example/announce", "ftp://b.example", "c.example"});
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("'ftp://b.example' is no tracker"));
}

}  // namespace
}  // namespace p2pd::cli
