#include "libcore/archive/intake/feed_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::intake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMagnet[] = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a";
constexpr char kFeed[] = "https://example.org/rss";
constexpr absl::Duration kPeriod = absl::Minutes(15);

Instant At(absl::Duration since) { return Instant() + since; }

FeedReader Reader(absl::string_view feed = kFeed) {
  return FeedReader({FeedSettings::Parse(feed).value()}, kPeriod);
}
FeedReader::Answer Ok(absl::string_view body) {
  return {200, "", "\"v1\"", "Sun, 22 Nov 2026 18:00:00 GMT", ToBytes(body)};
}
FeedReader::Answer To(absl::string_view location) {
  return {302, std::string(location), "", "", {}};
}
FeedReader::Answer Says(int status) { return {status, "", "", "", {}}; }
std::string Item(absl::string_view id, absl::string_view link) {
  return absl::StrCat("<item><title>", id, "</title><guid>", id, "</guid><link>", link,
                      "</link></item>");
}
std::string Rss(absl::string_view items) { return absl::StrCat("<rss>", items, "</rss>"); }

TEST(FeedSettings, WhatIsNoneIsNamed) {
  EXPECT_EQ(FeedSettings::Parse("http://a/rss?k=v ubuntu -beta")->url, "http://a/rss?k=v");
  EXPECT_THAT(std::string(FeedSettings::Parse("ubuntu").status().message()), HasSubstr("http://"));
  EXPECT_FALSE(FeedSettings::Parse("").ok());
  EXPECT_FALSE(FeedSettings::Parse("http://a/ >much").ok());
}

TEST(FeedReader, TakesEachItemOnce) {
  FeedReader reader = Reader(absl::StrCat(kFeed, " -beta"));
  auto fetch = reader.Next(At(absl::ZeroDuration()));
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->url, kFeed);
  EXPECT_EQ(fetch->etag, "");
  EXPECT_FALSE(reader.Next(At(absl::ZeroDuration())).has_value()) << "one at a time";
  const std::string feed = Rss(Item("one", kMagnet) + Item("two", "https://example.org/2.torrent") +
                               Item("beta", "https://example.org/3.torrent"));
  reader.OnAnswer(At(absl::ZeroDuration()), *fetch, Ok(feed));
  auto offer = reader.PollOffer();
  ASSERT_TRUE(offer.has_value());
  EXPECT_EQ(offer->item.link, kMagnet);
  fetch = reader.Next(At(absl::ZeroDuration()));
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->url, "https://example.org/2.torrent");
  reader.OnAnswer(At(absl::ZeroDuration()), *fetch, Ok("metainfo"));
  offer = reader.PollOffer();
  ASSERT_TRUE(offer.has_value());
  EXPECT_EQ(ToText(offer->metainfo), "metainfo");
  EXPECT_EQ(reader.PollTimeout(), At(kPeriod));
  // The same feed again, in this run and in the next.
  FeedReader again = Reader(absl::StrCat(kFeed, " -beta"));
  ASSERT_TRUE(again.Restore(reader.Encode()).ok());
  for (FeedReader* one : {&reader, &again}) {
    fetch = one->Next(At(kPeriod));
    ASSERT_TRUE(fetch.has_value());
    EXPECT_EQ(fetch->etag, "\"v1\"");
    EXPECT_EQ(fetch->modified, "Sun, 22 Nov 2026 18:00:00 GMT");
    one->OnAnswer(At(kPeriod), *fetch, Ok(Rss(Item("one", kMagnet))));
    EXPECT_FALSE(one->PollOffer().has_value());
    fetch = one->Next(At(2 * kPeriod));
    one->OnAnswer(At(2 * kPeriod), *fetch, Says(304));
    EXPECT_EQ(one->PollTimeout(), At(3 * kPeriod));
  }
  EXPECT_EQ(reader.List()[0].taken, 2u);
}

