#include "libcore/runtime/udp_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

// One system call's worth; 32 × 1,500 bytes stay in the first-level cache's neighbourhood.
constexpr size_t kBatch = 32;
// Then the loop's other tasks get their turn.
constexpr int kBatchesPerTurn = 8;
// 100 ms of 80 Mbit/s; the kernel caps it at net.core.rmem_max.
constexpr int kSocketBuffer = 1 << 20;

void Configure(int fd, bool v6) {
  const int size = kSocketBuffer;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  if (v6) {
    const int off = 0;
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
}

}  // namespace

struct UdpPort::Batch {
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors[i] = {.iov_base = buffers[i].data(), .iov_len = buffers[i].size()};
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    datagrams.reserve(kBatch);
  }
  std::array<mmsghdr, kBatch> headers{};
  std::array<sockaddr_storage, kBatch> names{};
  std::array<iovec, kBatch> vectors{};
  std::array<std::array<uint8_t, kMaxReceive>, kBatch> buffers{};
  std::vector<ReceivedDatagram> datagrams;
};

absl::StatusOr<std::unique_ptr<UdpPort>> UdpPort::Open(Loop& loop, const net::Endpoint& bind,
                                                       OnBatch on_batch) {
  net::Endpoint wanted = bind;
  bool v6 = !wanted.address.is_v4();
  int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && v6 && wanted.address.IsUnspecified()) {
    P2PD_LOG(runtime, kInfo, "no IPv6 on this machine: listening on IPv4 only");
    v6 = false;
    wanted.address = net::IpAddress();
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  if (fd < 0) return ListenError(bind, "UDP", errno, "--listen");
  Configure(fd, v6);
  const SocketAddress address = ToSockaddr(wanted, v6);
  if (::bind(fd, address.get(), address.size) != 0) {
    const int error = errno;
    close(fd);
    return ListenError(bind, "UDP", error, "--listen");
  }
  net::Endpoint local = BoundTo(fd);
  if (v6 && wanted.address.IsUnspecified()) local.address = wanted.address;
  std::unique_ptr<UdpPort> port(new UdpPort(fd, v6, local, std::move(on_batch)));
  port->watch_ = std::make_unique<ReadWatch>(loop, fd, [raw = port.get()] { raw->OnReadable(); });
  return port;
}

UdpPort::UdpPort(int fd, bool v6, const net::Endpoint& local, OnBatch on_batch)
    : fd_(fd),
      v6_(v6),
      local_(local),
      on_batch_(std::move(on_batch)),
      batch_(std::make_unique<Batch>()) {}

UdpPort::~UdpPort() {
  watch_.reset();
  close(fd_);
}

bool UdpPort::Send(const net::Endpoint& to, ByteView datagram) {
  if (!v6_ && !to.address.is_v4()) {
    send_errors_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  const SocketAddress address = ToSockaddr(to, v6_);
  ssize_t sent = -1;
  do {
    sent = sendto(fd_, datagram.data(), datagram.size(), MSG_DONTWAIT, address.get(), address.size);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    const bool full = errno == EAGAIN || errno == ENOBUFS;
    (full ? dropped_buffer_full_ : send_errors_).fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  sent_datagrams_.fetch_add(1, std::memory_order_relaxed);
  sent_bytes_.fetch_add(datagram.size(), std::memory_order_relaxed);
  return true;
}

UdpStats UdpPort::stats() const {
  return {.received_datagrams = received_datagrams_.load(std::memory_order_relaxed),
          .received_bytes = received_bytes_.load(std::memory_order_relaxed),
          .sent_datagrams = sent_datagrams_.load(std::memory_order_relaxed),
          .sent_bytes = sent_bytes_.load(std::memory_order_relaxed),
          .dropped_too_large = dropped_too_large_.load(std::memory_order_relaxed),
          .dropped_buffer_full = dropped_buffer_full_.load(std::memory_order_relaxed),
          .send_errors = send_errors_.load(std::memory_order_relaxed)};
}

void UdpPort::OnReadable() {
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    if (!ReceiveBatch()) return;
  }
}

bool UdpPort::ReceiveBatch() {
  for (mmsghdr& header : batch_->headers) {
    header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
  }
  const int got = recvmmsg(fd_, batch_->headers.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (got <= 0) return false;
  batch_->datagrams.clear();
  for (size_t i = 0; i < static_cast<size_t>(got); ++i) {
    const mmsghdr& header = batch_->headers[i];
    if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      dropped_too_large_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    received_datagrams_.fetch_add(1, std::memory_order_relaxed);
    received_bytes_.fetch_add(header.msg_len, std::memory_order_relaxed);
    batch_->datagrams.push_back({.from = FromSockaddr(batch_->names[i]),
                                 .bytes = ByteView(batch_->buffers[i].data(), header.msg_len)});
  }
  if (!batch_->datagrams.empty()) on_batch_(MonotonicNow(), batch_->datagrams);
  return static_cast<size_t>(got) == kBatch;
}

}  // namespace p2pd::runtime
