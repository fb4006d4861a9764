#include "libcore/archive/intake/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::intake {
namespace {

using ::testing::HasSubstr;

constexpr char kMagnet[] = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

absl::StatusOr<std::vector<FeedItem>> Parse(absl::string_view xml) {
  return ParseFeed(AsBytes(xml));
}
std::string Rss(absl::string_view items) {
  return absl::StrCat(
      "<?xml version=\"1.0\"?><rss version=\"2.0\" "
      "xmlns:torznab=\"http://torznab.com/schemas/2015/feed\"><channel>"
      "<title>of the feed</title><link>http://example.org/</link>",
      items, "</channel></rss>");
}

TEST(Feed, RssItemsNameTheirTorrents) {
  const auto items = Parse(Rss(
      "<item><title>one &amp; more</title><link>http://example.org/page/1</link>"
      "<guid>id 1</guid><enclosure url=\"https://example.org/dl?id=1&amp;k=2\" length=\"77\" "
      "type=\"application/x-bittorrent\"/></item>"
      "<item><title><![CDATA[two <b>]]></title><link>http://example.org/2.torrent?a=b</link></item>"
      "<item><title>three</title><guid>3</guid><link>http://example.org/3</link>"
      "<torznab:attr name=\"magneturl\" value=\"magnet:?xt=urn:btih:"
      "c12fe1c06bba254a9dc9f519b335aa7c1367a88a\"/><torznab:attr name=\"size\" value=\"9\"/></item>"
      "<item><title>none</title><guid>4</guid></item>"
      "<item><title>file</title><link>file:///etc/passwd</link></item>"));
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 3u);
  EXPECT_EQ((*items)[0].id, "id 1");
  EXPECT_EQ((*items)[0].title, "one & more");
  EXPECT_EQ((*items)[0].link, "https://example.org/dl?id=1&k=2");
  EXPECT_EQ((*items)[0].size, 77u);
  EXPECT_EQ((*items)[1].id, "http://example.org/2.torrent?a=b");
  EXPECT_EQ((*items)[1].title, "two <b>");
  EXPECT_EQ((*items)[1].size, std::nullopt);
  EXPECT_EQ((*items)[2].link, kMagnet);
  EXPECT_EQ((*items)[2].size, 9u);
}

TEST(Feed, AtomEntriesToo) {
  const auto items = Parse(absl::StrCat(
      "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>f</title><entry><id>urn:1</id>"
      "<title>one</title><link href=\"http://example.org/page\"/><link href=\"",
      kMagnet, "\"/></entry></feed>"));
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ((*items)[0].id, "urn:1");
  EXPECT_EQ((*items)[0].link, kMagnet);
}

TEST(Feed, NothingIsExpandedAndNothingIsTooMuch) {
  const auto bomb = Parse(
      "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
      "\"&a;&a;&a;&a;\">]><rss><channel><item><title>&b;</title></item></channel></rss>");
  EXPECT_THAT(std::string(bomb.status().message()), HasSubstr("document type"));
  std::string deep = "<rss>";
  for (int i = 0; i < kMaxFeedDepth; ++i) deep += "<a>";
  EXPECT_THAT(std::string(Parse(deep).status().message()), HasSubstr("too deep"));
  EXPECT_THAT(std::string(Parse("<html><body/></html>").status().message()),
              HasSubstr("neither RSS nor Atom"));
  for (const char* text : {"", "x", "<rss>", "<rss>&lol;</rss>", "<rss></rss><rss></rss>"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Parse(std::string(kMaxFeed + 1, ' ')).status()));
  std::string many;
  for (size_t i = 0; i < kMaxFeedItems + 5; ++i) {
    absl::StrAppend(&many, "<item><link>http://example.org/", i, ".torrent</link></item>");
  }
  EXPECT_EQ(Parse(Rss(many))->size(), kMaxFeedItems);
  const std::string long_link(kMaxFeedText + 1, 'a');
  EXPECT_TRUE(
      Parse(Rss(absl::StrCat("<item><link>http://", long_link, "</link></item>")))->empty());
}

TEST(Feed, WhatIsTooLongIsPassedByAndTheRestIsTaken) {
  const std::string text(kMaxFeedText + 1, 'a');
  const auto items = Parse(Rss(absl::StrCat(
      "<item><title>", text, "</title><guid>", text, "</guid><enclosure url=\"http://", text,
      "\" type=\"application/x-bittorrent\"/><link>", kMagnet, "</link></item>")));
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 1u);
  EXPECT_EQ((*items)[0].title, "");
  EXPECT_EQ((*items)[0].id, kMagnet);
  EXPECT_EQ((*items)[0].link, kMagnet);
}

}  // namespace
}  // namespace p2pd::archive::intake
