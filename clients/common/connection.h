// The way to the daemon: its Unix socket, or TCP with TLS and a bearer token. Knows the default
// places.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "clients/common/obstacle.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"

namespace p2pd::clients {

struct ConnectionOptions {
  // "unix:PATH" or "ADDR:PORT"; empty: the user's socket if it is there, else the system's.
  std::string control{};
  std::string token_file{};          // TCP: 0600 file with the bearer token
  std::string tls_ca{};              // TCP: PEM of the daemon's certificate
  std::chrono::seconds timeout{30};  // of one unary call
};

// The sockets that are tried, in order: $XDG_RUNTIME_DIR/p2pd/control.sock, /run/p2pd/control.sock.
std::vector<std::string> DefaultSockets();

class Connection {
 public:
  // Returns once the daemon has answered at the transport level, or says why not. gRPC's own log is
  // silent from here on, unless GRPC_VERBOSITY or GRPC_TRACE asks for it.
  static std::variant<std::unique_ptr<Connection>, ConnectionProblem> Open(
      const ConnectionOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // With deadline and token; for unary calls.
  std::unique_ptr<grpc::ClientContext> UnaryContext() const;
  // Without a deadline; for streams.
  std::unique_ptr<grpc::ClientContext> StreamContext() const;

 private:
  Connection() = default;
  // What is wrong with the flags or their files; nullopt once there is a channel.
  std::optional<ConnectionProblem> OpenTcp(const std::string& target,
                                           const ConnectionOptions& options);
  std::shared_ptr<grpc::Channel> channel_;  // owners: this and gRPC's stubs
  std::string token_;
  std::chrono::seconds timeout_{30};
};

}  // namespace p2pd::clients