TEST(FeedReader, NothingLeadsInside) {
  FeedReader reader = Reader();
  auto fetch = reader.Next(At(absl::ZeroDuration()));
  EXPECT_TRUE(fetch->may_be_inside) << "its operator named it";
  reader.OnAnswer(
      At(absl::ZeroDuration()), *fetch,
      Ok(Rss(Item("1", "http://127.0.0.1/1.torrent") + Item("2", "http://router/2.torrent") +
             Item("3", "https://other.example/3.torrent"))));
  fetch = reader.Next(At(absl::ZeroDuration()));
  ASSERT_TRUE(fetch.has_value());
  EXPECT_EQ(fetch->url, "https://other.example/3.torrent");
  EXPECT_FALSE(fetch->may_be_inside);
  for (const char* to :
       {"http://other.example/", "https://169.254.169.254/", "file:///etc/passwd"}) {
    reader.OnAnswer(At(absl::ZeroDuration()), *fetch, To(to));
    EXPECT_FALSE(reader.Next(At(absl::ZeroDuration())).has_value()) << to;
  }
  EXPECT_FALSE(reader.PollOffer().has_value());
  EXPECT_THAT(reader.List()[0].trouble, HasSubstr("redirect"));
}

TEST(FeedReader, AServerOfOurOwnMayNameItself) {
  FeedReader reader = Reader("http://127.0.0.1:9117/api");
  auto fetch = reader.Next(At(absl::ZeroDuration()));
  reader.OnAnswer(
      At(absl::ZeroDuration()), *fetch,
      Ok(Rss(Item("1", "http://127.0.0.1:9117/dl/1") + Item("2", "http://127.0.0.1:9118/dl/2"))));
  fetch = reader.Next(At(absl::ZeroDuration()));
  ASSERT_TRUE(fetch.has_value());
  EXPECT_TRUE(fetch->may_be_inside);
  reader.OnAnswer(At(absl::ZeroDuration()), *fetch, To(kMagnet));
  EXPECT_EQ(reader.PollOffer()->item.link, kMagnet);
  EXPECT_FALSE(reader.Next(At(absl::ZeroDuration())).has_value());
}

TEST(FeedReader, AnAddressThatCouldBeReadAsAnotherIsNotAsked) {
  FeedReader reader = Reader("http://127.0.0.1:9117/api");
  auto fetch = reader.Next(At(absl::ZeroDuration()));
  reader.OnAnswer(At(absl::ZeroDuration()), *fetch,
                  Ok(Rss(Item("1", "http://127.0.0.1:9117\\@10.0.0.1/") +
                         Item("2", "http://127.0.0.1:9117@10.0.0.1/") +
                         Item("3", "http://127.0.0.1:9117 .example/"))));
  EXPECT_FALSE(reader.Next(At(absl::ZeroDuration())).has_value());
  EXPECT_EQ(reader.List()[0].refused, 3u);
}

TEST(FeedReader, ANameWithoutACertificateDoesNotLeadInside) {
  // Its owner may let it lead to 127.0.0.1 at any time.
  EXPECT_FALSE(Reader("http://example.org/rss").Next(At(absl::ZeroDuration()))->may_be_inside);
  EXPECT_TRUE(Reader("https://example.org/rss").Next(At(absl::ZeroDuration()))->may_be_inside);
  EXPECT_TRUE(Reader("http://router/rss").Next(At(absl::ZeroDuration()))->may_be_inside);
}

