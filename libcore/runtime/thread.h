// Thread: a named thread that is joined before it is forgotten.
#pragma once

#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace p2pd::runtime {

class Thread {
 public:
  // `name` as `ps -L` shows it, at most 15 characters. All signals are blocked in the new thread,
  // so that they reach the one that waits for them.
  Thread(const std::string& name, absl::AnyInvocable<void()> body);
  // Joins: the owner has told the body to end.
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

 private:
  std::thread thread_;
};

}  // namespace p2pd::runtime
