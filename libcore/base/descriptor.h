// Descriptor: an open file descriptor with one owner. Threads: one owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace p2pd {

class Descriptor {
 public:
  // Negative: none, as open says when it failed.
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace p2pd
