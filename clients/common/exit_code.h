// Exit codes of p2pctl (a promise to scripts) and the way from a gRPC status to one of them.
#pragma once

#include <string>

#include "grpcpp/support/status.h"

namespace p2pd::clients {

enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,        // a flag, a value or a named file is wrong, whoever notices it
  kUnreachable = 3,  // the daemon, at the beginning or in the middle
  kNotAllowed = 4,
  kNotFound = 5,
  kTimedOut = 6,
};

ExitCode ExitCodeOf(const grpc::Status& status);

// The daemon's reason, such as "EMAIL_INVALID" (proto/README.md lists them); empty when the status
// is not the daemon's: gRPC made it on this side.
std::string ReasonOf(const grpc::Status& status);

// "NOT_FOUND", as the protocol names it.
std::string StatusName(grpc::StatusCode code);

// "p2pctl: NOT_FOUND: no certificate for a@b" on standard error, one line; returns the exit code.
ExitCode Report(const grpc::Status& status);
// The same for what went wrong on this side of the door.
ExitCode ReportUsage(const std::string& problem);
ExitCode ReportFailure(const std::string& problem);

}  // namespace p2pd::clients
