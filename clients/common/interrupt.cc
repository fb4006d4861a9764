#include "clients/common/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <utility>

namespace p2pd::clients {
namespace {

// The write end of the pipe that the handler knows; a handler can take no argument.
int signal_pipe[2] = {-1, -1};

constexpr char kSignal = 's';
constexpr char kStop = 'q';

void OnSignal(int number) {
  // The next one is not caught: a user who insists is obeyed.
  signal(number, SIG_DFL);
  const ssize_t ignored = write(signal_pipe[1], &kSignal, 1);
  static_cast<void>(ignored);
}

}  // namespace

Interrupt::Interrupt(std::function<void()> action) : action_(std::move(action)) {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return;
  struct sigaction handler{};
  handler.sa_handler = OnSignal;
  sigaction(SIGINT, &handler, nullptr);
  sigaction(SIGTERM, &handler, nullptr);
  thread_ = std::thread([this] {
    char what = kStop;
    while (read(signal_pipe[0], &what, 1) == 1 && what == kSignal) action_();
  });
}

Interrupt::~Interrupt() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  if (!thread_.joinable()) return;
  const ssize_t ignored = write(signal_pipe[1], &kStop, 1);
  static_cast<void>(ignored);
  thread_.join();
  close(signal_pipe[0]);
  close(signal_pipe[1]);
}

}  // namespace p2pd::clients
