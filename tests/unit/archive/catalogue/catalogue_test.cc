#include "libcore/archive/catalogue/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/archive/catalogue/html.h"
#include "tests/unit/archive/catalogue/fixture.h"

namespace p2pd::archive::catalogue {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string HeaderOf(const http::Response& response, absl::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

class CatalogueTest : public ::testing::Test {
 protected:
  CatalogueTest() { Make({.fallback_host = "127.0.0.1:1"}); }
  void Make(CatalogueOptions options) {
    catalogue_ = std::make_unique<Catalogue>(std::move(options));
    TorrentSummary secret = MakeSummary(2, "secret");
    secret.is_private = true;
    catalogue_->SetIndex({MakeSummary(1, "speech"), secret});
  }
  http::Response Get(const std::string& target, const std::string& host = "a.example:80",
                     const std::string& if_none_match = "") {
    auto answer = catalogue_->Answer(
        {.target = target, .host = host, .if_none_match = if_none_match},
        [](const std::string&) { return std::vector<torrent::InfoHash>{HashNumber(1)}; });
    if (auto* wanted = std::get_if<Catalogue::Wanted>(&answer)) {
      return catalogue_->Answer(*wanted, DetailFor(*wanted));
    }
    return std::get<http::Response>(answer);
  }
  static std::optional<Detail> DetailFor(const Catalogue::Wanted& wanted) {
    for (uint8_t number = 1; number <= 2; ++number) {
      if (wanted.hash != HashNumber(number)) continue;
      TorrentSummary summary = MakeSummary(number, number == 1 ? "spe\"ech\r\n" : "secret");
      summary.is_private = number == 2;
      Detail detail = MakeDetail(summary);
      if (wanted.metainfo) detail.metainfo = ToBytes("d4:infoe");
      return detail;
    }
    return std::nullopt;
  }
  static std::string Torrent(int number) {
    return absl::StrCat("/torrent/0", number, std::string(38, '0'));
  }

  std::unique_ptr<Catalogue> catalogue_;
};

TEST_F(CatalogueTest, EveryPageHasItsPolicy) {
  for (const std::string& target : {std::string("/"), std::string("/in-need"), std::string("/api"),
                                    Torrent(1), std::string("/nothing")}) {
    const http::Response response = Get(target);
    EXPECT_THAT(response.type, StartsWith("text/html"));
    EXPECT_EQ(HeaderOf(response, "Content-Security-Policy"), ContentSecurityPolicy());
    EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_THAT(ToText(response.body), StartsWith("<!doctype html>"));
  }
  for (const std::string& target : {std::string("/rss"), std::string("/api/torrents"),
                                    std::string("/torznab/api?t=caps"), Torrent(1) + ".torrent"}) {
    EXPECT_THAT(HeaderOf(Get(target), "Content-Security-Policy"), StartsWith("default-src 'none'"));
  }
}

TEST_F(CatalogueTest, GivesTheTorrentItself) {
  const http::Response response = Get(Torrent(1) + ".torrent");
  EXPECT_EQ(response.status, http::kOk);
  EXPECT_EQ(response.type, "application/x-bittorrent");
  EXPECT_EQ(AsText(response.body), "d4:infoe");
  EXPECT_EQ(HeaderOf(response, "Content-Disposition"),
            "attachment; filename=\"spe_ech__.torrent\"; "
            "filename*=UTF-8''spe%22ech%0D%0A.torrent");
}

TEST_F(CatalogueTest, PrivateOnesAreNotThereUnlessTheyAreListed) {
  for (const std::string& target :
       {Torrent(2), Torrent(2) + ".torrent", "/api/torrents" + Torrent(2).substr(8), Torrent(9)}) {
    EXPECT_EQ(Get(target).status, http::kNotFound) << target;
  }
  EXPECT_EQ(Get(Torrent(2)).body, Get(Torrent(9)).body);
  EXPECT_THAT(ToText(Get("/").body), Not(HasSubstr("secret")));
  Make({.list_private = true});
  EXPECT_EQ(Get(Torrent(2)).status, http::kOk);
  EXPECT_THAT(ToText(Get("/").body), HasSubstr("secret"));
}

TEST_F(CatalogueTest, WhatDidNotChangeIsNotSentAgain) {
  const std::string tag = HeaderOf(Get("/"), "ETag");
  ASSERT_FALSE(tag.empty());
  for (const std::string& given : {tag, std::string("*"), "\"x\", W/" + tag}) {
    const http::Response response = Get("/", "a.example:80", given);
    EXPECT_EQ(response.status, http::kNotModified);
    EXPECT_TRUE(response.body.empty());
    EXPECT_EQ(HeaderOf(response, "ETag"), tag);
  }
  EXPECT_EQ(Get("/", "a.example:80", "\"x\"").status, http::kOk);
  EXPECT_EQ(Get("/nothing", "a.example:80", "*").status, http::kNotFound);
  EXPECT_EQ(catalogue_->counts().not_modified, 3u);
}

TEST_F(CatalogueTest, AHostIsOneOrIsNotUsed) {
  EXPECT_THAT(ToText(Get("/rss", "[2001:db8::1]:80").body), HasSubstr("http://[2001:db8::1]:80/"));
  for (const std::string& host :
       {std::string("a\"><x"), std::string("a/b"), std::string(), std::string(300, 'a')}) {
    EXPECT_THAT(ToText(Get("/rss", host).body), HasSubstr("<link>http://127.0.0.1:1/</link>"));
  }
  Make({.url = "https://archive.example"});
  EXPECT_THAT(ToText(Get("/rss").body), HasSubstr("<link>https://archive.example/</link>"));
}

TEST_F(CatalogueTest, ErrorsInTheFormOfWhoAsked) {
  EXPECT_THAT(ToText(Get("/api/torrents?limit=x").body), StartsWith("{\"status\":400,"));
  EXPECT_THAT(Get("/api/nothing").type, "application/json");
  EXPECT_THAT(ToText(Get("/torznab/api?t=x").body), HasSubstr("<error code=\"202\""));
  const auto refused = catalogue_->Answer({.status = http::kHeadTooLong}, nullptr);
  EXPECT_EQ(std::get<http::Response>(refused).status, http::kHeadTooLong);
  EXPECT_EQ(catalogue_->Busy().status, http::kUnavailable);
  EXPECT_EQ(catalogue_->counts().refused, 5u);
}

TEST_F(CatalogueTest, WhoNamesNoTrackerIsSentToOurs) {
  Make({.tracker_port = 6969, .fallback_host = "127.0.0.1:1"});
  EXPECT_THAT(ToText(Get("/api/torrents").body),
              HasSubstr("http%3a%2f%2fa.example%3a6969%2fannounce"));
  EXPECT_THAT(ToText(Get("/api/torrents", "[2001:db8::1]:8080").body),
              HasSubstr("http%3a%2f%2f%5b2001%3adb8%3a%3a1%5d%3a6969%2fannounce"));
  Make({.announce = "udp://known.example:1", .tracker_port = 6969});
  EXPECT_THAT(ToText(Get("/api/torrents").body), Not(HasSubstr("6969")));
}

}  // namespace
}  // namespace p2pd::archive::catalogue
