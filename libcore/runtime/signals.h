// Signals as events on a loop.
#pragma once

#include <initializer_list>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

// Blocks the signals in the calling thread and reads them from a signalfd. Made before any other
// thread starts, since threads inherit what is blocked. SIGPIPE is ignored from then on: a peer
// that hangs up is an error of a write, not the end of the process.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> signals, absl::AnyInvocable<void(int)> on_signal);
  ~Signals();

 private:
  void OnReadable();
  int fd_ = -1;
  absl::AnyInvocable<void(int)> on_signal_;
  std::unique_ptr<ReadWatch> watch_;
};

}  // namespace p2pd::runtime
