#include "daemon/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

// "[.a]" and "[[[" break an assertion of toml++ 3.3, although its parser goes on to name what is
// wrong: a malformed file is an error of configuration, no reason to abort. Under NDEBUG the same
// assertions would be promises to clang's optimiser.
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/quantities.h"
#include "daemon/settings.h"
#include "libcore/base/status.h"
#include "libcore/runtime/unix_listener.h"

namespace p2pd::daemon {
namespace {

constexpr absl::string_view kConfigName = "/p2pd/p2pd.toml";
// Bytes of a file and of a line of it; far beyond what all settings fill. toml++ bounds how deep
// values nest, but not the depth of a dotted key, which its tables follow by recursion.
constexpr size_t kMaxFile = 256 << 10;
constexpr size_t kMaxLine = 4096;

std::string Env(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool Exists(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0;
}

bool IsSection(absl::string_view name) {
  for (const Setting& setting : SettingTable()) {
    if (absl::StartsWith(setting.key, absl::StrCat(name, "."))) return true;
  }
  return false;
}

const Setting* FindSetting(absl::string_view key) {
  for (const Setting& setting : SettingTable()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

absl::Status At(const std::string& file, const toml::source_region& source, absl::string_view key,
                absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, ":", source.begin.line, ": ", OneLine(key), ": ", OneLine(why)));
}

absl::StatusOr<std::string> Scalar(const toml::node& node) {
  if (const auto* text = node.as_string()) return std::string(text->get());
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  if (const auto* real = node.as_floating_point()) return absl::StrCat(real->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  return absl::InvalidArgumentError("is neither text, number nor true/false");
}

absl::StatusOr<std::vector<std::string>> Values(const toml::node& node, bool list) {
  std::vector<std::string> out;
  const auto* array = node.as_array();
  if (array == nullptr) {
    P2PD_ASSIGN_OR_RETURN(std::string value, Scalar(node));
    out.push_back(std::move(value));
    return out;
  }
  if (!list) return absl::InvalidArgumentError("takes one value, not a list");
  for (const toml::node& entry : *array) {
    P2PD_ASSIGN_OR_RETURN(std::string value, Scalar(entry));
    out.push_back(std::move(value));
  }
  return out;
}

absl::Status ApplyTable(const toml::table& table, const std::string& prefix,
                        const std::string& file, Config& config) {
  for (const auto& [name, node] : table) {
    const std::string key = absl::StrCat(prefix, absl::string_view(name.data(), name.length()));
    const Setting* setting = FindSetting(key);
    if (setting == nullptr) {
      const auto* inner = node.as_table();
      if (inner == nullptr || !IsSection(key)) {
        return At(file, node.source(), key, "no such setting; `p2pd --print-config` lists all");
      }
      P2PD_RETURN_IF_ERROR(ApplyTable(*inner, key + ".", file, config));
      continue;
    }
    const auto values = Values(node, setting->list);
    const absl::Status status = values.ok() ? setting->apply(config, *values) : values.status();
    if (!status.ok()) return At(file, node.source(), key, status.message());
  }
  return absl::OkStatus();
}

std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

absl::Status CheckSize(absl::string_view content, const std::string& file) {
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    if (line.size() > kMaxLine) {
      return absl::InvalidArgumentError(absl::StrCat(file, ":", number, ": a line of ", line.size(),
                                                     " bytes; ", kMaxLine, " is the most"));
    }
  }
  if (content.size() <= kMaxFile) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      file, ":", number, ": the file has ", content.size(), " bytes; ", kMaxFile, " is the most"));
}

}  // namespace

std::string OneLine(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool control = absl::ascii_iscntrl(static_cast<unsigned char>(c));
    out += control ? absl::CHexEscape(absl::string_view(&c, 1)) : std::string(1, c);
  }
  return out;
}

Environment ProcessEnvironment() {
  return {.root = geteuid() == 0,
          .home = Env("HOME"),
          .xdg_data_home = Env("XDG_DATA_HOME"),
          .xdg_config_home = Env("XDG_CONFIG_HOME"),
          .xdg_runtime_dir = Env("XDG_RUNTIME_DIR"),
          .state_directory = Env("STATE_DIRECTORY"),
          .runtime_directory = Env("RUNTIME_DIRECTORY")};
}

absl::StatusOr<Door> Door::Parse(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "unix:")) {
    if (text.empty()) return absl::InvalidArgumentError("'unix:' needs a path behind it");
    std::string path = std::filesystem::absolute(std::string(text)).lexically_normal().string();
    if (path.size() > runtime::UnixListener::kMaxPath) {
      return absl::InvalidArgumentError(absl::StrCat("'unix:", path, "' has ", path.size(),
                                                     " bytes, a Unix socket's path at most ",
                                                     runtime::UnixListener::kMaxPath));
    }
    return Door{.unix_path = std::move(path), .endpoint = {}};
  }
  const auto endpoint = net::Endpoint::Parse(text);
  if (!endpoint) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is neither unix:PATH nor ADDR:PORT"));
  }
  // gRPC 1.51 has known HTTP/2 weaknesses: it faces this machine only.
  if (!endpoint->address.IsLoopback()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text,
                     "' is not a loopback address; from another machine use "
                     "ssh -L, or nghttpx with client certificates in front"));
  }
  return Door{.unix_path = "", .endpoint = *endpoint};
}

