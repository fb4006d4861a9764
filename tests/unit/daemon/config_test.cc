#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

bool Nothing(absl::string_view) { return false; }
bool Everything(absl::string_view) { return true; }

TEST(Defaults, OfAUserAreTheXdgFolders) {
  const Environment user{.home = "/h/u", .xdg_runtime_dir = "/run/user/7"};
  const auto config = DefaultConfig(user, Nothing);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/h/u/.local/share/p2pd");
  ASSERT_EQ(config->doors.size(), 1u);
  EXPECT_EQ(config->doors[0].ToString(), "unix:/run/user/7/p2pd/control.sock");
  EXPECT_TRUE(config->listen.address.IsUnspecified());
  EXPECT_EQ(config->listen.port, 7464);
  const Environment chosen{.home = "/h/u", .xdg_data_home = "/d", .xdg_runtime_dir = "/r"};
  EXPECT_EQ(DefaultConfig(chosen, Nothing)->data_dir, "/d/p2pd");
}

TEST(Defaults, OfAServiceAreWhatSystemdSays) {
  const Environment service{
      .home = "/", .state_directory = "/var/lib/p2pd", .runtime_directory = "/run/p2pd"};
  const auto config = DefaultConfig(service, Nothing);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->data_dir, "/var/lib/p2pd");
  EXPECT_EQ(config->doors[0].ToString(), "unix:/run/p2pd/control.sock");
}

TEST(Defaults, OfRootWithoutASessionIsTheSystemsSocket) {
  const Environment root{.root = true, .home = "/root"};
  EXPECT_EQ(DefaultConfig(root, Nothing)->doors[0].ToString(), "unix:/run/p2pd/control.sock");
}

TEST(Defaults, WhatCannotBeToldIsAskedFor) {
  const Environment no_home{.xdg_runtime_dir = "/r"};
  EXPECT_THAT(std::string(DefaultConfig(no_home, Nothing).status().message()),
              HasSubstr("--data-dir"));
  EXPECT_TRUE(DefaultConfig(no_home, Everything).ok());
  const Environment no_session{.home = "/h/u"};
  EXPECT_THAT(std::string(DefaultConfig(no_session, Nothing).status().message()),
              HasSubstr("--control"));
}

TEST(Toml, SetsWhatItNames) {
  Config config;
  const absl::Status status = ApplyToml(R"(
data_dir = "/d"
[net]
listen = "127.0.0.1:0"
bootstrap = ["a.example:1", "192.0.2.1:2"]
maintenance_bytes_per_second = 1000
[trust]
strict_revocation = true
[log]
level = "debug"
)",
                                        "t.toml", config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(config.data_dir, "/d");
  EXPECT_EQ(config.listen.ToString(), "127.0.0.1:0");
  EXPECT_THAT(config.bootstrap, ElementsAre("a.example:1", "192.0.2.1:2"));
  EXPECT_EQ(config.maintenance_bytes_per_second, 1000);
  EXPECT_TRUE(config.strict_revocation);
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
}

TEST(Toml, ErrorsNameFileLineKeyAndWhy) {
  struct Row {
    absl::string_view content;
    absl::string_view starts;
  };
  constexpr Row kRows[] = {
      {"\n[net]\nlisten = \"x\"\n", "t.toml:3: net.listen: 'x' is not ADDR:PORT"},
      {"[net]\nlisten = [\"192.0.2.1:1\"]\n", "t.toml:2: net.listen: takes one value"},
      {"[net]\nlistn = \"192.0.2.1:1\"\n", "t.toml:2: net.listn: no such setting"},
      {"[nett]\nlisten = \"192.0.2.1:1\"\n", "t.toml:2: nett.listen: no such setting"},
      {"listen = 1\n", "t.toml:1: listen: no such setting"},
      {"[net]\nlisten = {a = 1}\n", "t.toml:2: net.listen: is neither text"},
      {"[net\n", "t.toml:1: not TOML:"},
  };
  for (const Row& row : kRows) {
    Config config;
    const absl::Status status = ApplyToml(row.content, "t.toml", config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.content;
    EXPECT_THAT(std::string(status.message()), StartsWith(std::string(row.starts)));
  }
}

TEST(Toml, PrintedConfigurationReadsBackToTheSame) {
  Config config;
  config.data_dir = "/with \"quotes\" and \\";
  config.listen = net::Endpoint::Parse("192.0.2.1:9").value();
  config.bootstrap = {"a.example:1"};
  config.doors = {Door::Parse("unix:/s").value()};
  config.ring_contacts_only = true;
  const std::string printed = PrintToml(config);
  Config again;
  const absl::Status status = ApplyToml(printed, "p.toml", again);
  ASSERT_TRUE(status.ok()) << status << "\n" << printed;
  EXPECT_EQ(PrintToml(again), printed);
}

TEST(Doors, TcpIsLoopbackOnly) {
  EXPECT_TRUE(Door::Parse("127.0.0.1:0").ok());
  EXPECT_TRUE(Door::Parse("[::1]:7465").ok());
  for (const absl::string_view text : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1", "localhost:1", ""}) {
    EXPECT_FALSE(Door::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace p2pd::daemon
