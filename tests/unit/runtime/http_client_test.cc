#include "libcore/runtime/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/runtime/tcp_server.h"
#include "libcore/runtime/thread.h"

namespace p2pd::runtime {
namespace {

using ::testing::HasSubstr;

// Answers a request with what it was made with, and ends; nothing: never.
class Canned final : public TcpConversation {
 public:
  Canned(std::string answer, std::string& heard, HttpClient& client)
      : answer_(std::move(answer)), heard_(heard), client_(client) {}
  void OnBytes(Instant, ByteView bytes) override {
    absl::StrAppend(&heard_, AsText(bytes));
    if (heard_.find("\r\n\r\n") == std::string::npos) return;
    if (answer_.empty()) client_.Stop();
    asked_ = true;
  }
  ByteView pending() const override {
    return asked_ ? AsBytes(answer_).subspan(sent_) : ByteView();
  }
  void OnSent(Instant, size_t size) override { sent_ += size; }
  bool wants_bytes() const override { return true; }
  bool ended() const override { return asked_ && !answer_.empty() && sent_ == answer_.size(); }

 private:
  const std::string answer_;
  std::string& heard_;
  HttpClient& client_;
  bool asked_ = false;
  size_t sent_ = 0;
};

class HttpClientTest : public ::testing::Test {
 protected:
  ~HttpClientTest() override { End(); }
  // Its address.
  std::string Serve(std::string answer) {
    auto server =
        TcpServer::Open(loop_, net::Endpoint::Parse("127.0.0.1:0").value(), {},
                        [this, answer = std::move(answer)](const net::Endpoint&, ConnectionId) {
                          ++connections_;
                          return std::make_unique<Canned>(answer, heard_, client_);
                        });
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::make_unique<Thread>("loop", [this] { loop_.Run(); });
    return absl::StrCat("http://", server_->local().ToString());
  }
  // Nothing runs beside the test any more.
  void End() {
    if (thread_ == nullptr) return;
    loop_.PostAlways([this] {
      server_.reset();
      loop_.Stop();
    });
    thread_.reset();
  }
  absl::StatusOr<HttpAnswer> Get(const std::string& url, size_t most = 100) {
    return client_.Get({url, {"If-None-Match: \"v1\""}, most},
                       [](const net::IpAddress&) { return true; });
  }

  HttpClient client_;
  std::string heard_;
  int connections_ = 0;
  Loop loop_;
  std::unique_ptr<TcpServer> server_;
  std::unique_ptr<Thread> thread_;
};

TEST_F(HttpClientTest, BringsTheAnswer) {
  const std::string at = Serve(
      "HTTP/1.1 100 Continue\r\nETag: no\r\n\r\n"
      "HTTP/1.1 200 OK\r\nETag:  \"v2\" \r\nContent-Length: 5\r\n\r\nhello");
  const auto answer = Get(absl::StrCat(at, "/feed?a=b"), 5);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->headers.at("etag"), "\"v2\"");
  EXPECT_EQ(ToText(answer->body), "hello");
  End();
  EXPECT_THAT(heard_, HasSubstr("GET /feed?a=b HTTP/1.1\r\n"));
  EXPECT_THAT(heard_, HasSubstr("If-None-Match: \"v1\"\r\n"));
}

TEST_F(HttpClientTest, RedirectsComeBack) {
  const auto answer = Get(
      Serve("HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n"));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(answer->headers.at("location"), "http://other.example/");
}

TEST_F(HttpClientTest, NothingIsLongerThanItMay) {
  const std::string at = Serve("HTTP/1.1 200 OK\r\n\r\n123456");
  EXPECT_TRUE(absl::IsResourceExhausted(Get(at, 5).status()));
  EXPECT_TRUE(Get(at, 6).ok());
}

TEST_F(HttpClientTest, HeadersHaveAnEnd) {
  std::string long_one = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&long_one, "X-", i, ": ", std::string(100, 'x'), "\r\n");
  }
  EXPECT_TRUE(absl::IsUnavailable(Get(Serve(absl::StrCat(long_one, "\r\n"))).status()));
}

TEST_F(HttpClientTest, AddressesAreJudgedAfterTheNameWasLookedUp) {
  std::string at = Serve("HTTP/1.1 200 OK\r\n\r\n");
  at.replace(at.find("127.0.0.1"), 9, "localhost");
  int judged = 0;
  const auto answer = client_.Get({at, {}, 100}, [&](const net::IpAddress& address) {
    EXPECT_TRUE(address.IsLoopback());
    ++judged;
    return false;
  });
  EXPECT_TRUE(absl::IsPermissionDenied(answer.status())) << answer.status();
  EXPECT_GT(judged, 0);
  End();
  EXPECT_EQ(connections_, 0);
}

TEST_F(HttpClientTest, WhatIsNoneSaysWhy) {
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:1/"}) {
    EXPECT_TRUE(absl::IsUnavailable(Get(url).status())) << url;
  }
  EXPECT_TRUE(absl::IsUnavailable(Get(Serve("rubbish\r\n\r\n")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      client_.Get({"http://127.0.0.1:1/", {"A: b\r\nC: d"}, 1}, [](const auto&) { return true; })
          .status()));
}

TEST_F(HttpClientTest, StopEndsIt) {
  const std::string at = Serve("");
  // The server stops it, when it has the question.
  EXPECT_TRUE(absl::IsCancelled(Get(at).status()));
  EXPECT_TRUE(absl::IsCancelled(Get(at).status()));
}

}  // namespace
}  // namespace p2pd::runtime
