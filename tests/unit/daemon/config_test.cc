#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

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
      {"[nett]\nlisten = \"192.0.2.1:1\"\n", "t.toml:1: nett: no such setting"},
      {"[nett]\n", "t.toml:1: nett: no such setting"},
      {"[net]\n[net.listn]\n", "t.toml:2: net.listn: no such setting"},
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

// The operator's own file, and still: whatever is in it ends in one line or in a configuration.
void ExpectRefusedInOneLine(const std::string& content) {
  Config config;
  const absl::Status status = ApplyToml(content, "t.toml", config);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << content.substr(0, 60);
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
  EXPECT_THAT(std::string(status.message()), StartsWith("t.toml:")) << content.substr(0, 60);
  EXPECT_LT(status.message().size(), 1000u);
}

TEST(Toml, LongAndDeepFilesAreRefused) {
  const auto repeat = [](absl::string_view what, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) absl::StrAppend(&out, what);
    return out;
  };
  const std::string refused[] = {
      repeat("[", 100'000),
      "x = " + repeat("[", 50'000),
      "x = " + repeat("{a=", 50'000),
      repeat("a.", 50'000) + "b = 1\n",
      repeat("a.", 2'000) + "b = 1\n",
      "[" + repeat("a.", 2'000) + "a]\n" + repeat("a.", 2'000) + "b = 1\n",
      repeat("[", 4'000),
      "x = " + repeat("[", 4'000),
      "x = " + repeat("{a=", 1'000),
      repeat("# a comment\n", 50'000),
      "data_dir = \"\"\"" + repeat("x", 200'000),
      "[control]\ndoors = [\"unix:/" + repeat("x", 108) + "\"]\n"};
  for (const std::string& content : refused) ExpectRefusedInOneLine(content);
}

TEST(Toml, OddFilesAreReadOrRefusedInOneLine) {
  const std::string good = "[net]\nlisten = \"127.0.0.1:0\"\n";
  const std::string refused[] = {std::string("\0", 1),
                                 std::string("[net]\nlisten = \"\0\"\n", 18),
                                 "\xff\xfe[net]\n",
                                 "\xc3\x28 = 1\n",
                                 "# \x01\n[net]\nlistn = 1\n",
                                 good + good,
                                 good + "[net]\nrole = \"peer\"\n",
                                 "data_dir = \"a\"\ndata_dir = \"b\"\n",
                                 "[net]\nlisten = 1979-05-27T07:32:00Z\n",
                                 "[net]\nlisten = nan\n",
                                 "[net]\nmaintenance_bytes_per_second = inf\n",
                                 "[net]\nmaintenance_bytes_per_second = 99999999999999999999\n",
                                 "[net]\nmaintenance_bytes_per_second = 0x7fffffffffffffff\n",
                                 "[.net]\nlisten = \"127.0.0.1:0\"\n",
                                 "[[[[",
                                 "[=]\n",
                                 "[[,]]\n",
                                 "[[net]]\nlisten = \"x\"\n",
                                 "net = \"x\"\n",
                                 "[net]\nlisten = [[\"127.0.0.1:0\"]]\n",
                                 "[net]\nbootstrap = {a = \"b:1\"}\n",
                                 "[net]\nbootstrap = [1, 2]\n",
                                 "[net.deep]\nlisten = \"x\"\n",
                                 "[\"net\\u0000\"]\nx = 1\n",
                                 "\"two\\nlines\" = 1\n",
                                 "[net]\nlisten = \"two\\nlines\"\n",
                                 "\"\" = 1\n",
                                 "= 1\n",
                                 "data_dir\n",
                                 "data_dir = 'a\n",
                                 "data_dir = \"\\q\"\n",
                                 "[control]\ndoors = []\n"};
  for (const std::string& content : refused) ExpectRefusedInOneLine(content);
  const std::string accepted[] = {"",
                                  "\n",
                                  "\xef\xbb\xbf" + good,
                                  "# only a comment, ünïcödé",
                                  "\r\n[net]\r\nrole = \"peer\"\r\n",
                                  "net.listen = \"127.0.0.1:0\"\n",
                                  "net = {listen = \"127.0.0.1:0\"}\n",
                                  "[net]\n[log]\n"};
  for (const std::string& content : accepted) {
    Config config;
    const absl::Status status = ApplyToml(content, "t.toml", config);
    EXPECT_TRUE(status.ok()) << content << ": " << status;
  }
}

TEST(Together, WhatNeedsSomethingElseSaysSo) {
  const auto wrong = [](void (*change)(Config&)) {
    Config config;
    EXPECT_TRUE(CheckTogether(config).ok());
    change(config);
    const absl::Status status = CheckTogether(config);
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    return std::string(status.message());
  };
  using archive::tracker::AccessMode;
  EXPECT_THAT(wrong([](Config& c) { c.tracker.mode = AccessMode::kKeys; }),
              HasSubstr("tracker.keys"));
  EXPECT_THAT(wrong([](Config& c) { c.tracker.mode = AccessMode::kAllowList; }),
              HasSubstr("tracker.allow"));
  EXPECT_THAT(wrong([](Config& c) { c.archive.federation = "rack"; }),
              HasSubstr("--federation-key"));
  EXPECT_THAT(wrong([](Config& c) { c.catalogue.listen = net::Endpoint::Parse("127.0.0.1:0"); }),
              HasSubstr("--archive or --tracker"));
}

TEST(Toml, PrintedConfigurationReadsBackToTheSame) {
  Config config;
  config.data_dir = "/with \"quotes\" and \\";
  config.listen = net::Endpoint::Parse("192.0.2.1:9").value();
  config.bootstrap = {"a.example:1"};
  config.doors = {Door::Parse("unix:/s").value()};
  config.calls.ring_from = node::RingRules::From::kNobody;
  const std::string printed = PrintToml(config);
  Config again;
  const absl::Status status = ApplyToml(printed, "p.toml", again);
  ASSERT_TRUE(status.ok()) << status << "\n" << printed;
  EXPECT_EQ(PrintToml(again), printed);
}

TEST(Doors, APathLongerThanASocketsIsRefusedBeforeAnythingStarts) {
  EXPECT_TRUE(Door::Parse("unix:/" + std::string(106, 'x')).ok());
  const absl::Status status = Door::Parse("unix:/" + std::string(107, 'x')).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("107"));
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
