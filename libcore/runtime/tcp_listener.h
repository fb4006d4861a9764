// TcpListener: a TCP socket with an accept loop of our own. gRPC's own listener never accepts again
// once it ran out of descriptors (CVE-2023-4785); this one waits for 100 ms and goes on.
//
// Threads: the loop's.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "libcore/net/endpoint.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

class TcpListener {
 public:
  // The callback owns `fd`.
  using OnConnection = absl::AnyInvocable<void(int fd)>;

  // Port 0 takes a free one. FailedPrecondition with one line for a person.
  static absl::StatusOr<std::unique_ptr<TcpListener>> Open(Loop& loop, const net::Endpoint& bind,
                                                           OnConnection on_connection);
  ~TcpListener();

  // As bound, with the port that was given.
  const net::Endpoint& local() const { return local_; }

 private:
  TcpListener(Loop& loop, int fd, const net::Endpoint& local, OnConnection on_connection);
  void OnReadable();
  void Watch();

  Loop& loop_;
  const int fd_;
  const net::Endpoint local_;
  OnConnection on_connection_;
  std::unique_ptr<ReadWatch> watch_;
  Timer retry_;
};

}  // namespace p2pd::runtime
