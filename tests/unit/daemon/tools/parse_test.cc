#include "daemon/tools/parse.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "libcore/base/file.h"

namespace p2pd::tools {
namespace {

// When the seeds of the corpora were made, so that they are valid.
const absl::Time kSeedTime = absl::FromCivil(absl::CivilDay(2026, 11, 21), absl::UTCTimeZone());

TEST(Parse, KindsAreSortedAndFound) {
  for (size_t i = 1; i < Kinds().size(); ++i) EXPECT_LT(Kinds()[i - 1].name, Kinds()[i].name);
  for (const Kind& kind : Kinds()) EXPECT_EQ(FindKind(kind.name), &kind);
  EXPECT_EQ(FindKind("nothing"), nullptr);
  EXPECT_EQ(FindKind(""), nullptr);
}

// Messages without a required field: no bytes at all are one of them.
const std::set<absl::string_view> kEmptyIsValid = {"overlay_frames", "presence_answer",
                                                   "presence_offer"};

TEST(Parse, NoKindAcceptsGarbage) {
  const Bytes garbage(300, 0xff);
  for (const Kind& kind : Kinds()) {
    EXPECT_EQ(kind.accepts(ByteView(), kSeedTime), kEmptyIsValid.count(kind.name) != 0)
        << kind.name;
    EXPECT_FALSE(kind.accepts(garbage, kSeedTime)) << kind.name;
  }
}

// Of the seeds of a fuzz target with the same name at least one is accepted.
TEST(Parse, AcceptsASeedOfEachFuzzTarget) {
  const std::filesystem::path corpora = P2PD_CORPUS;
  int compared = 0;
  for (const Kind& kind : Kinds()) {
    const std::filesystem::path folder = corpora / std::string(kind.name);
    if (!std::filesystem::exists(folder)) continue;
    ++compared;
    bool accepted = false;
    for (const auto& seed : std::filesystem::directory_iterator(folder)) {
      const auto bytes = ReadFile(seed.path().string(), size_t{1} << 20);
      ASSERT_TRUE(bytes.ok()) << bytes.status();
      accepted = kind.accepts(*bytes, kSeedTime) || accepted;
    }
    EXPECT_TRUE(accepted) << kind.name;
  }
  EXPECT_GT(compared, 10);
}

}  // namespace
}  // namespace p2pd::tools
