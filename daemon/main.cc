// p2pd: reads the command line, runs the daemon, turns what became of it into an exit code.
#include <cstdio>
#include <variant>

#include "daemon/daemon.h"
#include "daemon/options.h"
#include "google/protobuf/stubs/logging.h"

namespace {

using p2pd::daemon::EarlyExit;
using p2pd::daemon::Invocation;

constexpr int kFailure = 1;

int Say(const EarlyExit& exit) {
  std::fprintf(exit.code == 0 ? stdout : stderr, exit.code == 0 ? "%s" : "%s\n",
               exit.output.c_str());
  return exit.code;
}

}  // namespace

int main(int argc, char** argv) {
  // protobuf writes a line to standard error when a stranger's string is no UTF-8; we count it.
  google::protobuf::SetLogHandler(nullptr);
  const p2pd::daemon::Environment environment = p2pd::daemon::ProcessEnvironment();
  const auto read = p2pd::daemon::ReadInvocation(argc, argv, environment);
  if (const auto* exit = std::get_if<EarlyExit>(&read)) return Say(*exit);
  const auto& invocation = std::get<Invocation>(read);
  switch (invocation.action) {
    case Invocation::Action::kCheckConfig:
      return Say({.code = 0, .output = "the configuration is good\n"});
    case Invocation::Action::kPrintConfig:
      return Say({.code = 0, .output = p2pd::daemon::PrintToml(invocation.config)});
    case Invocation::Action::kRun:
      break;
  }
  const absl::Status status = p2pd::daemon::RunDaemon(
      invocation.config, [&] { return p2pd::daemon::ReadConfigAgain(argc, argv, environment); });
  if (status.ok()) return 0;
  std::fprintf(stderr, "p2pd: %s\n", std::string(status.message()).c_str());
  return kFailure;
}
