#include "libcore/runtime/tcp_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/log.h"
#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

constexpr int kBacklog = 64;
constexpr absl::Duration kRetryAfterExhaustion = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<TcpListener>> TcpListener::Open(Loop& loop,
                                                               const net::Endpoint& bind,
                                                               OnConnection on_connection) {
  const bool v6 = !bind.address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return ListenError(bind, "TCP", errno);
  // A restart finds connections of the last run in TIME_WAIT.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const SocketAddress address = ToSockaddr(bind, v6);
  if (::bind(fd, address.get(), address.size) != 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return ListenError(bind, "TCP", error);
  }
  std::unique_ptr<TcpListener> listener(
      new TcpListener(loop, fd, BoundTo(fd), std::move(on_connection)));
  listener->Watch();
  return listener;
}

TcpListener::TcpListener(Loop& loop, int fd, const net::Endpoint& local, OnConnection on_connection)
    : loop_(loop),
      fd_(fd),
      local_(local),
      on_connection_(std::move(on_connection)),
      retry_(loop, [this] { Watch(); }) {}

TcpListener::~TcpListener() {
  watch_.reset();
  close(fd_);
}

void TcpListener::Watch() {
  watch_ = std::make_unique<ReadWatch>(loop_, fd_, [this] { OnReadable(); });
}

void TcpListener::OnReadable() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    on_connection_(fd);
    return;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    P2PD_LOG(runtime, kWarn, "cannot accept on ", local_.ToString(), ": ", strerror(errno));
    watch_.reset();
    retry_.Set(loop_.now() + kRetryAfterExhaustion);
  }
}

}  // namespace p2pd::runtime
