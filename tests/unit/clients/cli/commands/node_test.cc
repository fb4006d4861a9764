#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class NodeCommands : public WithFakeDaemon {};

TEST_F(NodeCommands, StatusShowsTheNode) {
  node_.GetNode_.response.set_node_id("0123abcd");
  node_.GetNode_.response.set_listen_endpoint("127.0.0.1:7464");
  node_.GetNode_.response.set_state(v1::Node::JOINED);

  const Outcome outcome = Run({"status"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("0123abcd"), std::string::npos);
  EXPECT_NE(outcome.out.find("127.0.0.1:7464"), std::string::npos);
  EXPECT_NE(outcome.out.find("JOINED"), std::string::npos);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(NodeCommands, JsonIsOneObjectOnOneLine) {
  node_.GetNode_.response.set_node_id("0123abcd");

  const Outcome outcome = Run({"--output", "json", "status"});

  EXPECT_EQ(outcome.out.front(), '{');
  EXPECT_NE(outcome.out.find("\"nodeId\":\"0123abcd\""), std::string::npos);
  EXPECT_EQ(outcome.out.find('\n'), outcome.out.size() - 1);
}

TEST_F(NodeCommands, EventsAreALineEachAndResume) {
  for (const char* text : {"first", "second"}) {
    v1::WatchEventsResponse response;
    response.mutable_event()->set_kind("overlay.state");
    response.mutable_event()->set_text(text);
    node_.events.push_back(response);
  }

  const Outcome outcome = Run({"events", "--since", "7-8"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(node_.watch_request.resume_token(), "7-8");
  EXPECT_LT(outcome.out.find("first"), outcome.out.find("second"));
}

TEST_F(NodeCommands, ShutdownPassesTheGrace) {
  EXPECT_EQ(Run({"shutdown", "--grace", "2s"}).code, 0);
  EXPECT_EQ(node_.Shutdown_.request.grace().seconds(), 2);

  EXPECT_EQ(Run({"shutdown", "--grace", "soon"}).code, 2);
  EXPECT_EQ(node_.Shutdown_.calls, 1);
}

TEST_F(NodeCommands, StatusCodesBecomeExitCodes) {
  const std::vector<std::pair<grpc::StatusCode, int>> table = {
      {grpc::StatusCode::PERMISSION_DENIED, 4},
      {grpc::StatusCode::UNAUTHENTICATED, 4},
      {grpc::StatusCode::NOT_FOUND, 5},
      {grpc::StatusCode::DEADLINE_EXCEEDED, 6},
      {grpc::StatusCode::INTERNAL, 1}};
  for (const auto& [code, expected] : table) {
    node_.GetNode_.status = grpc::Status(code, "because");

    const Outcome outcome = Run({"status"});

    EXPECT_EQ(outcome.code, expected);
    EXPECT_NE(outcome.err.find("because"), std::string::npos);
    EXPECT_EQ(outcome.out, "");
  }
}

}  // namespace
}  // namespace p2pd::cli
