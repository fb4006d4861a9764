#include "daemon/node_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

class NodeHostTest : public ServedNode {};

TEST_F(NodeHostTest, TakesAFreePortAndTellsIt) {
  EXPECT_NE(host_->listen_endpoint().port, 0);
  OnCoreThread([](NodeHost& host) {
    ASSERT_EQ(host.addresses().size(), 1u);
    EXPECT_EQ(host.addresses()[0], host.listen_endpoint());
  });
}

TEST_F(NodeHostTest, AnOperationIsAnsweredOnce) {
  Notification done;
  int answers = 0;
  OnCoreThread([&](NodeHost& host) {
    const overlay::Key key = overlay::Key();
    host.Await(host.node().Lookup(host.now(), key, false), absl::Seconds(10),
               [&](const node::Completed& completed) {
                 ++answers;
                 EXPECT_TRUE(completed.status.ok()) << completed.status;
                 done.Notify();
               });
  });
  done.WaitForNotification();
  OnCoreThread([&](NodeHost&) { EXPECT_EQ(answers, 1); });
}

TEST_F(NodeHostTest, PatienceEndsAnOperationThatNobodyAnswers) {
  Notification done;
  absl::Status status;
  OnCoreThread([&](NodeHost& host) {
    host.Await(node::OperationId(987'654'321), absl::ZeroDuration(),
               [&](const node::Completed& completed) {
                 status = completed.status;
                 done.Notify();
               });
  });
  done.WaitForNotification();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(NodeHostTest, BeyondTheMaximumOperationsAreRefused) {
  OnCoreThread([](NodeHost& host) {
    int refused = 0;
    for (size_t i = 0; i < NodeHost::kMaxWaiting + 1; ++i) {
      host.Await(node::OperationId(1'000'000'000 + i), absl::Hours(1),
                 [&refused](const node::Completed& completed) {
                   refused += absl::IsResourceExhausted(completed.status) ? 1 : 0;
                 });
    }
    EXPECT_EQ(refused, 1);
  });
  Notification drained;
  host_->Drain(absl::Milliseconds(1), [&] { drained.Notify(); });
  drained.WaitForNotification();
}

TEST_F(NodeHostTest, DrainFailsWhatWaitsAndEndsTheWatchers) {
  class Counting final : public Watcher {
   public:
    void OnChange() override {}
    void OnIdle() override {}
    void OnDrain() override { ++drains; }
    int drains = 0;
  };
  Counting watcher;
  absl::Status status;
  OnCoreThread([&](NodeHost& host) {
    ASSERT_TRUE(host.watchers().Add(&watcher));
    host.Await(node::OperationId(987'654'321), absl::Hours(1),
               [&](const node::Completed& completed) { status = completed.status; });
  });
  Notification drained;
  host_->Drain(absl::Seconds(10), [&] { drained.Notify(); });
  drained.WaitForNotification();
  OnCoreThread([&](NodeHost& host) {
    EXPECT_TRUE(host.draining());
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(watcher.drains, 1);
    host.watchers().Remove(&watcher);
  });
}

TEST_F(NodeHostTest, ARequestIdStandsForItsCall) {
  OnCoreThread([](NodeHost& host) {
    const auto call = host.rng().Make<session::CallId>();
    EXPECT_FALSE(host.CallOfRequest("r").has_value());
    host.RememberRequest("r", call);
    host.RememberRequest("", call);
    EXPECT_EQ(host.CallOfRequest("r"), call);
    EXPECT_FALSE(host.CallOfRequest("").has_value());
    for (size_t i = 0; i < NodeHost::kMaxRequestIds; ++i) {
      host.RememberRequest(absl::StrCat("other ", i), call);
    }
    EXPECT_FALSE(host.CallOfRequest("r").has_value()) << "the oldest goes";
  });
}

TEST_F(NodeHostTest, OneStreamPerDirectionOfACall) {
  OnCoreThread([](NodeHost& host) {
    const auto call = host.rng().Make<session::CallId>();
    const CallAudio send{.source = std::make_shared<media::PcmStreamSource>(), .sink = nullptr};
    const CallAudio receive{.source = nullptr, .sink = std::make_shared<media::PcmStreamSink>()};
    EXPECT_TRUE(host.AttachAudio(call, send).ok());
    EXPECT_TRUE(host.AttachAudio(call, receive).ok());
    EXPECT_EQ(host.AttachAudio(call, send).code(), absl::StatusCode::kAlreadyExists);
    host.DetachAudio(call, send);
    EXPECT_TRUE(host.AttachAudio(call, send).ok());
    const auto tone = host.rng().Make<session::CallId>();
    host.SetAudioSource(tone, v1::AUDIO_SOURCE_TONE);
    EXPECT_EQ(host.AttachAudio(tone, send).code(), absl::StatusCode::kFailedPrecondition);
  });
}

TEST(NodeHostStart, ATakenPortIsOneLine) {
  const TempDir folder;
  Config config;
  config.data_dir = folder.path() + "/a";
  config.listen = net::Endpoint::Parse("127.0.0.1:0").value();
  const auto first = NodeHost::Start(config);
  ASSERT_TRUE(first.ok()) << first.status();
  Config taken = config;
  taken.data_dir = folder.path() + "/b";
  taken.listen = (*first)->listen_endpoint();
  const auto second = NodeHost::Start(taken);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("--listen"));
}

TEST(NodeHostStart, ADamagedStoreIsOneLine) {
  const TempDir folder;
  Config config;
  config.data_dir = folder.path();
  config.listen = net::Endpoint::Parse("127.0.0.1:0").value();
  ASSERT_EQ(mkdir((folder.path() + "/store").c_str(), 0700), 0);
  std::ofstream(folder.path() + "/store/objects.db") << std::string(8192, 'x');
  const auto host = NodeHost::Start(config);
  ASSERT_FALSE(host.ok());
  EXPECT_THAT(std::string(host.status().message()), HasSubstr("objects.db"));
}

}  // namespace
}  // namespace p2pd::daemon
