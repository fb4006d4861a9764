#include "daemon/options.h"

#include <errno.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/settings.h"
#include "daemon/version.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

// A configuration of every setting with comments has under 4 KiB.
constexpr size_t kMaxConfigFile = 256 * 1024;

// Flags that CONTRACT names for the gateways.
constexpr absl::string_view kOfLaterParts[] = {"--sip", "--web"};

struct Parsed {
  Invocation::Action action = Invocation::Action::kRun;
  std::string config_file;
  std::map<absl::string_view, std::vector<std::string>> values;  // by key
};

EarlyExit UsageError(absl::string_view why) {
  return {.code = 2, .output = absl::StrCat("p2pd: ", OneLine(why))};
}

std::optional<EarlyExit> RefuseLaterParts(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    for (const absl::string_view flag : kOfLaterParts) {
      if (argument == flag || absl::StartsWith(argument, absl::StrCat(flag, "="))) {
        return UsageError(absl::StrCat(flag, ": the part that serves it is not in this build"));
      }
    }
  }
  return std::nullopt;
}

// A pipe would make the start wait for whoever writes into it, and it cannot be read again at
// SIGHUP. /dev/null stands for an empty file.
absl::Status CheckIsFile(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return FileError(errno, "open", path);
  struct stat null{};
  const bool is_null =
      S_ISCHR(info.st_mode) && stat("/dev/null", &null) == 0 && info.st_rdev == null.st_rdev;
  if (S_ISREG(info.st_mode) || is_null) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, " is no regular file: it is read at the start and again at SIGHUP; name a file"));
}

std::string Text(absl::string_view view) { return std::string(view); }

std::variant<Parsed, EarlyExit> ParseFlags(int argc, const char* const* argv) {
  if (auto refused = RefuseLaterParts(argc, argv)) return *std::move(refused);
  CLI::App app("p2pd: telephone exchange of your own, without a server", "p2pd");
  app.set_version_flag("--version", absl::StrCat("p2pd ", kVersion));
  Parsed parsed;
  bool check = false;
  bool print = false;
  app.add_option("--config", parsed.config_file, "Configuration file (TOML).")->type_name("FILE");
  app.add_flag("--check-config", check, "Check the configuration and end.");
  app.add_flag("--print-config", print, "Print the configuration as it would be used and end.");
  for (const Setting& setting : SettingTable()) {
    std::vector<std::string>& values = parsed.values[setting.key];
    if (setting.alone) {
      app.add_flag(Text(setting.flag), values, Text(setting.help));
      continue;
    }
    CLI::Option* option = app.add_option(Text(setting.flag), values, Text(setting.help));
    option->type_name(Text(setting.value_name))->expected(1)->allow_extra_args(false);
    if (setting.list) {
      option->take_all();
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    // Help or version.
    if (dynamic_cast<const CLI::CallForVersion*>(&done) != nullptr) {
      return EarlyExit{.code = 0, .output = absl::StrCat("p2pd ", kVersion, "\n")};
    }
    return EarlyExit{.code = 0, .output = app.help()};
  } catch (const CLI::Error& error) {
    return UsageError(absl::StrCat(error.what(), "; see p2pd --help"));
  }
  if (print) parsed.action = Invocation::Action::kPrintConfig;
  if (check) parsed.action = Invocation::Action::kCheckConfig;
  return parsed;
}

absl::StatusOr<Config> Resolve(const Parsed& parsed, const Environment& environment) {
  const auto given = [&parsed](absl::string_view key) {
    const auto found = parsed.values.find(key);
    return found != parsed.values.end() && !found->second.empty();
  };
  std::string file = parsed.config_file;
  if (file.empty()) file = DefaultConfigFile(environment);
  // What the file sets needs no default, so it is read first for that; order stays default < file.
  const auto lenient = [](absl::string_view) { return true; };
  P2PD_ASSIGN_OR_RETURN(Config config, DefaultConfig(environment, lenient));
  if (!file.empty()) {
    if (const absl::Status file_status = CheckIsFile(file); !file_status.ok()) {
      return absl::InvalidArgumentError(file_status.message());
    }
    const auto content = ReadFile(file, kMaxConfigFile);
    if (!content.ok()) return absl::InvalidArgumentError(content.status().message());
    P2PD_RETURN_IF_ERROR(ApplyToml(AsText(*content), file, config));
    config.file = file;
  }
  if (config.data_dir.empty() || config.doors.empty()) {
    P2PD_RETURN_IF_ERROR(DefaultConfig(environment, [&](absl::string_view key) {
                           return given(key) || (key == "data_dir" ? !config.data_dir.empty()
                                                                   : !config.doors.empty());
                         }).status());
  }
  for (const Setting& setting : SettingTable()) {
    if (!given(setting.key)) continue;
    const absl::Status status = setting.apply(config, parsed.values.at(setting.key));
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(setting.flag, ": ", status.message()));
    }
  }
  P2PD_RETURN_IF_ERROR(CheckTogether(config));
  return config;
}

}  // namespace

std::variant<Invocation, EarlyExit> ReadInvocation(int argc, const char* const* argv,
                                                   const Environment& environment) {
  std::variant<Parsed, EarlyExit> parsed = ParseFlags(argc, argv);
  if (auto* exit = std::get_if<EarlyExit>(&parsed)) return std::move(*exit);
  absl::StatusOr<Config> config = Resolve(std::get<Parsed>(parsed), environment);
  if (!config.ok()) return UsageError(config.status().message());
  return Invocation{.action = std::get<Parsed>(parsed).action, .config = *std::move(config)};
}

absl::StatusOr<Config> ReadConfigAgain(int argc, const char* const* argv,
                                       const Environment& environment) {
  std::variant<Parsed, EarlyExit> parsed = ParseFlags(argc, argv);
  if (const auto* exit = std::get_if<EarlyExit>(&parsed)) {
    return absl::InvalidArgumentError(exit->output);
  }
  return Resolve(std::get<Parsed>(parsed), environment);
}

}  // namespace p2pd::daemon
