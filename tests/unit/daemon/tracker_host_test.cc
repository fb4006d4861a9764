#include "daemon/tracker_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "libcore/base/codec.h"
#include "libcore/runtime/socket_address.h"
#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

class TrackerHostTest : public ::testing::Test {
 protected:
  TrackerHostTest() {
    config_.listen = net::Endpoint::Parse("127.0.0.1:0").value();
    config_.workers = 2;
  }
  void Start() {
    host_.reset();
    auto host = TrackerHost::Start(config_, dir_.path() + "/tracker");
    ASSERT_TRUE(host.ok()) << host.status();
    host_ = *std::move(host);
  }
  // What comes back for `request` on a connection of its own.
  std::string Ask(int kind, absl::string_view request) {
    const int fd = socket(AF_INET, kind, 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    const runtime::SocketAddress to = runtime::ToSockaddr(host_->listen_endpoint(), false);
    EXPECT_EQ(connect(fd, to.get(), to.size), 0);
    EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::string answer(2000, ' ');
    const ssize_t got = recv(fd, answer.data(), answer.size(), 0);
    close(fd);
    return got < 0 ? "nothing" : answer.substr(0, static_cast<size_t>(got));
  }
  std::string Announce(absl::string_view more) {
    return Ask(SOCK_STREAM, absl::StrCat("GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&", more,
                                         " HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  uint64_t Counter(const std::string& name) {
    std::map<std::string, uint64_t> counters;
    host_->AddCounters(counters);
    return counters.at(name);
  }

  TempDir dir_;
  TrackerConfig config_;
  std::unique_ptr<TrackerHost> host_;
};

TEST_F(TrackerHostTest, AnswersBothProtocolsOnOnePort) {
  Start();
  EXPECT_THAT(Announce("port=7&left=0"), HasSubstr("8:completei1e"));
  const Bytes connect = std::move(ByteWriter().U64(0x41727101980).U32(0).U32(5)).Take();
  const std::string reply = Ask(SOCK_DGRAM, AsText(connect));
  ASSERT_EQ(reply.size(), 16u);
  ByteWriter announce;
  announce.Put(AsBytes(reply).subspan(8)).U32(1).U32(6).Put(AsBytes("aaaaaaaaaaaaaaaaaaaa"));
  announce.Put(Bytes(20)).U64(0).U64(1).U64(0).U32(2).U32(0).U32(0).U32(50).U16(8);
  EXPECT_EQ(Ask(SOCK_DGRAM, AsText(announce.bytes())).substr(20), std::string("\x7f\0\0\1\0\7", 6));
  EXPECT_EQ(Counter("tracker.peers_ipv4"), 2u);
  EXPECT_EQ(Counter("tracker.http_announces"), 1u);
  EXPECT_EQ(Counter("tracker.udp_announces"), 1u);
  EXPECT_TRUE(host_->events().Pop().has_value());
}

TEST_F(TrackerHostTest, SwarmsComeBackAfterARestart) {
  Start();
  Announce("port=7&left=0");
  Start();
  EXPECT_THAT(Announce("port=8&left=1"), HasSubstr("8:completei1e"));
  host_.reset();
  std::ofstream(dir_.path() + "/tracker/swarms") << "damaged";
  Start();
  EXPECT_THAT(Announce("port=8&left=1"), HasSubstr("8:completei0e"));
}

TEST_F(TrackerHostTest, WhatTheArchiveDeniesIsServedNoMore) {
  Start();
  Announce("port=7&left=0");
  const auto hash =
      archive::torrent::InfoHash::FromView(absl::string_view("aaaaaaaaaaaaaaaaaaaa")).value();
  host_->SetDeniedByArchive({hash});
  EXPECT_THAT(Announce("port=8&left=1"), HasSubstr("was removed"));
  EXPECT_FALSE(host_->Denies(hash));  // that is the file's word
  ASSERT_TRUE(host_->Reload(config_).ok());
  EXPECT_THAT(Announce("port=8&left=1"), HasSubstr("was removed"));
  host_->SetDeniedByArchive({});
  EXPECT_THAT(Announce("port=8&left=1"),
              HasSubstr("8:completei0e"));  // and its peers are forgotten
}

TEST_F(TrackerHostTest, ListsAreReadAgain) {
  config_.deny = dir_.path() + "/deny";
  std::ofstream(config_.deny) << "# none\n";
  Start();
  EXPECT_THAT(Announce("port=7&left=0"), HasSubstr("8:completei1e"));
  std::ofstream(config_.deny) << "6161616161616161616161616161616161616161\n";
  ASSERT_TRUE(host_->Reload(config_).ok());
  EXPECT_THAT(Announce("port=7&left=0"), HasSubstr("14:failure reason"));
  EXPECT_EQ(Counter("tracker.swarms"), 0u);
  std::ofstream(config_.deny) << "rubbish\n";
  const absl::Status bad = host_->Reload(config_);
  EXPECT_THAT(std::string(bad.message()), HasSubstr(config_.deny + ":1: "));
  EXPECT_THAT(Announce("port=7&left=0"), HasSubstr("14:failure reason"));
  config_.deny = dir_.path() + "/none";
  EXPECT_FALSE(TrackerHost::Start(config_, dir_.path() + "/other").ok());
}

TEST_F(TrackerHostTest, ATakenPortIsOneLine) {
  Start();
  config_.listen = host_->listen_endpoint();
  const auto second = TrackerHost::Start(config_, dir_.path() + "/second");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another program"));
}

}  // namespace
}  // namespace p2pd::daemon
