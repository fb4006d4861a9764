#include "daemon/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "tests/unit/daemon/temp_dir.h"

namespace p2pd::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
 protected:
  std::variant<Invocation, EarlyExit> Read(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "p2pd");
    return ReadInvocation(static_cast<int>(arguments.size()), arguments.data(), environment_);
  }
  Invocation Good(std::vector<const char*> arguments) {
    auto read = Read(std::move(arguments));
    if (auto* exit = std::get_if<EarlyExit>(&read)) {
      ADD_FAILURE() << exit->output;
      return {};
    }
    return std::get<Invocation>(read);
  }
  EarlyExit Bad(std::vector<const char*> arguments) {
    auto read = Read(std::move(arguments));
    if (auto* exit = std::get_if<EarlyExit>(&read)) return *exit;
    ADD_FAILURE() << "accepted";
    return {};
  }
  std::string Write(const std::string& content) {
    const std::string path = folder_.path() + "/p2pd.toml";
    std::ofstream(path) << content;
    return path;
  }
  TempDir folder_;
  Environment environment_{.home = "/h/u", .xdg_runtime_dir = "/run/user/7"};
};

TEST_F(OptionsTest, FlagsOverruleTheFileAndTheFileTheDefaults) {
  const std::string file = Write("[net]\nlisten = \"192.0.2.1:1\"\n[log]\nlevel = \"warn\"\n");
  const Invocation run = Good({"--config", file.c_str(), "--listen", "192.0.2.1:2", "--bootstrap",
                               "a.example:1", "--bootstrap", "b.example:2"});
  EXPECT_EQ(run.action, Invocation::Action::kRun);
  EXPECT_EQ(run.config.listen.ToString(), "192.0.2.1:2");
  EXPECT_EQ(run.config.log_level, LogLevel::kWarn);
  EXPECT_THAT(run.config.bootstrap, ElementsAre("a.example:1", "b.example:2"));
  EXPECT_EQ(run.config.data_dir, "/h/u/.local/share/p2pd");
  EXPECT_EQ(run.config.file, file);
}

TEST_F(OptionsTest, SeveralDoorsReplaceTheDefaultOne) {
  const Invocation run = Good({"--control", "unix:/a", "--control", "127.0.0.1:0"});
  ASSERT_EQ(run.config.doors.size(), 2u);
  EXPECT_EQ(run.config.doors[0].ToString(), "unix:/a");
  EXPECT_EQ(run.config.doors[1].ToString(), "127.0.0.1:0");
}

TEST_F(OptionsTest, TheActionsAreTold) {
  EXPECT_EQ(Good({"--check-config"}).action, Invocation::Action::kCheckConfig);
  EXPECT_EQ(Good({"--print-config"}).action, Invocation::Action::kPrintConfig);
}

TEST_F(OptionsTest, HelpAndVersionEndWell) {
  EXPECT_EQ(Bad({"--version"}).code, 0);
  EXPECT_THAT(Bad({"--version"}).output, HasSubstr("p2pd "));
  EXPECT_EQ(Bad({"--help"}).code, 0);
  EXPECT_THAT(Bad({"--help"}).output, HasSubstr("--listen"));
}

TEST_F(OptionsTest, ErrorsAreOneLineWithCodeTwo) {
  const std::string broken = Write("[net]\nlisten = 5\n");
  const std::vector<std::vector<const char*>> rows = {
      {"--nonsense"},
      {"stray"},
      {"--listen"},
      {"--listen", "here"},
      {"--listen", "two\nlines"},
      {"two\nlines"},
      {"--listen", "192.0.2.1:1", "--listen", "192.0.2.1:2"},
      {"--config", "/nowhere/p2pd.toml"},
      {"--config", broken.c_str()},
  };
  for (const auto& row : rows) {
    const EarlyExit exit = Bad(row);
    EXPECT_EQ(exit.code, 2) << exit.output;
    EXPECT_EQ(exit.output.find('\n'), std::string::npos) << exit.output;
  }
  EXPECT_THAT(Bad({"--config", broken.c_str()}).output, HasSubstr(broken + ":2: net.listen: "));
  EXPECT_THAT(Bad({"--listen", "here"}).output, HasSubstr("--listen: 'here'"));
}

TEST_F(OptionsTest, AConfigurationIsAFile) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, folder_.path(), std::string("/dev/zero")}) {
    const EarlyExit exit = Bad({"--config", path.c_str()});
    EXPECT_EQ(exit.code, 2);
    EXPECT_THAT(exit.output, HasSubstr(path + " is no regular file"));
  }
  EXPECT_EQ(Good({"--config", "/dev/null"}).config.file, "/dev/null");
}

TEST_F(OptionsTest, FlagsOfPartsThatAreNotBuiltAreRefusedByName) {
  for (const char* flag : {"--sip", "--web"}) {
    const EarlyExit plain = Bad({flag});
    EXPECT_EQ(plain.code, 2);
    EXPECT_THAT(plain.output, HasSubstr(flag));
    EXPECT_THAT(plain.output, HasSubstr("not in this build"));
    EXPECT_EQ(Bad({(std::string(flag) + "=x").c_str()}).code, 2);
  }
}

TEST_F(OptionsTest, WhatNobodyNamesIsAskedFor) {
  environment_ = {.home = "/h/u"};
  EXPECT_THAT(Bad({}).output, HasSubstr("--control"));
  EXPECT_EQ(Good({"--control", "unix:/s"}).config.doors.size(), 1u);
  const std::string file = Write("[control]\ndoors = [\"unix:/from-file\"]\n");
  EXPECT_EQ(Good({"--config", file.c_str()}).config.doors[0].ToString(), "unix:/from-file");
}

TEST_F(OptionsTest, ReadsTheFileAgainForReload) {
  const std::string file = Write("[log]\nlevel = \"info\"\n");
  const std::vector<const char*> arguments = {"p2pd", "--config", file.c_str()};
  const int argc = static_cast<int>(arguments.size());
  EXPECT_EQ(ReadConfigAgain(argc, arguments.data(), environment_)->log_level, LogLevel::kInfo);
  Write("[log]\nlevel = \"debug\"\n");
  EXPECT_EQ(ReadConfigAgain(argc, arguments.data(), environment_)->log_level, LogLevel::kDebug);
  Write("[log]\nlevel = \"loud\"\n");
  EXPECT_FALSE(ReadConfigAgain(argc, arguments.data(), environment_).ok());
}

}  // namespace
}  // namespace p2pd::daemon
