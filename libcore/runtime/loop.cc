#include "libcore/runtime/loop.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "libcore/runtime/clock.h"

namespace p2pd::runtime {

namespace asio = boost::asio;

class Loop::Impl {
 public:
  // One thread runs the loop, the others only post: the hint saves Asio waking idle threads.
  Impl() : context(1), work(asio::make_work_guard(context)) {}

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::atomic<size_t> posted{0};
  std::atomic<uint64_t> refused{0};
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

Instant Loop::now() const { return MonotonicNow(); }

bool Loop::Post(absl::AnyInvocable<void()> task) {
  if (impl_->posted.fetch_add(1, std::memory_order_relaxed) >= kMaxPosted) {
    impl_->posted.fetch_sub(1, std::memory_order_relaxed);
    impl_->refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  asio::post(impl_->context, [this, task = std::move(task)]() mutable {
    impl_->posted.fetch_sub(1, std::memory_order_relaxed);
    task();
  });
  return true;
}

void Loop::PostAlways(absl::AnyInvocable<void()> task) {
  asio::post(impl_->context, [task = std::move(task)]() mutable { task(); });
}

void Loop::Run() { impl_->context.run(); }

void Loop::Stop() { impl_->context.stop(); }

uint64_t Loop::refused() const { return impl_->refused.load(std::memory_order_relaxed); }

class Timer::Impl : public std::enable_shared_from_this<Timer::Impl> {
 public:
  Impl(Loop& loop, absl::AnyInvocable<void()> callback)
      : timer_(loop.impl().context), callback_(std::move(callback)) {}

  void Set(std::optional<Instant> at) {
    if (at == at_) return;
    at_ = at;
    timer_.cancel();
    if (!at) return;
    // Asio's steady clock on Linux is CLOCK_MONOTONIC, the clock of Instant.
    timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at->nanos())));
    // A cancelled wait may already be queued as fired; the generation tells it from the valid one.
    timer_.async_wait([self = shared_from_this(),
                       generation = ++generation_](const boost::system::error_code& error) {
      if (error || generation != self->generation_ || !self->at_) return;
      self->at_.reset();
      self->callback_();
    });
  }

  void Close() {
    ++generation_;
    at_.reset();
    timer_.cancel();
  }
  std::optional<Instant> at() const { return at_; }

 private:
  asio::steady_timer timer_;
  absl::AnyInvocable<void()> callback_;
  std::optional<Instant> at_;
  uint64_t generation_ = 0;
};

Timer::Timer(Loop& loop, absl::AnyInvocable<void()> callback)
    : impl_(std::make_shared<Impl>(loop, std::move(callback))) {}
Timer::~Timer() { impl_->Close(); }
void Timer::Set(std::optional<Instant> at) { impl_->Set(at); }
std::optional<Instant> Timer::at() const { return impl_->at(); }

namespace {

// Waits for one kind of readiness, again and again.
class DescriptorWait : public std::enable_shared_from_this<DescriptorWait> {
 public:
  using Kind = asio::posix::descriptor_base::wait_type;

  DescriptorWait(asio::io_context& context, int fd, Kind kind, absl::AnyInvocable<void()> callback)
      : descriptor_(context, fd), kind_(kind), callback_(std::move(callback)) {}

  void Wait() {
    descriptor_.async_wait(kind_,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (error || self->closed_) return;
                             self->callback_();
                             if (!self->closed_) self->Wait();
                           });
  }
  void Close() {
    closed_ = true;
    // The descriptor is the owner's to close.
    descriptor_.release();
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  const Kind kind_;
  absl::AnyInvocable<void()> callback_;
  bool closed_ = false;
};

}  // namespace

class ReadWatch::Impl : public DescriptorWait {
 public:
  Impl(Loop& loop, int fd, absl::AnyInvocable<void()> callback)
      : DescriptorWait(loop.impl().context, fd, asio::posix::descriptor_base::wait_read,
                       std::move(callback)) {}
};

ReadWatch::ReadWatch(Loop& loop, int fd, absl::AnyInvocable<void()> callback)
    : impl_(std::make_shared<Impl>(loop, fd, std::move(callback))) {
  impl_->Wait();
}
ReadWatch::~ReadWatch() { impl_->Close(); }

class WriteWatch::Impl : public DescriptorWait {
 public:
  Impl(Loop& loop, int fd, absl::AnyInvocable<void()> callback)
      : DescriptorWait(loop.impl().context, fd, asio::posix::descriptor_base::wait_write,
                       std::move(callback)) {}
};

WriteWatch::WriteWatch(Loop& loop, int fd, absl::AnyInvocable<void()> callback)
    : impl_(std::make_shared<Impl>(loop, fd, std::move(callback))) {
  impl_->Wait();
}
WriteWatch::~WriteWatch() { impl_->Close(); }

}  // namespace p2pd::runtime
