#include "libcore/archive/catalogue/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/archive/catalogue/fixture.h"

namespace p2pd::archive::catalogue {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HtmlTest : public ::testing::Test {
 protected:
  TorrentSummary hostile_ = MakeSummary(1, kHostile);
  Found found_{60, {&hostile_}};
};

TEST_F(HtmlTest, NothingOfATorrentOrASearchIsMarkup) {
  Detail detail = MakeDetail(hostile_);
  detail.comment = kHostile;
  detail.trouble = kHostile;
  for (const std::string& page :
       {SearchPage({.text = kHostile}, found_, {}), NeedPage({}, found_),
        ItemPage(detail, "magnet:?xt=\"><script>"), RefusalPage(400, kHostile)}) {
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("\x01")));
    EXPECT_THAT(page, Not(HasSubstr("\xe2\x80\xae")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
    EXPECT_EQ(page.find("</title>"), page.rfind("</title>", page.find("<svg")));
  }
}

TEST_F(HtmlTest, PagesAskNothingOfOthersAndRunNothing) {
  const std::string page = ItemPage(MakeDetail(MakeSummary(1, "a")), "magnet:?");
  for (const absl::string_view no : {" style=", " on", "src=", "@import", "url("}) {
    // " on" as the beginning of an attribute.
    EXPECT_THAT(page, Not(HasSubstr(absl::StrCat(no == " on" ? "\" onclick" : no)))) << no;
  }
  EXPECT_THAT(ContentSecurityPolicy(), HasSubstr("default-src 'none'; style-src 'sha256-"));
}

TEST_F(HtmlTest, ListsLeadToTheirNeighbours) {
  const std::string first = SearchPage({.text = "a b&c"}, found_, {});
  EXPECT_THAT(first, HasSubstr("href=\"/?q=a%20b%26c&amp;sort=newest&amp;page=2\""));
  EXPECT_THAT(first, Not(HasSubstr("rel=\"prev\"")));
  EXPECT_THAT(first, HasSubstr("Page 1 of 3"));
  EXPECT_THAT(first, HasSubstr("href=\"/rss?q=a%20b%26c\""));
  const std::string last = NeedPage({.offset = 50}, found_);
  EXPECT_THAT(last, HasSubstr("href=\"/in-need?page=2\""));
  EXPECT_THAT(last, Not(HasSubstr("rel=\"next\"")));
  // Beyond the end there is a way back.
  EXPECT_THAT(NeedPage({.offset = 2500}, {60, {}}), HasSubstr("href=\"/in-need?page=3\""));
}

TEST_F(HtmlTest, AnItemExplainsItself) {
  TorrentSummary summary = MakeSummary(1, "a");
  summary.total = {1, 8000};
  summary.peers = 3;
  summary.seeds = 1;
  Detail detail = MakeDetail(summary);
  detail.members = 2;
  const std::string page = ItemPage(detail, "magnet:?xt=urn:btih:01&dn=a");
  EXPECT_THAT(page,
              HasSubstr("<div class=\"big\">1.8</div><p>one whole copy, and 80 % of the pieces "
                        "once more</p>"));
  EXPECT_THAT(page, HasSubstr("which has 100 % of the pieces, and with 2 other archives."));
  EXPECT_THAT(page,
              HasSubstr("Among 3 peers connected to this archive, of whom 1 has everything."));
  EXPECT_THAT(page, HasSubstr("because archives keep what nobody else has whole"));
  EXPECT_THAT(page, HasSubstr("href=\"magnet:?xt=urn:btih:01&amp;dn=a\""));
  EXPECT_THAT(page, HasSubstr("<svg class=\"pieces\""));
  EXPECT_THAT(page, HasSubstr("tracker.example"));
}

TEST_F(HtmlTest, ATorrentOfWhichNothingIsKnownYet) {
  Detail detail;
  detail.summary.hashes.v1 = detail.row.hashes.v1 = HashNumber(7);
  const std::string page = ItemPage(detail, "magnet:?xt=urn:btih:07");
  EXPECT_THAT(page, HasSubstr("Torrent 070000000000…"));
  EXPECT_THAT(page, Not(HasSubstr(".torrent file")));
  EXPECT_THAT(page, Not(HasSubstr("<svg")));
}

TEST_F(HtmlTest, LongListsOfFilesAreCounted) {
  Detail detail = MakeDetail(MakeSummary(1, "a"));
  detail.file_count = 100'000;
  EXPECT_THAT(ItemPage(detail, ""), HasSubstr("and 99998 more"));
  EXPECT_THAT(ItemPage(detail, ""), Not(HasSubstr("<details class=\"card\" open>")));
}

TEST_F(HtmlTest, TrackersOfAPrivateTorrentAreNotShown) {
  Detail detail = MakeDetail(MakeSummary(1, "a"));
  detail.row.is_private = true;
  EXPECT_THAT(ItemPage(detail, ""), Not(HasSubstr("tracker.example")));
}

}  // namespace
}  // namespace p2pd::archive::catalogue
