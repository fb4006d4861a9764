// SdNotify: tells systemd where the daemon stands (sd_notify(3)), without libsystemd: one datagram
// of lines to the socket that NOTIFY_SOCKET names.
//
// Threads: any. Nothing happens when the process was not started by systemd.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/time.h"

namespace p2pd::daemon {

class SdNotify {
 public:
  // `socket`: NOTIFY_SOCKET, a path or "@name" (abstract), empty for none. `watchdog_usec`,
  // `watchdog_pid`: WATCHDOG_USEC and WATCHDOG_PID as they stand in the environment.
  SdNotify(std::string socket, const std::string& watchdog_usec, const std::string& watchdog_pid);
  static SdNotify FromEnvironment();

  void Ready(absl::string_view status) const;
  // A reload begins; Ready() ends it.
  void Reloading(Instant monotonic) const;
  void Stopping() const;
  void Watchdog() const;
  // How often Watchdog() is to be called: half of what systemd waits; nullopt when it does not.
  std::optional<absl::Duration> watchdog_interval() const { return watchdog_interval_; }

 private:
  void Send(absl::string_view message) const;
  std::string socket_;
  std::optional<absl::Duration> watchdog_interval_;
};

}  // namespace p2pd::daemon
