// The command line of p2pd: what CONTRACT lists, one flag for each setting of settings.h.
#pragma once

#include <string>
#include <variant>

#include "daemon/config.h"

namespace p2pd::daemon {

// What the process is to do.
struct Invocation {
  enum class Action { kRun, kCheckConfig, kPrintConfig };
  Action action = Action::kRun;
  Config config;
};
// Nothing: help, version, or an error of usage or configuration.
struct EarlyExit {
  int code = 0;        // 0, or 2 for usage and configuration
  std::string output;  // standard output for code 0, else one line for standard error
};

// Reads the command line, then the file it names or the default one. Flags of parts that are not in
// this build are refused by name, never ignored.
std::variant<Invocation, EarlyExit> ReadInvocation(int argc, const char* const* argv,
                                                   const Environment& environment);

// The same again at SIGHUP: the command line's flags over the file's present content.
// InvalidArgument has the one line.
absl::StatusOr<Config> ReadConfigAgain(int argc, const char* const* argv,
                                       const Environment& environment);

}  // namespace p2pd::daemon
