#include "libcore/runtime/thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "libcore/base/check.h"

namespace p2pd::runtime {

Thread::Thread(const std::string& name, absl::AnyInvocable<void()> body) {
  // The kernel's limit for a name, without its terminating zero.
  constexpr size_t kMaxName = 15;
  P2PD_CHECK(name.size() <= kMaxName);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  P2PD_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  thread_ = std::thread(std::move(body));
  P2PD_CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

Thread::~Thread() { thread_.join(); }

}  // namespace p2pd::runtime