TEST(FeedReader, ASlowFeedDelaysTheOthersByOneAnswer) {
  FeedReader reader({FeedSettings::Parse("https://a.example/").value(),
                     FeedSettings::Parse("https://b.example/").value()},
                    kPeriod);
  const Instant now = At(absl::ZeroDuration());
  for (const char* host : {"a", "b"}) {
    const auto fetch = reader.Next(now);
    ASSERT_TRUE(fetch.has_value());
    std::string items;
    for (size_t i = 0; i < FeedReader::kMaxWaiting + 10; ++i) {
      absl::StrAppend(&items,
                      Item(absl::StrCat(i), absl::StrCat("https://", host, ".example/", i)));
    }
    reader.OnAnswer(now, *fetch, Ok(Rss(items)));
  }
  std::vector<size_t> feeds;
  const Instant late = now + 2 * kPeriod;
  for (size_t i = 0; i < 2 * FeedReader::kMaxWaiting; ++i) {
    // Neither is asked again before its items were, however late that is.
    const auto fetch = reader.Next(i < FeedReader::kMaxWaiting ? late : now);
    ASSERT_TRUE(fetch->item.has_value());
    feeds.push_back(fetch->feed);
    // Until all are here the next run asks for the whole feed.
    EXPECT_THAT(reader.Encode(), Not(HasSubstr("etag")));
    reader.OnAnswer(late, *fetch, Ok("metainfo"));
  }
  EXPECT_NE(feeds[0], feeds[1]);
  EXPECT_EQ(feeds[0], feeds[2]);
  // What was left out comes with the next turn, which asks for the whole feed, too.
  const auto again = reader.Next(late);
  EXPECT_FALSE(again->item.has_value());
  EXPECT_EQ(again->etag, "");
}

TEST(FeedReader, OtherSettingsKeepWhatWasSeen) {
  FeedReader reader = Reader();
  const Instant now = At(absl::ZeroDuration());
  reader.OnAnswer(now, *reader.Next(now), Ok(Rss(Item("one", kMagnet))));
  EXPECT_TRUE(reader.PollOffer().has_value());
  reader.Configure(now,
                   {FeedSettings::Parse(absl::StrCat(kFeed, " -beta")).value(),
                    FeedSettings::Parse("https://b.example/?key=secret").value()},
                   2 * kPeriod);
  auto fetch = reader.Next(now);
  EXPECT_EQ(fetch->url, kFeed);
  EXPECT_EQ(fetch->etag, "") << "another filter may take what this one left";
  reader.OnAnswer(now, *fetch, Ok(Rss(Item("one", kMagnet))));
  EXPECT_FALSE(reader.PollOffer().has_value());
  EXPECT_EQ(reader.List()[0].due, now + 2 * kPeriod);
  EXPECT_EQ(reader.List()[0].taken, 1u);
  EXPECT_EQ(reader.List()[1].url, "https://b.example/");
  fetch = reader.Next(now);
  reader.Configure(now, {}, kPeriod);
  EXPECT_FALSE(reader.Next(now).has_value());
  EXPECT_FALSE(reader.PollTimeout().has_value());
}

TEST(FeedReader, AnotherFilterReadsWhatDidNotChange) {
  const Instant now = At(absl::ZeroDuration());
  FeedReader before = Reader(absl::StrCat(kFeed, " -beta"));
  const std::string feed =
      Rss(Item("one", kMagnet) + Item("a beta", absl::StrCat(kMagnet, "&amp;x=2")));
  before.OnAnswer(now, *before.Next(now), Ok(feed));
  ASSERT_TRUE(before.PollOffer().has_value());
  ASSERT_FALSE(before.PollOffer().has_value());
  const std::string saved = before.Encode();
  FeedReader same = Reader(absl::StrCat(kFeed, " -beta"));
  ASSERT_TRUE(same.Restore(saved).ok());
  EXPECT_EQ(same.Next(now)->etag, "\"v1\"");
  // Edited while the daemon did not run.
  FeedReader other = Reader();
  ASSERT_TRUE(other.Restore(saved).ok());
  const auto fetch = other.Next(now);
  EXPECT_EQ(fetch->etag, "");
  EXPECT_EQ(fetch->modified, "");
  other.OnAnswer(now, *fetch, Ok(feed));
  const auto offer = other.PollOffer();
  ASSERT_TRUE(offer.has_value());
  EXPECT_EQ(offer->item.title, "a beta");
  EXPECT_FALSE(other.PollOffer().has_value());
  // Nor is it known whose version an older file has.
  FeedReader older = Reader();
  ASSERT_TRUE(older.Restore("p2pd feeds 1\nfeed https://example.org/rss\netag \"v1\"\n").ok());
  EXPECT_EQ(older.Next(now)->etag, "");
}

