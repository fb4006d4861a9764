#include "libcore/archive/catalogue/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/archive/catalogue/fixture.h"

namespace p2pd::archive::catalogue {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> NamesOf(const Found& found) {
  std::vector<std::string> out;
  for (const TorrentSummary* summary : found.shown) out.push_back(summary->name);
  return out;
}

class IndexTest : public ::testing::Test {
 protected:
  static std::vector<TorrentSummary> Summaries() {
    std::vector<TorrentSummary> out = {MakeSummary(1, "d"), MakeSummary(2, "c"),
                                       MakeSummary(3, "b"), MakeSummary(4, "a"),
                                       MakeSummary(5, "e")};
    out[0].organic = {1, 0};
    out[0].total = {2, 0};
    out[1].total = {0, 5000};
    out[2].organic = {0, 1000};
    out[4].is_private = true;
    return out;
  }
  // Finds all that is asked for by number, and counts how often.
  Found Find(const Search& search) {
    return index_.Find(search, [this](const std::string& text) {
      ++asked_;
      std::vector<torrent::InfoHash> out;
      for (const char c : text) out.push_back(HashNumber(static_cast<uint8_t>(c - '0')));
      return out;
    });
  }

  Index index_{Summaries(), false};
  int asked_ = 0;
};

TEST_F(IndexTest, Sorts) {
  EXPECT_THAT(NamesOf(Find({.sort = Sort::kNewest})), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(NamesOf(Find({.sort = Sort::kName})), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(NamesOf(Find({.sort = Sort::kSize})), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(NamesOf(Find({.sort = Sort::kNeed})), ElementsAre("c", "a", "b", "d"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(IndexTest, ShowsAWindow) {
  const Found found = Find({.sort = Sort::kName, .offset = 1, .limit = 2});
  EXPECT_EQ(found.total, 4u);
  EXPECT_THAT(NamesOf(found), ElementsAre("b", "c"));
  EXPECT_TRUE(Find({.offset = 1'000'000}).shown.empty());
}

TEST_F(IndexTest, SearchesKeepTheirOrderAndAreRemembered) {
  // 5 is private, 9 is not there.
  EXPECT_THAT(NamesOf(Find({.text = "2951", .sort = Sort::kRelevance})), ElementsAre("c", "d"));
  EXPECT_THAT(NamesOf(Find({.text = "2951", .sort = Sort::kNewest})), ElementsAre("c", "d"));
  EXPECT_THAT(NamesOf(Find({.text = "143", .sort = Sort::kName})), ElementsAre("a", "b", "d"));
  EXPECT_EQ(asked_, 2);
  for (int i = 0; i < 100; ++i) Find({.text = std::string(static_cast<size_t>(i), '1')});
  EXPECT_EQ(Find({.text = "2"}).total, 1u);
}

TEST_F(IndexTest, NeedIsWhatIsNotWholeWithoutArchives) {
  EXPECT_THAT(NamesOf(index_.InNeed({})), ElementsAre("c", "a", "b"));
  EXPECT_EQ(index_.in_need(), 3u);
  EXPECT_EQ(index_.InNeed({.offset = 2}).shown.size(), 1u);
}

TEST_F(IndexTest, PrivateOnesAreNotThere) {
  EXPECT_EQ(index_.size(), 4u);
  EXPECT_EQ(index_.bytes(), uint64_t{10} << 20);
  EXPECT_EQ(index_.Get(HashNumber(5)), nullptr);
  EXPECT_EQ(index_.Get(HashNumber(4))->name, "a");
  EXPECT_NE(Index(Summaries(), true).Get(HashNumber(5)), nullptr);
  EXPECT_EQ(Index().Get(HashNumber(1)), nullptr);
}

}  // namespace
}  // namespace p2pd::archive::catalogue
