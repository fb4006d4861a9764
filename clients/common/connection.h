// The way to the daemon: its Unix socket, or TCP with TLS and a bearer token. Knows the default
// places.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

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

// Why there is no connection: what is wrong and what to do, for a person.
struct ConnectionProblem {
  bool usage = false;  // a flag or a file is wrong, rather than the daemon away
  std::string text;
};

// The sockets that are tried, in order: $XDG_RUNTIME_DIR/p2pd/control.sock, /run/p2pd/control.sock.
std::vector<std::string> DefaultSockets();

class Connection {
 public:
  // Returns once the daemon has answered at the transport level, or says why not.
  static std::variant<std::unique_ptr<Connection>, ConnectionProblem> Open(
      const ConnectionOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // With deadline and token; for unary calls.
  std::unique_ptr<grpc::ClientContext> UnaryContext() const;
  // Without a deadline; for streams.
  std::unique_ptr<grpc::ClientContext> StreamContext() const;

 private:
  Connection() = default;
  std::shared_ptr<grpc::Channel> channel_;  // owners: this and gRPC's stubs
  std::string token_;
  std::chrono::seconds timeout_{30};
};

}  // namespace p2pd::clients
