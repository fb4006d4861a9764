#include "clients/common/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace p2pd::clients {
namespace {

// The write end of the pipe that the handler knows; a handler can take no argument.
int signal_pipe[2] = {-1, -1};

constexpr char kSignal = 's';
constexpr char kStop = 'q';

void OnSignal(int number) {
  // The next Ctrl-C is not caught: a user who insists is obeyed. The others come in numbers.
  signal(number, number == SIGHUP || number == SIGPIPE ? SIG_IGN : SIG_DFL);
  const ssize_t ignored = write(signal_pipe[1], &kSignal, 1);
  static_cast<void>(ignored);
}

}  // namespace

Interrupt::Interrupt(std::function<void()> action, BrokenPipe pipe) : action_(std::move(action)) {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before_[i]);
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return;
  struct sigaction handler{};
  handler.sa_handler = OnSignal;
  // The reader below may be the thread that is interrupted.
  handler.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    const int number = kSignals[i];
    const bool ignored = before_[i].sa_handler == SIG_IGN;
    if (number == SIGHUP && ignored) continue;
    if (number == SIGPIPE && (ignored || pipe == BrokenPipe::kEndsTheProcess)) continue;
    sigaction(number, &handler, nullptr);
  }
  thread_ = std::thread([this] {
    char what = kStop;
    bool ran = false;
    while (read(signal_pipe[0], &what, 1) == 1 && what == kSignal) {
      if (!ran) action_();
      ran = true;
    }
  });
}

Interrupt::~Interrupt() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  if (!thread_.joinable()) return;
  const ssize_t ignored = write(signal_pipe[1], &kStop, 1);
  static_cast<void>(ignored);
  thread_.join();
  close(signal_pipe[0]);
  close(signal_pipe[1]);
}

}  // namespace p2pd::clients
