// Interrupt: runs an action on a thread of its own when the user presses Ctrl-C, closes the
// terminal, or the process is asked to end, so that a call is hung up and a recording finished
// before the program goes.
#pragma once

#include <signal.h>

#include <array>
#include <functional>
#include <thread>

namespace p2pd::clients {

class Interrupt {
 public:
  // What happens when nobody reads standard output any more (`| head`): the process ends at once as
  // any tool does, or it is a reason to run the action.
  enum class BrokenPipe { kEndsTheProcess, kRunsTheAction };

  // At most one at a time. SIGINT, SIGTERM and SIGHUP run `action` once. A second SIGINT or SIGTERM
  // ends the process at once; a second SIGHUP is ignored, since a terminal that closes sends
  // several. SIGHUP and SIGPIPE that were ignored before (nohup) stay so.
  explicit Interrupt(std::function<void()> action, BrokenPipe pipe = BrokenPipe::kEndsTheProcess);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  std::function<void()> action_;
  std::array<struct sigaction, kSignals.size()> before_{};
  std::thread thread_;
};

}  // namespace p2pd::clients
