#include "libcore/runtime/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "libcore/base/check.h"

namespace p2pd::runtime {

Signals::Signals(Loop& loop, std::initializer_list<int> signals,
                 absl::AnyInvocable<void(int)> on_signal)
    : on_signal_(std::move(on_signal)) {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : signals) sigaddset(&set, number);
  P2PD_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  P2PD_CHECK(fd_ >= 0);
  watch_ = std::make_unique<ReadWatch>(loop, fd_, [this] { OnReadable(); });
}

Signals::~Signals() {
  watch_.reset();
  close(fd_);
}

void Signals::OnReadable() {
  signalfd_siginfo info{};
  while (read(fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace p2pd::runtime
