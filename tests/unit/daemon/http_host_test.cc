#include "daemon/http_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libcore/runtime/socket_address.h"

namespace p2pd::daemon {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpHostTest : public ::testing::Test {
 protected:
  // Answers each target with itself: at once, "/later" after a turn of the loop, "/long" with what
  // nobody may have, "/never" not at all.
  HttpHostTest() {
    HttpHostOptions options;
    options.listen = net::Endpoint::Parse("127.0.0.1:0").value();
    options.thread_name = "http-test";
    options.conversation.head = true;
    options.tcp.patience = absl::Seconds(2);
    auto host =
        HttpHost::Open(options, [this](runtime::ConnectionId id, const http::Request& request) {
          http::Response response{.status = request.status, .body = ToBytes(request.target)};
          if (request.target == "/long") response.body.resize(HttpHost::kMaxUnsent + 1);
          if (request.target == "/never") return;
          if (request.target != "/later") return host_->Respond(id, response);
          host_->loop()->PostAlways([this, id, response] { host_->Respond(id, response); });
        });
    EXPECT_TRUE(host.ok()) << host.status();
    host_ = *std::move(host);
    host_->Run();
  }
  // All that comes back until the end of the connection.
  std::string Ask(const std::string& request) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const runtime::SocketAddress to = runtime::ToSockaddr(host_->listen_endpoint(), false);
    EXPECT_EQ(connect(fd, to.get(), to.size), 0);
    EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::string out;
    char buffer[4096];
    for (ssize_t got = 1; got > 0;) {
      got = recv(fd, buffer, sizeof(buffer), 0);
      if (got > 0) out.append(buffer, static_cast<size_t>(got));
    }
    close(fd);
    return out;
  }
  static std::string Get(const std::string& target, bool last = true) {
    return absl::StrCat("GET ", target, " HTTP/1.1\r\n", last ? "Connection: close\r\n" : "",
                        "\r\n");
  }

  std::unique_ptr<HttpHost> host_;
};

TEST_F(HttpHostTest, AnswersAtOnceAndLaterInOrder) {
  const std::string answers = Ask(Get("/a", false) + Get("/later", false) + Get("/b", false) +
                                  Get("/later", false) + Get("/c"));
  size_t at = 0;
  for (const std::string body : {"/a", "/later", "/b", "/later", "/c"}) {
    at = answers.find("\r\n\r\n" + body, at);
    ASSERT_NE(at, std::string::npos) << answers;
  }
  EXPECT_THAT(answers, EndsWith("\r\n\r\n/c"));
}

TEST_F(HttpHostTest, NobodyGetsMoreThanThereIs) {
  EXPECT_THAT(Ask(Get("/long")), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpHostTest, AnAnswerThatNeverComesHoldsNothing) {
  EXPECT_EQ(Ask(Get("/never")), "");
  std::map<std::string, uint64_t> counters;
  host_->AddCounters("x", counters);
  EXPECT_EQ(counters.at("x.closed_impatient"), 1u);
  EXPECT_EQ(counters.at("x.connections"), 1u);
}

TEST_F(HttpHostTest, WhoComesBackTooLateFindsNobody) {
  const auto loop = host_->loop();
  host_.reset();
  loop->PostAlways([] { FAIL() << "the host is gone"; });
}

TEST_F(HttpHostTest, WhatIsNoRequestReachesTheHandler) {
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), HasSubstr("400 Bad Request"));
}

}  // namespace
}  // namespace p2pd::daemon
