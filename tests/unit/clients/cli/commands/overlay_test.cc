#include <filesystem>
#include <fstream>

#include "tests/unit/clients/cli/fake_daemon.h"
#include "tests/unit/clients/device.h"

namespace p2pd::cli {
namespace {

class OverlayCommands : public WithFakeDaemon {};

TEST_F(OverlayCommands, PutSendsFileTtlAndSecret) {
  std::ofstream(Path("value")) << "hello";
  std::ofstream(Path("secret")) << "sesame";

  const Outcome outcome = Run({"overlay", "put", "name:greeting", Path("value"), "--ttl", "2h",
                               "--secret-file", Path("secret")});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(overlay_.Put_.request.key(), "name:greeting");
  EXPECT_EQ(overlay_.Put_.request.value(), "hello");
  EXPECT_EQ(overlay_.Put_.request.ttl().seconds(), 7200);
  EXPECT_EQ(overlay_.Put_.request.remove_secret(), "sesame");
}

TEST_F(OverlayCommands, PutRefusesBadFlagsBeforeAsking) {
  std::ofstream(Path("value")) << "hello";

  EXPECT_EQ(Run({"overlay", "put", "name:x", Path("value"), "--ttl", "long"}).code, 2);
  EXPECT_EQ(Run({"overlay", "put", "name:x", Path("none")}).code, 2);
  EXPECT_EQ(overlay_.Put_.calls, 0);
}

TEST_F(OverlayCommands, GetWritesTheOneValue) {
  overlay_.Get_.response.add_values()->set_value(std::string("a\0b", 3));

  EXPECT_EQ(Run({"overlay", "get", "name:x", "--out", Path("out")}).code, 0);
  std::ifstream file(Path("out"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string("a\0b", 3));

  overlay_.Get_.response.add_values()->set_value("second");
  EXPECT_EQ(Run({"overlay", "get", "name:x", "--out", Path("out2")}).code, 1);
}

TEST_F(OverlayCommands, GetLeavesADeviceADevice) {
  overlay_.Get_.response.add_values()->set_value("value");

  const std::string device = clients::MakeDevice(folder_, clients::kFullDevice);
  const std::string null = clients::MakeDevice(folder_, clients::kNullDevice);

  const Outcome full = Run({"overlay", "get", "name:x", "--out", device});

  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.err.find(device + ": No space left"), std::string::npos) << full.err;
  EXPECT_EQ(Run({"overlay", "get", "name:x", "--out", null}).code, 0);
  EXPECT_TRUE(std::filesystem::is_character_file(device));
  EXPECT_TRUE(std::filesystem::is_character_file(null));
}

TEST_F(OverlayCommands, GetLooksAtThePlaceFirst) {
  EXPECT_EQ(Run({"overlay", "get", "name:x", "--out", Path("no/such")}).code, 2);
  EXPECT_EQ(Run({"overlay", "get", "name:x", "--out", folder_}).code, 2);
  EXPECT_EQ(overlay_.Get_.calls, 0);
}

TEST_F(OverlayCommands, WhatTheDaemonFindsWrongIsUsageToo) {
  overlay_.Put_.status = {grpc::StatusCode::INVALID_ARGUMENT, "'zz' is no key"};
  std::ofstream(Path("value")) << "hello";

  EXPECT_EQ(Run({"overlay", "put", "zz", Path("value")}).code, 2);
}

TEST_F(OverlayCommands, LookupTraceAndPeersShowNodes) {
  overlay_.Lookup_.response.mutable_root()->set_node_id("aa");
  v1::TracedHop* hop = overlay_.Trace_.response.add_hops();
  hop->mutable_hop()->set_node_id("bbcc");
  hop->set_matching_digits(1);
  hop->mutable_elapsed()->set_nanos(1'500'000);
  hop->mutable_waited()->set_nanos(2'500'000);
  hop->add_silent_node_ids("ddee");
  overlay_.ListPeers_.response.add_peers()->set_node_id("cc");

  EXPECT_NE(Run({"overlay", "lookup", "email:a@b.org"}).out.find("root aa"), std::string::npos);
  const std::string trace = Run({"overlay", "trace", "email:a@b.org"}).out;
  EXPECT_NE(trace.find("b|bcc"), std::string::npos) << trace;
  EXPECT_NE(trace.find("1.5"), std::string::npos) << trace;
  EXPECT_NE(trace.find("kept 2.5"), std::string::npos) << trace;
  EXPECT_NE(trace.find("ddee  silent"), std::string::npos) << trace;
  EXPECT_NE(trace.find("each node measured"), std::string::npos) << trace;
  EXPECT_NE(Run({"overlay", "peers"}).out.find("cc"), std::string::npos);
  EXPECT_EQ(overlay_.Lookup_.request.key(), "email:a@b.org");
}

TEST_F(OverlayCommands, RemoveNeedsDigestAndSecret) {
  std::ofstream(Path("secret")) << "sesame";

  EXPECT_EQ(Run({"overlay", "remove", "name:x", "00ff", "--secret-file", Path("secret")}).code, 0);
  EXPECT_EQ(overlay_.RemoveValue_.request.digest(), "00ff");
  EXPECT_EQ(overlay_.RemoveValue_.request.remove_secret(), "sesame");
  EXPECT_EQ(Run({"overlay", "remove", "name:x"}).code, 2);
}

}  // namespace
}  // namespace p2pd::cli
