#include "daemon/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace p2pd::daemon {
namespace {

using ::testing::HasSubstr;

const Setting& Find(absl::string_view key) {
  for (const Setting& setting : SettingTable()) {
    if (setting.key == key) return setting;
  }
  ADD_FAILURE() << "no setting " << key;
  return SettingTable().front();
}

std::vector<std::string> Values65() { return std::vector<std::string>(65, "08:00-18:00 up=1KiB"); }

TEST(Settings, KeysAndFlagsAreUnique) {
  std::set<absl::string_view> keys;
  std::set<absl::string_view> flags;
  for (const Setting& setting : SettingTable()) {
    EXPECT_TRUE(keys.insert(setting.key).second) << setting.key;
    EXPECT_TRUE(flags.insert(setting.flag).second) << setting.flag;
  }
}

TEST(Settings, WhatIsPrintedIsReadBackToTheSame) {
  Config config;
  config.data_dir = "/var/lib/p2pd";
  config.listen = net::Endpoint::Parse("[2001:db8::1]:7464").value();
  config.advertise = {net::Endpoint::Parse("192.0.2.1:7464").value()};
  config.bootstrap = {"node.example.org:7464", "192.0.2.9:1"};
  config.doors = {Door::Parse("unix:/run/p2pd/control.sock").value(),
                  Door::Parse("127.0.0.1:0").value()};
  config.role = overlay::Role::kClient;
  config.calls.ring_from = node::RingRules::From::kContacts;
  config.calls.waiting = false;
  config.calls.quiet_hours = node::QuietHours{22 * 60, 7 * 60 + 30};
  config.calls.follow_transfers = false;
  config.calls.dtx = true;
  config.calls.voicemail = absl::Seconds(25);
  config.calls.voicemail_greeting = "/var/lib/p2pd/greeting.wav";
  config.calls.voicemail_length = absl::Minutes(5);
  config.calls.history = absl::Hours(24);
  config.strict_revocation = true;
  config.state_lifetime = absl::Seconds(90);
  config.archive.feeds = {
      archive::intake::FeedSettings::Parse("https://a.example/rss?k=v ubuntu|debian -beta").value(),
      archive::intake::FeedSettings::Parse("http://10.0.0.1/ >1MiB").value()};
  config.archive.limits = {.up = 4096, .down = 1 << 20, .slots = 4, .connections = 50};
  config.archive.limits.budget = size_t{3} << 40;
  config.archive.limits.schedule = {{.days = 0x1f, .from = 480, .to = 1080, .up = 0},
                                    {.down = 2048}};
  for (const Setting& setting : SettingTable()) {
    Config again;
    const auto printed = setting.print(config);
    ASSERT_TRUE(setting.apply(again, printed).ok()) << setting.key;
    EXPECT_EQ(setting.print(again), printed) << setting.key;
  }
}

TEST(Settings, RefusesWhatIsNoValueAndSaysWhy) {
  struct Row {
    absl::string_view key;
    std::vector<std::string> values;
    absl::string_view why;
  };
  const Row kRows[] = {
      {"data_dir", {""}, "names no folder"},
      {"net.listen", {"7464"}, "is not ADDR:PORT"},
      {"catalogue.listen", {"8080"}, "is not ADDR:PORT"},
      {"catalogue.url", {"archive.example"}, "begins with http:// or https://"},
      {"catalogue.url", {"http://a\"b"}, "begins with http:// or https://"},
      {"catalogue.announce", {"ftp://a/announce"}, "or udp://"},
      {"catalogue.private", {"yes"}, "neither true nor false"},
      {"metrics.listen", {"9100"}, "is not ADDR:PORT"},
      {"archive.feeds", {"ubuntu"}, "http://"},
      {"archive.feeds", {"http://a/ >much"}, "is no size"},
      {"archive.feeds", {"http://a/ x", "http://a/ y"}, "named twice"},
      {"archive.feed_period", {"10ms"}, "1s"},
      {"net.listen", {"node.example:7464"}, "is not ADDR:PORT"},
      {"net.advertise", {"0.0.0.0:7464"}, "no address that others could send to"},
      {"net.advertise", {"192.0.2.1:0"}, "no address that others could send to"},
      {"net.advertise", {"1.1.1.1:1", "1.1.1.2:1", "1.1.1.3:1", "1.1.1.4:1", "1.1.1.5:1"}, "4"},
      {"net.bootstrap", {"example.org"}, "is not HOST:PORT"},
      {"net.role", {"server"}, "neither peer nor client"},
      {"net.maintenance_bytes_per_second", {"99"}, "100 and 4000"},
      {"net.maintenance_bytes_per_second", {"nan"}, "100 and 4000"},
      {"net.relay_bytes_per_second", {"-1"}, "0 and 1000000000"},
      {"control.doors", {}, "nobody could come in"},
      {"control.doors", {"0.0.0.0:7465"}, "loopback"},
      {"control.doors", {"unix:"}, "needs a path"},
      {"control.doors", {"here"}, "neither unix:PATH nor ADDR:PORT"},
      {"log.level", {"loud"}, "none of trace"},
      {"store.max_bytes", {"1MiB"}, "less than 8MiB"},
      {"store.max_bytes", {"many"}, "is no size"},
      {"presence.state_lifetime", {"1s"}, "not within 30s and 10min"},
      {"archive.up", {"1000"}, "less than 1KiB a second"},
      {"archive.down", {"fast"}, "is no size"},
      {"archive.slots", {"-1"}, "not a number within 0 and 100000"},
      {"archive.connections", {"100001"}, "not a number within 0 and 100000"},
      {"archive.schedule", {"08:00-18:00"}, "neither up=RATE nor down=RATE"},
      {"archive.schedule", Values65(), "more than 64 rules"},
      {"archive.budget", {"1025TiB"}, "more than 1 PiB"},
      {"calls.ring_timeout", {"1h"}, "not within 5s and 10min"},
      {"calls.rekey", {"1s"}, "not within 2s and 1d"},
      {"calls.ring_from", {"friends"}, "none of everybody, contacts, nobody"},
      {"calls.quiet_hours", {"22-7"}, "no hours"},
      {"trust.strict_revocation", {"yes"}, "neither true nor false"},
  };
  for (const Row& row : kRows) {
    Config config;
    const absl::Status status = Find(row.key).apply(config, row.values);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.key;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(row.why))) << row.key;
  }
}

}  // namespace
}  // namespace p2pd::daemon