TEST(FeedReader, ARedirectToNowhereIsNoneAndIsNotAskedAgain) {
  FeedReader reader = Reader();
  const Instant now = At(absl::ZeroDuration());
  reader.OnAnswer(now, *reader.Next(now), To(""));
  EXPECT_FALSE(reader.Next(now).has_value());
  EXPECT_EQ(reader.List()[0].trouble, "it answers 302");
  EXPECT_EQ(reader.PollTimeout(), At(kPeriod));
}

TEST(FeedReader, RedirectsAreCounted) {
  FeedReader reader = Reader();
  auto fetch = reader.Next(At(absl::ZeroDuration()));
  for (int i = 0; i < FeedReader::kMaxRedirects; ++i) {
    reader.OnAnswer(At(absl::ZeroDuration()), *fetch, To(absl::StrCat("/", i)));
    fetch = reader.Next(At(absl::ZeroDuration()));
    ASSERT_TRUE(fetch.has_value());
    EXPECT_EQ(fetch->url, absl::StrCat("https://example.org/", i));
  }
  reader.OnAnswer(At(absl::ZeroDuration()), *fetch, To("/more"));
  EXPECT_FALSE(reader.Next(At(absl::ZeroDuration())).has_value());
  EXPECT_EQ(reader.PollTimeout(), At(kPeriod));
}

TEST(FeedReader, WhatFailsIsAskedLessOften) {
  FeedReader reader = Reader();
  Instant now = At(absl::ZeroDuration());
  for (const absl::Duration wait : {kPeriod, 2 * kPeriod, 4 * kPeriod}) {
    const auto fetch = reader.Next(now);
    ASSERT_TRUE(fetch.has_value());
    reader.OnAnswer(now, *fetch, absl::UnavailableError("nobody is there"));
    EXPECT_EQ(reader.PollTimeout(), now + wait);
    now = now + wait;
  }
  EXPECT_EQ(reader.List()[0].trouble, "nobody is there");
  for (int i = 0; i < 20; ++i) {
    reader.OnAnswer(now, *reader.Next(now), Says(500));
    now = *reader.PollTimeout();
  }
  reader.OnAnswer(now, *reader.Next(now), Ok("no feed"));
  EXPECT_EQ(reader.PollTimeout(), now + FeedReader::kMaxBackoff);
  now = *reader.PollTimeout();
  reader.OnAnswer(now, *reader.Next(now), Ok(Rss("")));
  EXPECT_EQ(reader.PollTimeout(), now + kPeriod);
  EXPECT_EQ(reader.List()[0].trouble, "");
}

TEST(FeedReader, AnItemThatFailsIsTriedAgainAndThenLeft) {
  FeedReader reader = Reader();
  Instant now = At(absl::ZeroDuration());
  const std::string feed = Rss(Item("1", "https://example.org/1.torrent"));
  for (int i = 0; i < FeedReader::kTries; ++i) {
    auto fetch = reader.Next(now);
    EXPECT_EQ(fetch->etag, "") << "else it would not be shown again";
    reader.OnAnswer(now, *fetch, Ok(feed));
    fetch = reader.Next(now);
    ASSERT_TRUE(fetch.has_value());
    reader.OnAnswer(now, *fetch, Says(503));
    now = *reader.PollTimeout();
  }
  reader.OnAnswer(now, *reader.Next(now), Ok(feed));
  EXPECT_FALSE(reader.Next(now).has_value());
}

TEST(FeedReader, WhatIsNoStateIsRefused) {
  FeedReader reader = Reader();
  for (const char* text : {"rubbish", "p2pd feeds 1\n0123456789abcdef",
                           "p2pd feeds 1\nfeed https://example.org/rss\nxyz"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(reader.Restore(text))) << text;
  }
  // A feed that is not asked any more.
  EXPECT_TRUE(reader.Restore("p2pd feeds 1\nfeed https://gone.example/\n0123456789abcdef\n").ok());
  EXPECT_TRUE(reader.Restore(reader.Encode()).ok());
}

}  // namespace
}  // namespace p2pd::archive::intake
