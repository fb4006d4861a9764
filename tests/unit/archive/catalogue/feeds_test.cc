#include "libcore/archive/catalogue/feeds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/archive/catalogue/fixture.h"

namespace p2pd::archive::catalogue {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const FeedOptions kOptions{"http://archive.example", "http://tracker.example/announce"};

class FeedsTest : public ::testing::Test {
 protected:
  TorrentSummary hostile_ = MakeSummary(1, kHostile);
  Found found_{1, {&hostile_}};
};

TEST_F(FeedsTest, NothingOfATorrentIsMarkup) {
  for (const std::string& text :
       {RssFeed(kOptions, {.text = kHostile}, found_), TorznabFeed(kOptions, {}, found_),
        TorznabError(1, kHostile), JsonList(kOptions, {}, found_),
        JsonItem(kOptions, MakeDetail(hostile_)), JsonError(400, kHostile)}) {
    EXPECT_THAT(text, Not(HasSubstr("<script")));
    EXPECT_THAT(text, Not(HasSubstr("\x01")));
    EXPECT_THAT(text, Not(HasSubstr("\xff")));
    EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  }
}

TEST_F(FeedsTest, RssEnclosesWhatHasMetainfo) {
  const std::string page = "http://archive.example/torrent/01" + std::string(38, '0');
  EXPECT_THAT(RssFeed(kOptions, {}, found_), HasSubstr("<enclosure url=\"" + page + ".torrent\""));
  hostile_.pieces = 0;
  EXPECT_THAT(RssFeed(kOptions, {}, found_), Not(HasSubstr("<item>")));
}

TEST_F(FeedsTest, TorznabCountsTheArchiveAsASeed) {
  hostile_.seeds = 2;
  hostile_.peers = 5;
  std::string feed = TorznabFeed(kOptions, {.offset = 3}, found_);
  EXPECT_THAT(feed, HasSubstr("name=\"seeders\" value=\"3\""));
  EXPECT_THAT(feed, HasSubstr("name=\"peers\" value=\"6\""));
  EXPECT_THAT(feed, HasSubstr("name=\"size\" value=\"1048576\""));
  EXPECT_THAT(feed, HasSubstr("<newznab:response offset=\"3\" total=\"1\"/>"));
  EXPECT_THAT(feed, HasSubstr("name=\"magneturl\" value=\"magnet:?xt=urn:btih:01"));
  hostile_.held = 9;
  feed = TorznabFeed(kOptions, {}, found_);
  EXPECT_THAT(feed, HasSubstr("name=\"seeders\" value=\"2\""));
}

TEST_F(FeedsTest, APrivateTorrentKeepsItsOwnTrackers) {
  const std::vector<std::string> own = {"http://own.example/a", kOptions.announce};
  EXPECT_THAT(MagnetOf(hostile_, kOptions.announce, own),
              HasSubstr("&tr=http%3a%2f%2ftracker.example%2fannounce&tr=http%3a%2f%2fown.example"));
  hostile_.is_private = true;
  EXPECT_THAT(MagnetOf(hostile_, "http://ours.example/", own), Not(HasSubstr("ours")));
}

TEST_F(FeedsTest, JsonOfAnItem) {
  Detail detail = MakeDetail(MakeSummary(2, "speech"));
  detail.history.assign(2016, {absl::FromUnixSeconds(1'700'000'000), {0, 0}, {1, 0}});
  const std::string json = JsonItem(kOptions, detail);
  EXPECT_THAT(json, HasSubstr(R"("name":"speech","size":2097152,"pieces":10,"state":"archived")"));
  EXPECT_THAT(json, HasSubstr(R"("files":[{"path":"speech/a","size":1000},)"));
  EXPECT_THAT(json, HasSubstr(R"("cells":[{"first":0,"count":1,"copies":1,"here":true},)"));
  EXPECT_THAT(json, HasSubstr(R"({"at":"2023-11-14T22:13:20Z","total":1,"organic":0})"));
  EXPECT_LT(json.size(), 40'000u);
}

}  // namespace
}  // namespace p2pd::archive::catalogue
