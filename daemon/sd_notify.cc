#include "daemon/sd_notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace p2pd::daemon {
namespace {

std::string Env(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

SdNotify::SdNotify(std::string socket, const std::string& watchdog_usec,
                   const std::string& watchdog_pid)
    : socket_(std::move(socket)) {
  int64_t usec = 0;
  int64_t pid = 0;
  const bool ours =
      watchdog_pid.empty() || (absl::SimpleAtoi(watchdog_pid, &pid) && pid == getpid());
  if (ours && absl::SimpleAtoi(watchdog_usec, &usec) && usec > 0) {
    watchdog_interval_ = absl::Microseconds(usec) / 2;
  }
}

SdNotify SdNotify::FromEnvironment() {
  return SdNotify(Env("NOTIFY_SOCKET"), Env("WATCHDOG_USEC"), Env("WATCHDOG_PID"));
}

void SdNotify::Ready(absl::string_view status) const {
  Send(absl::StrCat("READY=1\nSTATUS=", status));
}

void SdNotify::Reloading(Instant monotonic) const {
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", monotonic.nanos() / 1000));
}

void SdNotify::Stopping() const { Send("STOPPING=1\nSTATUS=draining"); }

void SdNotify::Watchdog() const { Send("WATCHDOG=1"); }

void SdNotify::Send(absl::string_view message) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) return;
  memcpy(address.sun_path, socket_.data(), socket_.size());
  // sd_notify(3): '@' stands for the zero byte of an abstract socket.
  if (socket_[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // Nobody to tell is no failure of ours.
  (void)sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

}  // namespace p2pd::daemon
