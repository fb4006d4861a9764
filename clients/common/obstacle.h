// What stands between p2pctl and a daemon that gave no connection: found by knocking once more with
// a plain socket, since gRPC's own words name no cause.
//
// Every answer is one line for a person and the exit code that goes with it. Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "clients/common/exit_code.h"

namespace p2pd::clients {

// Why there is no connection: what is wrong and what to do, for a person.
struct ConnectionProblem {
  ExitCode code = ExitCode::kUnreachable;
  std::string text;
};

// The longest path of a Unix socket (unix(7), sun_path less its end).
inline constexpr size_t kMaxSocketPath = 107;

// At the Unix socket `path`. Takes at most `limit`.
ConnectionProblem UnixObstacle(const std::string& path, std::chrono::milliseconds limit);

// At `host`:`port`, where the daemon has to show the certificate in the file `tls_ca`. Takes at
// most `limit` for each address of `host`.
ConnectionProblem TcpObstacle(const std::string& host, uint16_t port, const std::string& tls_ca,
                              std::chrono::milliseconds limit);

// Nothing came within `limit`: the process is stopped, or too busy.
ConnectionProblem Silence(const std::string& target, std::chrono::milliseconds limit);

}  // namespace p2pd::clients
