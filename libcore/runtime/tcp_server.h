// TcpServer: TCP connections of strangers on a loop, each driven by a conversation that knows no
// socket: bytes in, bytes out.
//
// Rules: a connection is read while its conversation wants bytes and nothing waits to be sent, so a
// client that does not read its answers is not read either. An answer that comes later than the
// bytes it answers is sent by Flush. Each answer, the first one too, has to
// be wanted and taken within `patience` of the one before: a byte now and then holds no connection.
// Beyond the limits a new connection is closed at once and counted. Threads: the loop's; stats from
// any. Limits: Options.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/tcp_listener.h"

namespace p2pd::runtime {

class TcpConversation {
 public:
  virtual ~TcpConversation() = default;
  virtual void OnBytes(Instant now, ByteView bytes) = 0;
  // What is to be sent, in order; good until the next call of another method.
  virtual ByteView pending() const = 0;
  // The first `size` bytes of it went out.
  virtual void OnSent(Instant now, size_t size) = 0;
  virtual bool wants_bytes() const = 0;
  // Close when nothing is pending.
  virtual bool ended() const = 0;
};

struct TcpServerOptions {
  absl::Duration patience = absl::Seconds(10);
  size_t max_connections = 1024;
  // Of one IPv4 address or one /64 of IPv6, which is one subscriber.
  size_t max_per_address = 64;
};

// Of a connection; none comes again.
struct ConnectionTag;
using ConnectionId = Strong<ConnectionTag, uint64_t>;

struct TcpStats {
  uint64_t accepted = 0;
  uint64_t refused_full = 0;
  uint64_t refused_address = 0;
  uint64_t closed_impatient = 0;
};

class TcpServer {
 public:
  using Factory = absl::AnyInvocable<std::unique_ptr<TcpConversation>(const net::Endpoint& peer,
                                                                      ConnectionId id)>;

  // Port 0 takes a free one. FailedPrecondition with one line for a person.
  static absl::StatusOr<std::unique_ptr<TcpServer>> Open(Loop& loop, const net::Endpoint& bind,
                                                         const TcpServerOptions& options,
                                                         Factory factory);
  ~TcpServer();

  // The conversation of this connection has something to send, though nothing came; nothing
  // happens when the connection is gone, and it may be gone afterwards.
  void Flush(ConnectionId id);
  const net::Endpoint& local() const { return listener_->local(); }
  TcpStats stats() const;

 private:
  class Connection;
  TcpServer(Loop& loop, const TcpServerOptions& options, Factory factory);
  void OnConnection(int fd);
  void Close(ConnectionId id);
  void CloseImpatient();

  Loop& loop_;
  const TcpServerOptions options_;
  Factory factory_;
  std::unique_ptr<TcpListener> listener_;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
  ConnectionId last_id_;
  std::map<net::IpAddress, size_t> per_address_;
  Timer timer_;
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> refused_full_{0};
  std::atomic<uint64_t> refused_address_{0};
  std::atomic<uint64_t> closed_impatient_{0};
};

}  // namespace p2pd::runtime
