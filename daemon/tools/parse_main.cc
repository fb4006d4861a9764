// p2pd-parse: one parser on one file, without side effects. Exit 0 accepted, 1 rejected, 2 usage.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "daemon/tools/parse.h"
#include "libcore/base/file.h"
#include "libcore/runtime/clock.h"

namespace {

constexpr int kAccepted = 0;
constexpr int kRejected = 1;
constexpr int kUsage = 2;
// Bytes, as p2pd-verify: four times the largest object. Recordings are larger: three minutes at 48
// kHz.
constexpr size_t kMaxFile = 256 * 1024;
constexpr size_t kMaxWav = size_t{16} << 20;

int Fail(const std::string& why) {
  std::fprintf(stderr, "p2pd-parse: %s\n", why.c_str());
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs one parser on one file: exit 0 accepted, 1 rejected, 2 usage.", "p2pd-parse");
  std::string kind_name;
  std::string file;
  std::optional<int64_t> at;
  bool list = false;
  app.add_option("--kind", kind_name, "Which parser; --list names them.")->type_name("KIND");
  app.add_option("--at", at, "Judge dates as of this time, seconds since 1970; default now.")
      ->type_name("SECONDS");
  app.add_flag("--list", list, "Name the kinds and end.");
  app.add_option("file", file, "The bytes.")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    std::printf("%s", app.help().c_str());
    return kAccepted;
  } catch (const CLI::Error& error) {
    return Fail(error.what());
  }
  if (list) {
    for (const p2pd::tools::Kind& kind : p2pd::tools::Kinds()) {
      std::printf("%-20s %s\n", std::string(kind.name).c_str(), std::string(kind.about).c_str());
    }
    return kAccepted;
  }
  if (kind_name.empty()) return Fail("name the parser with --kind KIND; --list names them");
  const p2pd::tools::Kind* kind = p2pd::tools::FindKind(kind_name);
  if (kind == nullptr) return Fail("--kind '" + kind_name + "' is none; --list names them");
  if (file.empty()) return Fail("name the file to parse");
  const auto content = p2pd::ReadFile(file, kind->name == "wav" ? kMaxWav : kMaxFile);
  if (!content.ok()) return Fail(std::string(content.status().message()));
  const absl::Time now = at ? absl::FromUnixSeconds(*at) : p2pd::runtime::WallNow();
  const bool accepted = kind->accepts(*content, now);
  std::printf("%s\n", accepted ? "accepted" : "rejected");
  return accepted ? kAccepted : kRejected;
}