std::string Door::ToString() const {
  return unix_path.empty() ? endpoint.ToString() : absl::StrCat("unix:", unix_path);
}

absl::StatusOr<Config> DefaultConfig(const Environment& environment,
                                     absl::FunctionRef<bool(absl::string_view)> given) {
  Config config;
  config.listen = net::Endpoint::Parse("[::]:7464").value();
  if (!environment.state_directory.empty()) {
    config.data_dir = environment.state_directory;
  } else if (!environment.xdg_data_home.empty()) {
    config.data_dir = absl::StrCat(environment.xdg_data_home, "/p2pd");
  } else if (!environment.home.empty()) {
    config.data_dir = absl::StrCat(environment.home, "/.local/share/p2pd");
  } else if (!given("data_dir")) {
    return absl::InvalidArgumentError("HOME is not set: name a folder with --data-dir");
  }
  std::string runtime_dir;
  if (!environment.runtime_directory.empty()) {
    runtime_dir = environment.runtime_directory;
  } else if (!environment.xdg_runtime_dir.empty()) {
    runtime_dir = absl::StrCat(environment.xdg_runtime_dir, "/p2pd");
  } else if (environment.root) {
    runtime_dir = "/run/p2pd";
  } else if (!given("control.doors")) {
    return absl::InvalidArgumentError(
        "XDG_RUNTIME_DIR is not set: name a socket with --control unix:PATH");
  }
  if (!runtime_dir.empty()) {
    config.doors = {Door{.unix_path = absl::StrCat(runtime_dir, "/control.sock"), .endpoint = {}}};
  }
  return config;
}

std::string DefaultConfigFile(const Environment& environment) {
  std::string path;
  if (!environment.state_directory.empty()) {
    path = absl::StrCat("/etc", kConfigName);
  } else if (!environment.xdg_config_home.empty()) {
    path = absl::StrCat(environment.xdg_config_home, kConfigName);
  } else if (!environment.home.empty()) {
    path = absl::StrCat(environment.home, "/.config", kConfigName);
  }
  return !path.empty() && Exists(path) ? path : std::string();
}

absl::Status ApplyToml(absl::string_view content, const std::string& file, Config& config) {
  if (absl::Status status = CheckSize(content, file); !status.ok()) return status;
  const toml::parse_result parsed =
      toml::parse(std::string_view(content.data(), content.size()), file);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return absl::InvalidArgumentError(absl::StrCat(
        file, ":", error.source().begin.line,
        ": not TOML: ", absl::string_view(error.description().data(), error.description().size())));
  }
  return ApplyTable(parsed.table(), "", file, config);
}

std::string PrintToml(const Config& config) {
  std::string out;
  std::string section;
  for (const Setting& setting : SettingTable()) {
    const std::pair<std::string, std::string> parts =
        absl::StrContains(setting.key, '.')
            ? std::pair<std::string, std::string>(
                  absl::StrSplit(setting.key, absl::MaxSplits('.', 1)))
            : std::pair<std::string, std::string>("", std::string(setting.key));
    if (parts.first != section) {
      section = parts.first;
      absl::StrAppend(&out, "\n[", section, "]\n");
    }
    std::vector<std::string> values = setting.print(config);
    for (std::string& value : values) value = Quoted(value);
    absl::StrAppend(&out, "# ", setting.help, " Flag ", setting.flag, ".\n", parts.second, " = ");
    if (setting.list) {
      absl::StrAppend(&out, "[", absl::StrJoin(values, ", "), "]\n");
    } else {
      absl::StrAppend(&out, values.front(), "\n");
    }
  }
  return out;
}

absl::Status CheckTogether(const Config& config) {
  using archive::tracker::AccessMode;
  const TrackerConfig& tracker = config.tracker;
  // A mode whose list nobody named would refuse everybody.
  if (tracker.mode == AccessMode::kAllowList && tracker.allow.empty()) {
    return absl::InvalidArgumentError(
        "tracker.mode is allow-list, and tracker.allow names no file");
  }
  if (tracker.mode == AccessMode::kKeys && tracker.keys.empty()) {
    return absl::InvalidArgumentError("tracker.mode is keys, and tracker.keys names no file");
  }
  const CallsConfig& calls = config.calls;
  if (calls.voicemail >= calls.ring_timeout) {
    return absl::InvalidArgumentError(
        absl::StrCat("calls.voicemail of ", PrintSpan(calls.voicemail),
                     " never comes: a call rings for calls.ring_timeout of ",
                     PrintSpan(calls.ring_timeout), " only"));
  }
  if (!config.archive.federation.empty() && config.archive.federation_key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the federation '", config.archive.federation,
                     "' needs a secret: name its file with --federation-key"));
  }
  if (config.catalogue.listen && !config.archive.on && !config.tracker.listen) {
    return absl::InvalidArgumentError(
        "the catalogue shows an archive, and there is none: use --archive or --tracker");
  }
  return absl::OkStatus();
}

}  // namespace p2pd::daemon
