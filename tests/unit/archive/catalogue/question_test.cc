#include "libcore/archive/catalogue/question.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::catalogue {
namespace {

constexpr char kHash[] = "0123456789abcdef0123456789ABCDEF01234567";

template <class Ask>
Ask As(absl::string_view target) {
  const Question question = ParseTarget(target);
  const Ask* ask = std::get_if<Ask>(&question);
  EXPECT_NE(ask, nullptr) << target;
  return ask == nullptr ? Ask() : *ask;
}
int StatusOf(absl::string_view target) { return As<Refused>(target).status; }

TEST(Question, ReadsASearch) {
  const Search search = As<AskSearchPage>("/?q=+one%20two+&sort=size&page=3").search;
  EXPECT_EQ(search.text, "one two");
  EXPECT_EQ(search.sort, Sort::kSize);
  EXPECT_EQ(search.offset, 2 * kPageSize);
  EXPECT_EQ(As<AskSearchPage>("/?q=a").search.sort, Sort::kRelevance);
  EXPECT_EQ(As<AskSearchPage>("/").search.sort, Sort::kNewest);
  // A form without words sends the order it shows.
  EXPECT_EQ(As<AskSearchPage>("/?q=&sort=relevance").search.sort, Sort::kNewest);
  EXPECT_EQ(As<AskNeedPage>("/in-need?page=2").search.offset, kPageSize);
  EXPECT_EQ(As<AskRss>("/rss?q=a").search.limit, kMaxLimit);
}

TEST(Question, ReadsTheApi) {
  const Search search = As<AskJsonList>("/api/torrents?limit=1000&offset=7&sort=need").search;
  EXPECT_EQ(search.limit, kMaxLimit);
  EXPECT_EQ(search.offset, 7u);
  As<AskAbout>("/api");
  As<AskRobots>("/robots.txt");
  EXPECT_EQ(torrent::ToHex(As<AskJsonItem>(absl::StrCat("/api/torrents/", kHash)).hash),
            "0123456789abcdef0123456789abcdef01234567");
  As<AskItemPage>(absl::StrCat("/torrent/", kHash));
  As<AskMetainfo>(absl::StrCat("/torrent/", kHash, ".torrent"));
}

TEST(Question, RefusesWhatIsNotExactlyAsItShouldBe) {
  const std::string longest = absl::StrCat("/?q=", std::string(kMaxSearch, 'a'));
  EXPECT_EQ(As<AskSearchPage>(longest).search.text.size(), kMaxSearch);
  for (const std::string& target : std::vector<std::string>{
           longest + "a", "/?sort=best", "/?page=0", "/?page=100001", "/?page=x", "/?q=%ff",
           "/?q=%00", "/?q=a&q=b", "/?q=%", "/?other=1", "/?q=%E2%80%AE", "/in-need?q=a",
           "/rss?sort=name", "/api?x", "/api/torrents?limit=0", "/api/torrents?offset=1000001",
           absl::StrCat("/torrent/", kHash, "?a=b"), "/robots.txt?q=1"}) {
    EXPECT_EQ(StatusOf(target), 400) << target;
  }
  for (const std::string& target : std::vector<std::string>{
           "", "*", "/index.html", "//", "/torrent/", "/torrent/abc", "/rss/", "http://x/",
           absl::StrCat("/torrent/", kHash, ".torrents"), absl::StrCat("/torrent/", kHash, "/"),
           absl::StrCat("/torrent/../", kHash), absl::StrCat("/api/torrents/", kHash, ".torrent"),
           "/torrent/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}) {
    EXPECT_EQ(StatusOf(target), 404) << target;
  }
  EXPECT_EQ(StatusOf(absl::StrCat("/?q=", std::string(kMaxTarget, 'a'))), 414);
}

TEST(Question, TorznabTakesWhatItsClientsSend) {
  As<AskCaps>("/torznab/api?t=caps&apikey=x");
  const Search search =
      As<AskTorznab>("/torznab/api?t=search&q=a&cat=2000,8000&extended=1&apikey=k&limit=0").search;
  EXPECT_EQ(search.text, "a");
  EXPECT_EQ(search.limit, 0u);
  EXPECT_EQ(search.sort, Sort::kNewest);
  EXPECT_EQ(As<Refused>("/torznab/api?t=movie&q=a").torznab_code, 203);
  EXPECT_EQ(As<Refused>("/torznab/api?t=x").torznab_code, 202);
  EXPECT_EQ(As<Refused>("/torznab/api").torznab_code, 202);
  EXPECT_EQ(As<Refused>("/torznab/api?t=search&offset=x").torznab_code, 201);
}

}  // namespace
}  // namespace p2pd::archive::catalogue
