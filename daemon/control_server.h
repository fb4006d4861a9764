// ControlServer: the gRPC server and the doors through which clients reach it.
//
// Rules: the Unix door asks the kernel who connects (SO_PEERCRED): root, the daemon's own user and
// the members of the socket's group may do everything, anybody else's connection is closed before a
// byte of it is read. The TCP door is loopback only, always with TLS and always with a bearer
// token; its clients have the role kRemote, which may not touch keys, trust or the daemon's life.
// Both have an accept loop of ours, since gRPC 1.51's own knows no credentials and stops for ever
// when it runs out of descriptors. Messages, metadata, streams and memory have maxima, since that
// gRPC has known HTTP/2 weaknesses. Threads: made, asked and ended by one (main); connections are
// accepted on `loop`'s. Sources: grpcpp/server_builder.h, 'ExternalConnectionAcceptor'; gRPC
// doc/keepalive.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/config.h"
#include "daemon/control_keys.h"
#include "grpcpp/grpcpp.h"
#include "libcore/base/rng.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/tcp_listener.h"
#include "libcore/runtime/unix_listener.h"

namespace p2pd::daemon {

// What a client may do.
enum class Role {
  kOwner,   // came through the Unix door
  kRemote,  // came through the TCP door with the token
};
// Of a running call.
Role RoleOf(const grpc::CallbackServerContext& context);

// Whether a process may use the Unix door.
bool MayEnter(const runtime::PeerCredentials& peer, const runtime::OwnCredentials& own,
              gid_t socket_group);

class ControlServer {
 public:
  // Largest request; larger answers are allowed up to twice that. Values are 64 KiB at most.
  static constexpr int kMaxMessage = 11 << 20;
  // RFC 9113 §10.5.1: headers are somebody's memory too. 1.51's default is 8 KiB as well.
  static constexpr int kMaxMetadata = 8 * 1024;
  // Calls at a time on one connection.
  static constexpr int kMaxStreams = 100;
  // What all connections together may hold.
  static constexpr size_t kMemoryQuota = size_t{64} << 20;

  // Opens every door of `config`, or none, and reads what guards them: errors are one line for a
  // person. Whoever comes waits at the door until Serve; `loop` must not run before.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Open(runtime::Loop& loop,
                                                             const Config& config, Rng& rng);
  ~ControlServer();
  // Lets clients in. `services` outlive the server; each is reported by the health service under
  // its full name. Once.
  absl::Status Serve(const std::vector<grpc::Service*>& services,
                     const std::vector<std::string>& names);

  // "unix:PATH" or "ADDR:PORT" with the port that was given.
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  // What the health service answers, for the server and each service.
  void SetServing(bool serving);
  // Closes the doors, lets calls end until `patience` is over, then cancels them; waits until the
  // last one is gone. Called while the core thread still runs, which ends them. Once.
  void Shutdown(absl::Duration patience);

 private:
  using Acceptor = std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>;
  ControlServer() = default;
  absl::Status OpenUnix(runtime::Loop& loop, const std::string& path, size_t acceptor);
  absl::Status OpenTcp(runtime::Loop& loop, const net::Endpoint& endpoint, size_t acceptor);
  void HandOver(size_t acceptor, int fd);

  std::vector<Door> doors_;
  std::optional<ControlKeys> keys_;  // when there is a TCP door
  std::vector<Acceptor> acceptors_;  // as doors_, once it serves
  std::vector<std::string> names_;
  std::vector<std::string> endpoints_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<runtime::UnixListener>> unix_;
  std::vector<std::unique_ptr<runtime::TcpListener>> tcp_;
};

}  // namespace p2pd::daemon
