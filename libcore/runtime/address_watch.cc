#include "libcore/runtime/address_watch.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace p2pd::runtime {
namespace {

// A page of events at a time; what they are is of no interest.
constexpr size_t kBuffer = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<AddressWatch>> AddressWatch::Open(
    Loop& loop, absl::AnyInvocable<void()> on_change) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return absl::ErrnoToStatus(errno, "watch the machine's addresses");
  std::unique_ptr<AddressWatch> out(new AddressWatch(fd, std::move(on_change)));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&groups), sizeof(groups)) < 0) {
    return absl::ErrnoToStatus(errno, "watch the machine's addresses");
  }
  out->watch_ = std::make_unique<ReadWatch>(loop, fd, [raw = out.get()] { raw->OnReadable(); });
  return out;
}

AddressWatch::~AddressWatch() {
  watch_.reset();
  close(fd_);
}

void AddressWatch::OnReadable() {
  std::array<char, kBuffer> events{};
  // Where events were lost (ENOBUFS) the next read goes on, and the owner looks anyway.
  while (recv(fd_, events.data(), events.size(), 0) > 0 || errno == ENOBUFS) {
  }
  on_change_();
}

}  // namespace p2pd::runtime
