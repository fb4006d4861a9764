#include "daemon/services/node_service.h"

#include "daemon/version.h"
#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::NodeService::Stub;

class NodeServiceTest : public ServedNode {};

TEST_F(NodeServiceTest, TellsHowTheDaemonDoes) {
  OnCoreThread([this](NodeHost&) { node_service_->SetControlEndpoints({"unix:/x"}); });
  v1::Node node;
  ASSERT_TRUE(Call<v1::NodeService>(&Stub::GetNode, v1::GetNodeRequest(), &node).ok());
  EXPECT_EQ(node.name(), "node");
  EXPECT_EQ(node.state(), v1::Node::ALONE);
  EXPECT_EQ(node.version(), std::string(kVersion));
  EXPECT_EQ(node.node_id().size(), 40u);
  EXPECT_EQ(node.listen_endpoint(), host_->listen_endpoint().ToString());
  ASSERT_EQ(node.addresses_size(), 1);
  EXPECT_EQ(node.addresses(0), node.listen_endpoint());
  ASSERT_EQ(node.control_endpoints_size(), 1);
  EXPECT_EQ(node.peer_count(), 0);
  EXPECT_EQ(node.identity_count(), 0);
  EXPECT_EQ(node.counters().count("runtime.udp_received_datagrams"), 1u);
}

TEST_F(NodeServiceTest, EventsStartFromNowAndCarryTokens) {
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse first;
  ASSERT_TRUE(stream->Read(&first));
  EXPECT_EQ(first.mark(), v1::WATCH_MARK_SNAPSHOT_DONE);
  MakeIdentity("alice@example.org");
  v1::WatchEventsResponse event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.mark(), v1::WATCH_MARK_CHANGED);
  EXPECT_EQ(event.event().kind(), "identity");
  EXPECT_EQ(event.event().subject(), "identities/alice@example.org");
  EXPECT_FALSE(event.resume_token().empty());
  context.TryCancel();
  stream->Finish();

  // The token of the first message brings the event again.
  v1::WatchEventsRequest again;
  again.set_resume_token(first.resume_token());
  grpc::ClientContext resumed;
  SetDeadline(resumed);
  const auto rest = stub->WatchEvents(&resumed, again);
  v1::WatchEventsResponse repeated;
  ASSERT_TRUE(rest->Read(&repeated));
  EXPECT_EQ(repeated.event().subject(), "identities/alice@example.org");
  resumed.TryCancel();
  rest->Finish();
}

TEST_F(NodeServiceTest, ATokenOfAnotherRunIsExpired) {
  const auto stub = v1::NodeService::NewStub(channel_);
  for (const char* token : {"1-1", "nonsense", "18446744073709551615-5"}) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::WatchEventsRequest request;
    request.set_resume_token(token);
    const auto stream = stub->WatchEvents(&context, request);
    v1::WatchEventsResponse message;
    EXPECT_FALSE(stream->Read(&message));
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
    EXPECT_EQ(ReasonOfStatus(status), "RESUME_TOKEN_EXPIRED");
  }
}

TEST_F(NodeServiceTest, ShutdownIsHandedOnWithItsGrace) {
  v1::ShutdownRequest request;
  request.mutable_grace()->set_seconds(7);
  v1::ShutdownResponse response;
  ASSERT_TRUE(Call<v1::NodeService>(&Stub::Shutdown, request, &response).ok());
  shutdown_asked_.WaitForNotification();
  EXPECT_EQ(asked_grace_, absl::Seconds(7));
}

TEST(Events, FiguresOfARunningCallAreNoEvent) {
  node::Change change{node::Revision(1), node::Topic::kCall, "ab", "media",
                      absl::FromUnixSeconds(9)};
  EXPECT_FALSE(EventOf(change).has_value());
  change.detail = "media stalled";
  ASSERT_TRUE(EventOf(change).has_value());
  EXPECT_EQ(EventOf(change)->severity(), v1::Event::WARNING);
  change.detail = "ringing";
  EXPECT_EQ(EventOf(change)->subject(), "calls/ab");
  const node::Change contact{node::Revision(2), node::Topic::kContact, "a@b/c@d", "online",
                             absl::FromUnixSeconds(9)};
  EXPECT_EQ(EventOf(contact)->subject(), "identities/a@b/contacts/c@d");
}

}  // namespace
}  // namespace p2pd::daemon
