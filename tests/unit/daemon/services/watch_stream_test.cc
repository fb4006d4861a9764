#include "daemon/services/watch_stream.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

class WatchStreamTest : public ServedNode {
 protected:
  // More changes than the log keeps, of the node's own making.
  void ChangeMoreThanIsKept() {
    OnCoreThread([](NodeHost& host) {
      auto& log = const_cast<node::EventLog&>(host.node().events());
      for (size_t i = 0; i <= node::EventLog::kKept; ++i) {
        log.Add(node::Topic::kOverlay, "", absl::StrCat("change ", i), host.wall());
      }
    });
  }
};

TEST_F(WatchStreamTest, ManyChangesReachAClientThatReadsLateInOrder) {
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  constexpr int kChanges = 500;
  OnCoreThread([](NodeHost& host) {
    auto& log = const_cast<node::EventLog&>(host.node().events());
    for (int i = 0; i < kChanges; ++i) {
      log.Add(node::Topic::kOverlay, "", absl::StrCat(i), host.wall());
    }
  });
  for (int i = 0; i < kChanges; ++i) {
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_EQ(message.event().text(), absl::StrCat(i));
  }
  context.TryCancel();
  stream->Finish();
}

TEST_F(WatchStreamTest, AClientThatFellBehindTheLogIsToldToStartOver) {
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  ChangeMoreThanIsKept();
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.mark(), v1::WATCH_MARK_RESYNC);
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.mark(), v1::WATCH_MARK_SNAPSHOT_DONE);
  context.TryCancel();
  stream->Finish();
}

TEST_F(WatchStreamTest, BeyondTheMaximumStreamsAreRefused) {
  class Idle final : public Watcher {
    void OnChange() override {}
    void OnIdle() override {}
    void OnDrain() override {}
  };
  std::vector<std::unique_ptr<Idle>> watchers;
  OnCoreThread([&](NodeHost& host) {
    for (size_t i = 0; i < Watchers::kMost; ++i) {
      watchers.push_back(std::make_unique<Idle>());
      ASSERT_TRUE(host.watchers().Add(watchers.back().get()));
    }
  });
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(ReasonOfStatus(stream->Finish()), "TOO_MANY_STREAMS");
  OnCoreThread([&](NodeHost& host) {
    for (const auto& watcher : watchers) host.watchers().Remove(watcher.get());
  });
}

TEST_F(WatchStreamTest, ADrainEndsTheStream) {
  const auto stub = v1::NodeService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  Notification drained;
  host_->Drain(absl::Seconds(10), [&] { drained.Notify(); });
  drained.WaitForNotification();
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(ReasonOfStatus(stream->Finish()), "DRAINING");
}

TEST_F(WatchStreamTest, ClientsThatGoAwayLeaveNothingBehind) {
  const auto stub = v1::NodeService::NewStub(channel_);
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    SetDeadline(context);
    const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
    if (i % 2 == 0) {
      v1::WatchEventsResponse message;
      ASSERT_TRUE(stream->Read(&message));
    }
    context.TryCancel();
    stream->Finish();
  }
}

}  // namespace
}  // namespace p2pd::daemon
