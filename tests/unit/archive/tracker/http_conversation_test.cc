#include "libcore/archive/tracker/http_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpConversationTest : public ::testing::Test {
 protected:
  // Takes what is pending, as a socket would.
  std::string Take(HttpConversation& conversation) {
    std::string out;
    while (!conversation.pending().empty()) {
      const size_t size = std::min<size_t>(1000, conversation.pending().size());
      absl::StrAppend(&out, AsText(conversation.pending().subspan(0, size)));
      conversation.OnSent(f_.now, size);
    }
    return out;
  }
  std::string Say(HttpConversation& conversation, absl::string_view text) {
    conversation.OnBytes(f_.now, AsBytes(text));
    return Take(conversation);
  }
  static size_t CountOf(absl::string_view text, absl::string_view part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != absl::string_view::npos; at = text.find(part, at + 1))
      ++count;
    return count;
  }

  TableFixture f_;
  AccessBoard board_{Access()};
  Tracker tracker_{TrackerOptions(), f_.table, board_, nullptr, f_.rng};
  HttpTracker http_{tracker_};
  HttpConversation conversation_{http_, net::IpAddress::Parse("10.0.0.1").value()};
};

constexpr absl::string_view kScrape =
    "GET /scrape?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpConversationTest, AnswersAndStaysOpen) {
  for (int i = 0; i < 3; ++i) {
    const std::string answer = Say(conversation_, kScrape);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nd5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei0e"));
    EXPECT_FALSE(conversation_.ended());
  }
  EXPECT_THAT(Say(conversation_, "GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_FALSE(conversation_.ended());
}

TEST_F(HttpConversationTest, ReadsByteByByte) {
  std::string answer;
  for (const char c : std::string(kScrape) + std::string(kScrape)) {
    answer += Say(conversation_, std::string(1, c));
  }
  EXPECT_EQ(CountOf(answer, "HTTP/1.1 200 OK"), 2u);
}

TEST_F(HttpConversationTest, ClosesWhereTheClientWantsIt) {
  EXPECT_THAT(Say(conversation_, "GET /scrape HTTP/1.1\r\nConnection: close\r\n\r\n"),
              HasSubstr("Connection: close"));
  EXPECT_TRUE(conversation_.ended());
  EXPECT_EQ(Say(conversation_, kScrape), "");
  HttpConversation old(http_, net::IpAddress());
  Say(old, "GET /scrape HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ended());
}

TEST_F(HttpConversationTest, RequestsInARowAreAnsweredInARowWhileSomebodyReads) {
  std::string many;
  for (int i = 0; i < 600; ++i) absl::StrAppend(&many, kScrape);
  conversation_.OnBytes(f_.now, AsBytes(many));
  EXPECT_FALSE(conversation_.wants_bytes());
  EXPECT_LT(conversation_.pending().size(), 2 * HttpConversation::kMaxPending);
  EXPECT_EQ(CountOf(Take(conversation_), "HTTP/1.1 200 OK"), 600u);
  EXPECT_TRUE(conversation_.wants_bytes());
  EXPECT_EQ(CountOf(Say(conversation_, many), "HTTP/1.1 200 OK"), 400u);
  EXPECT_TRUE(conversation_.ended());
}

TEST_F(HttpConversationTest, WhatIsNoHttpEndsIt) {
  const std::string long_line = absl::StrCat("GET /", std::string(9000, 'a'), " HTTP/1.1\r\n\r\n");
  const std::string long_field =
      absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(9000, 'a'), "\r\n\r\n");
  for (const absl::string_view text :
       {absl::string_view("\x13"
                          "BitTorrent protocol........................................\r\n\r\n"),
        absl::string_view("nonsense\r\n\r\n"), absl::string_view("GET / HTTP/2.0\r\n\r\n"),
        absl::string_view("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"),
        absl::string_view(
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        absl::string_view("GET / HTTP/1.1\r\nbad field\r\n\r\n"), absl::string_view(long_line),
        absl::string_view(long_field), absl::string_view(long_line).substr(0, 8999)}) {
    HttpConversation conversation(http_, net::IpAddress());
    const bool endless = text.size() > HttpConversation::kMaxHeader;
    EXPECT_THAT(Say(conversation, text), StartsWith(endless ? "HTTP/1.1 4" : "HTTP/1.1 400 "))
        << text.substr(0, 40);
    EXPECT_TRUE(conversation.ended());
  }
  HttpConversation conversation(http_, net::IpAddress());
  EXPECT_THAT(Say(conversation, "POST / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_TRUE(conversation.ended());
}

}  // namespace
}  // namespace p2pd::archive::tracker
