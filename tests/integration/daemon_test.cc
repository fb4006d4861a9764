// The life of a daemon: start, bad input, reload, end, crash.
#include <gmock/gmock.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/harness.h"

namespace p2pd::integration {
namespace {

using ::testing::HasSubstr;

// One line that names what is wrong.
void ExpectOneLine(const Ended& ended, int code, const std::string& what) {
  EXPECT_EQ(ended.exit_code, code) << ended.error;
  EXPECT_THAT(ended.error, HasSubstr(what));
  // What the log says before it is not the message.
  const size_t message = ended.error.find("p2pd: ");
  ASSERT_NE(message, std::string::npos) << ended.error;
  EXPECT_EQ(ended.error.find('\n', message), ended.error.size() - 1) << ended.error;
}

TEST(DaemonLife, StartsTellsItsPortAndEndsCleanlyAtSigterm) {
  Daemon daemon;
  ASSERT_TRUE(daemon.ready()) << daemon.process().error();
  const v1::Node node = daemon.GetNode();
  EXPECT_EQ(node.listen_endpoint(), daemon.endpoint());
  EXPECT_EQ(node.state(), v1::Node::ALONE);
  const Ended ended = daemon.Stop();
  EXPECT_EQ(ended.exit_code, 0) << ended.error;
  EXPECT_FALSE(std::filesystem::exists(daemon.socket_path()));
}

TEST(DaemonLife, ShutdownOfTheApiEndsItCleanly) {
  Daemon daemon;
  ASSERT_TRUE(daemon.ready());
  v1::ShutdownResponse response;
  ASSERT_TRUE(
      daemon
          .Call<v1::NodeService>(&v1::NodeService::Stub::Shutdown, v1::ShutdownRequest(), &response)
          .ok());
  EXPECT_EQ(daemon.process().Wait().exit_code, 0);
}

TEST(DaemonLife, AnOpenWatchDoesNotHoldTheEndUp) {
  Daemon daemon;
  ASSERT_TRUE(daemon.ready());
  const auto stub = v1::NodeService::NewStub(daemon.channel());
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  ASSERT_TRUE(stream->Read(&message));
  daemon.process().Signal(SIGTERM);
  while (stream->Read(&message)) {
  }
  EXPECT_EQ(ReasonOf(stream->Finish()), "DRAINING");
  EXPECT_EQ(daemon.process().Wait().exit_code, 0);
}

TEST(DaemonLife, TwoFindEachOtherAndKnowEachOther) {
  Daemon first;
  ASSERT_TRUE(first.ready());
  Daemon second({.data_dir = "", .bootstrap = {first.endpoint()}, .more = {}});
  ASSERT_TRUE(second.ready());
  const auto stub = v1::NodeService::NewStub(second.channel());
  grpc::ClientContext context;
  Daemon::SetDeadline(context);
  const auto stream = stub->WatchEvents(&context, v1::WatchEventsRequest());
  v1::WatchEventsResponse message;
  while (second.GetNode().state() != v1::Node::JOINED) ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(second.GetNode().peer_count(), 1);
  context.TryCancel();
}

TEST(DaemonLife, ATakenPortIsOneLine) {
  Daemon first;
  ASSERT_TRUE(first.ready());
  const Folder folder;
  ExpectOneLine(RunDaemonProgram({"--data-dir", folder.path() + "/d", "--listen", first.endpoint(),
                                  "--control", "unix:" + folder.path() + "/s"}),
                1, "cannot listen on " + first.endpoint());
}

TEST(DaemonLife, ATakenDataFolderIsOneLine) {
  Daemon first;
  ASSERT_TRUE(first.ready());
  const Folder folder;
  ExpectOneLine(RunDaemonProgram({"--data-dir", first.data_dir(), "--listen", "127.0.0.1:0",
                                  "--control", "unix:" + folder.path() + "/s"}),
                1, "another p2pd");
}

TEST(DaemonLife, ATakenSocketIsOneLine) {
  Daemon first;
  ASSERT_TRUE(first.ready());
  const Folder folder;
  ExpectOneLine(RunDaemonProgram({"--data-dir", folder.path() + "/d", "--listen", "127.0.0.1:0",
                                  "--control", "unix:" + first.socket_path()}),
                1, "is served by another process");
  EXPECT_EQ(first.GetNode().name(), "node") << "the first still serves";
}

TEST(DaemonLife, AFolderThatCannotBeWrittenIsOneLine) {
  const Folder folder;
  std::ofstream(folder.path() + "/file") << "x";
  ExpectOneLine(RunDaemonProgram({"--data-dir", folder.path() + "/file", "--listen", "127.0.0.1:0",
                                  "--control", "unix:" + folder.path() + "/s"}),
                1, folder.path() + "/file");
  if (geteuid() == 0) return;  // Modes mean nothing to root.
  ASSERT_EQ(mkdir((folder.path() + "/locked").c_str(), 0500), 0);
  ExpectOneLine(RunDaemonProgram({"--data-dir", folder.path() + "/locked/d", "--listen",
                                  "127.0.0.1:0", "--control", "unix:" + folder.path() + "/s"}),
                1, folder.path() + "/locked");
}

TEST(DaemonLife, BadConfigurationIsOneLineWithCodeTwo) {
  const Folder folder;
  const std::string file = folder.path() + "/p2pd.toml";
  std::ofstream(file) << "[net]\nlisten = \"nowhere\"\n";
  ExpectOneLine(RunDaemonProgram({"--config", file}), 2, file + ":2: net.listen: ");
  ExpectOneLine(RunDaemonProgram({"--config", folder.path() + "/none.toml"}), 2, "none.toml");
  ExpectOneLine(RunDaemonProgram({"--listen", "x"}), 2, "--listen: 'x'");
  ExpectOneLine(RunDaemonProgram({"--web", "x"}), 2, "not in this build");
  ExpectOneLine(RunDaemonProgram({"--control", "0.0.0.0:0"}), 2, "loopback");
}

TEST(DaemonLife, ConfigurationIsCheckedAndPrinted) {
  const Folder folder;
  const std::string door = "unix:" + folder.path() + "/s";
  const Ended checked = RunDaemonProgram({"--check-config", "--control", door});
  EXPECT_EQ(checked.exit_code, 0) << checked.error;
  const Ended printed = RunDaemonProgram({"--print-config", "--control", door});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.output, HasSubstr("[control]"));
  const std::string file = folder.path() + "/p2pd.toml";
  std::ofstream(file) << printed.output;
  const Ended again = RunDaemonProgram({"--print-config", "--config", file});
  EXPECT_EQ(again.output, printed.output);
}

TEST(DaemonLife, SighupReadsTheFileAgain) {
  const Folder folder;
  const std::string file = folder.path() + "/p2pd.toml";
  std::ofstream(file) << "[log]\nlevel = \"info\"\n";
  Daemon daemon({.data_dir = "", .bootstrap = {}, .more = {"--config", file}});
  ASSERT_TRUE(daemon.ready());
  std::ofstream(file) << "[log]\nlevel = \"info\"\n[calls]\nring_timeout = \"7s\"\n";
  daemon.process().Signal(SIGHUP);
  EXPECT_TRUE(daemon.process().WaitForLine("calls.ring_timeout takes effect at the next start"));
  std::ofstream(file) << "[log]\nlevel = \"loud\"\n";
  daemon.process().Signal(SIGHUP);
  EXPECT_TRUE(daemon.process().WaitForLine("not reloaded: " + file + ":2: log.level"));
  EXPECT_EQ(daemon.GetNode().name(), "node") << "it goes on";
}

TEST(DaemonLife, WhatWasAcknowledgedOutlivesKill) {
  const Folder folder;
  const std::string data = folder.path() + "/data";
  std::string id;
  {
    Daemon daemon({.data_dir = data, .bootstrap = {}, .more = {}});
    ASSERT_TRUE(daemon.ready());
    id = daemon.GetNode().node_id();
    v1::PutRequest put;
    put.set_key("name:kept");
    put.set_value("still here");
    v1::PutResponse stored;
    ASSERT_TRUE(daemon.Call<v1::OverlayService>(&v1::OverlayService::Stub::Put, put, &stored).ok());
    v1::CreateIdentityRequest create;
    create.set_email("alice@example.org");
    v1::Identity identity;
    ASSERT_TRUE(daemon
                    .Call<v1::IdentityService>(&v1::IdentityService::Stub::CreateIdentity, create,
                                               &identity)
                    .ok());
    daemon.Kill();
  }
  Daemon again({.data_dir = data, .bootstrap = {}, .more = {}});
  ASSERT_TRUE(again.ready()) << again.process().error();
  EXPECT_EQ(again.GetNode().node_id(), id);
  v1::GetRequest get;
  get.set_key("name:kept");
  v1::GetResponse found;
  ASSERT_TRUE(again.Call<v1::OverlayService>(&v1::OverlayService::Stub::Get, get, &found).ok());
  ASSERT_EQ(found.values_size(), 1);
  EXPECT_EQ(found.values(0).value(), "still here");
  v1::ListIdentitiesResponse identities;
  ASSERT_TRUE(again
                  .Call<v1::IdentityService>(&v1::IdentityService::Stub::ListIdentities,
                                             v1::ListIdentitiesRequest(), &identities)
                  .ok());
  ASSERT_EQ(identities.identities_size(), 1);
  EXPECT_EQ(identities.identities(0).email(), "alice@example.org");
}

TEST(DaemonLife, ASocketLeftByKillIsReplaced) {
  const Folder folder;
  const std::string socket = folder.path() + "/s";
  const std::vector<std::string> door = {"--control", "unix:" + socket};
  {
    Daemon daemon({.data_dir = "", .bootstrap = {}, .more = door});
    ASSERT_TRUE(daemon.ready());
    daemon.Kill();
  }
  ASSERT_TRUE(std::filesystem::exists(socket));
  Daemon again({.data_dir = "", .bootstrap = {}, .more = door});
  EXPECT_TRUE(again.ready()) << again.process().error();
}

TEST(DaemonLife, NothingItMakesIsForOthers) {
  Daemon daemon({.data_dir = "", .bootstrap = {}, .more = {}, .tcp_door = true});
  ASSERT_TRUE(daemon.ready());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(daemon.data_dir())) {
    struct stat info{};
    ASSERT_EQ(lstat(entry.path().c_str(), &info), 0);
    const bool readable_by_others = (info.st_mode & 0077) != 0;
    const std::string name = entry.path().filename();
    // The folder around them is closed; these say nothing that is secret.
    EXPECT_TRUE(!readable_by_others || name == "tls.pem" || name == "epoch") << entry.path();
  }
}

}  // namespace
}  // namespace p2pd::integration
