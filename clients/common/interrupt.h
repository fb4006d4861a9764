// Interrupt: runs an action on a thread of its own when the user presses Ctrl-C or the process is
// asked to end, so that a call is hung up and a recording finished before the program goes.
#pragma once

#include <functional>
#include <thread>

namespace p2pd::clients {

class Interrupt {
 public:
  // At most one at a time. SIGINT and SIGTERM run `action` once; a second signal ends the process
  // at once.
  explicit Interrupt(std::function<void()> action);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  std::function<void()> action_;
  std::thread thread_;
};

}  // namespace p2pd::clients
