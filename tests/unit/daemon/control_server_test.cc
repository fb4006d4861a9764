#include "daemon/control_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

TEST(UnixDoor, IsOpenToRootTheOwnerAndTheSocketsGroup) {
  const runtime::OwnCredentials own{.uid = 1000, .gid = 1000};
  constexpr gid_t kGroup = 77;
  const auto peer = [](uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) {
    return runtime::PeerCredentials{.pid = 1, .uid = uid, .gid = gid, .groups = std::move(groups)};
  };
  EXPECT_TRUE(MayEnter(peer(0, 0), own, kGroup));
  EXPECT_TRUE(MayEnter(peer(1000, 5), own, kGroup));
  EXPECT_TRUE(MayEnter(peer(5, kGroup), own, kGroup));
  EXPECT_TRUE(MayEnter(peer(5, 5, {1, kGroup, 9}), own, kGroup));
  EXPECT_FALSE(MayEnter(peer(5, 5), own, kGroup));
  EXPECT_FALSE(MayEnter(peer(5, 1000, {1000}), own, kGroup)) << "the owner's group has no say";
  EXPECT_FALSE(MayEnter(peer(65534, 65534), own, kGroup));
}

class ControlServerTest : public ServedNode {};

TEST_F(ControlServerTest, AMessageBeyondTheLimitIsRefused) {
  v1::PutRequest request;
  request.set_key("name:x");
  request.set_value(std::string(ControlServer::kMaxMessage + 1, 'x'));
  v1::PutResponse response;
  const grpc::Status status =
      Call<v1::OverlayService>(&v1::OverlayService::Stub::Put, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ControlServerTest, MetadataBeyondTheLimitIsRefused) {
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("x-large", std::string(2 * ControlServer::kMaxMetadata, 'x'));
  v1::Node node;
  EXPECT_FALSE(stub->GetNode(&context, {}, &node).ok());
}

TEST_F(ControlServerTest, ATakenSocketIsOneLine) {
  runtime::Loop loop;
  runtime::SystemRng rng;
  const auto second = ControlServer::Open(loop, config_, rng);
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.status().message().find("served by another process"), absl::string_view::npos);
}

// All of it is known before there is a node: Open takes none.
TEST(DoorsAtTheStart, WhatCannotBeOpenedIsOneLineAndLeavesNoSocket) {
  const TempDir folder;
  runtime::Loop loop;
  runtime::SystemRng rng;
  const auto taken = runtime::TcpListener::Open(loop, *net::Endpoint::Parse("127.0.0.1:0"),
                                                [](int fd) { runtime::CloseConnection(fd); });
  ASSERT_TRUE(taken.ok());
  const auto refused = [&](const std::string& door, const std::string& words) {
    Config config;
    config.data_dir = folder.path();
    config.doors = {Door{.unix_path = folder.path() + "/first", .endpoint = {}},
                    *Door::Parse(door)};
    const absl::Status status = ControlServer::Open(loop, config, rng).status();
    EXPECT_FALSE(status.ok()) << door;
    EXPECT_NE(status.message().find(words), absl::string_view::npos) << status;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/first"));
  };
  refused((*taken)->local().ToString(), "another program has this port");
  refused("unix:" + folder.path(), "is no socket");
  std::ofstream(folder.path() + "/control/token") << "short";
  chmod((folder.path() + "/control/token").c_str(), 0600);
  refused("127.0.0.1:0", "control/token");
}

}  // namespace
}  // namespace p2pd::daemon
