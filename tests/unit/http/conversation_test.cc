#include "libcore/http/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace p2pd::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ConversationTest : public ::testing::Test {
 protected:
  // Takes what is pending, as a socket would.
  std::string Take() {
    const std::string out = ToText(conversation_.pending());
    conversation_.OnSent(out.size());
    return out;
  }
  // What a server that answers all with its target says to `text`.
  std::string Say(absl::string_view text) {
    conversation_.OnBytes(AsBytes(text));
    std::string out;
    while (const auto request = conversation_.PollRequest()) {
      conversation_.Respond({.status = request->status, .body = ToBytes(request->target)});
      out += Take();
    }
    return out;
  }

  Conversation conversation_{{.head = true, .max_target = 100}};
};

TEST_F(ConversationTest, GivesOutWhatARequestSays) {
  conversation_.OnBytes(
      AsBytes("HEAD /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nIf-None-Match: \"x\"\r\n\r\n"));
  const auto request = conversation_.PollRequest();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->status, kOk);
  EXPECT_TRUE(request->head);
  EXPECT_EQ(request->target, "/a?b=c");
  EXPECT_EQ(request->host, "example.org:8080");
  EXPECT_EQ(request->if_none_match, "\"x\"");
  conversation_.Respond({.body = ToBytes("12345")});
  const std::string answer = Take();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(ConversationTest, AnAnswerMayComeLater) {
  conversation_.OnBytes(AsBytes("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(conversation_.PollRequest()->target, "/1");
  EXPECT_FALSE(conversation_.PollRequest().has_value());
  EXPECT_FALSE(conversation_.wants_bytes());
  conversation_.Respond({});
  EXPECT_TRUE(conversation_.wants_bytes());
  EXPECT_EQ(conversation_.PollRequest()->target, "/2");
}

TEST_F(ConversationTest, WhatCouldEndALineIsLeftOut) {
  conversation_.OnBytes(AsBytes("GET / HTTP/1.1\r\n\r\n"));
  ASSERT_TRUE(conversation_.PollRequest().has_value());
  conversation_.Respond({.type = "a\r\nX: 1", .headers = {{"Name", "b\r\n\r\nbody\x01"}}});
  const std::string answer = Take();
  EXPECT_THAT(answer, HasSubstr("Content-Type: aX: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("Name: bbody\r\n"));
}

TEST_F(ConversationTest, NotModifiedHasNoBody) {
  conversation_.OnBytes(AsBytes("GET / HTTP/1.1\r\n\r\n"));
  ASSERT_TRUE(conversation_.PollRequest().has_value());
  conversation_.Respond({.status = kNotModified, .headers = {{"ETag", "\"1\""}}});
  const std::string answer = Take();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-")));
}

TEST_F(ConversationTest, SaysWhatIsWrong) {
  const std::string long_target = absl::StrCat("GET /", std::string(100, 'a'), " HTTP/1.1\r\n\r\n");
  const std::string endless = absl::StrCat("GET /", std::string(9000, 'a'));
  const std::string long_field =
      absl::StrCat("GET / HTTP/1.1\r\nX: ", std::string(9000, 'a'), "\r\n\r\n");
  struct Row {
    absl::string_view text;
    int status;
  };
  const Row rows[] = {
      {"nonsense\r\n\r\n", kBadRequest},
      {"GET / HTTP/2.0\r\n\r\n", kBadRequest},
      {"GET / HTTP/1.1\r\nbad field\r\n\r\n", kBadRequest},
      {"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", kBadRequest},
      {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", kBadRequest},
      {"POST / HTTP/1.1\r\n\r\n", kMethodNotAllowed},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", kMethodNotAllowed},
      {"BREW / HTTP/1.1\r\n\r\n", kMethodNotAllowed},
      {long_target, kTargetTooLong},
      {endless, kTargetTooLong},
      {long_field, kHeadTooLong},
  };
  for (const Row& row : rows) {
    Conversation conversation({.head = true, .max_target = 100});
    conversation.OnBytes(AsBytes(row.text));
    const auto request = conversation.PollRequest();
    ASSERT_TRUE(request.has_value()) << row.text.substr(0, 60);
    EXPECT_EQ(request->status, row.status) << row.text.substr(0, 60);
    conversation.Respond({.status = request->status});
    EXPECT_TRUE(conversation.ended());
    EXPECT_FALSE(conversation.PollRequest().has_value());
    EXPECT_THAT(ToText(conversation.pending()), HasSubstr("Connection: close"));
  }
}

TEST_F(ConversationTest, NamesTheMethodsThatThereAre) {
  EXPECT_THAT(Say("PUT / HTTP/1.1\r\n\r\n"), HasSubstr("Allow: GET, HEAD\r\n"));
  Conversation tracker({});
  tracker.OnBytes(AsBytes("HEAD / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(tracker.PollRequest()->status, kMethodNotAllowed);
}

TEST_F(ConversationTest, ManyRequestsInARow) {
  std::string many;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&many, "GET /", i, " HTTP/1.1\r\n\r\n");
  const std::string answers = Say(many);
  EXPECT_THAT(answers, HasSubstr("\r\n\r\n/0HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answers, EndsWith("\r\n\r\n/99"));
}

TEST_F(ConversationTest, NobodyIsReadWhoReadsNothing) {
  conversation_.OnBytes(AsBytes("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
  ASSERT_TRUE(conversation_.PollRequest().has_value());
  conversation_.Respond({.body = Bytes(Conversation::kMaxPending)});
  EXPECT_FALSE(conversation_.wants_bytes());
  EXPECT_FALSE(conversation_.PollRequest().has_value());
  Take();
  EXPECT_TRUE(conversation_.PollRequest().has_value());
}

}  // namespace
}  // namespace p2pd::http
