#include "libcore/runtime/udp_fan.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libcore/base/check.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/socket_address.h"
#include "libcore/runtime/thread.h"

namespace p2pd::runtime {
namespace {

constexpr size_t kFanBatch = 32;
// 20 ms of a busy port; the kernel caps it at net.core.rmem_max.
constexpr int kFanBuffer = 4 << 20;
constexpr absl::Duration kTick = absl::Seconds(1);
// Where requests come one after the other, some come in a moment: so many are answered for one
// waking then, which costs more than an answer. They are as much later.
constexpr size_t kFew = 8;
constexpr absl::Duration kMoment = absl::Microseconds(50);
constexpr absl::Duration kSoon = absl::Microseconds(200);
// After an error of the socket itself: no descriptor of ours may spin.
constexpr int kPauseMillis = 100;

// Blocking, since a worker has nothing else to do; it wakes for its tick.
void Configure(int fd, bool v6, bool shared) {
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kFanBuffer, sizeof(kFanBuffer));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kFanBuffer, sizeof(kFanBuffer));
  const timeval tick = absl::ToTimeval(kTick);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
  const int on = 1;
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  const int off = 0;
  if (v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

absl::StatusOr<int> OpenSocket(const net::Endpoint& bind, bool shared) {
  const bool v6 = !bind.address.is_v4();
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ListenError(bind, "UDP", errno);
  Configure(fd, v6, shared);
  const SocketAddress address = ToSockaddr(bind, v6);
  if (::bind(fd, address.get(), address.size) == 0) return fd;
  const int error = errno;
  close(fd);
  return ListenError(bind, "UDP", error);
}

}  // namespace

class UdpFan::Worker {
 public:
  // Owns `fd`.
  Worker(int fd, UdpResponder* responder) : fd_(fd), responder_(*responder) {
    for (size_t i = 0; i < kFanBatch; ++i) {
      in_vectors_[i] = {.iov_base = in_[i].data(), .iov_len = in_[i].size()};
      in_headers_[i].msg_hdr.msg_name = &names_[i];
      in_headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      in_headers_[i].msg_hdr.msg_iov = &in_vectors_[i];
      in_headers_[i].msg_hdr.msg_iovlen = 1;
      out_headers_[i].msg_hdr.msg_iov = &out_vectors_[i];
      out_headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~Worker() {
    stop_.store(true, std::memory_order_release);
    // Wakes a receiver although no such socket is connected; where it would not, the tick does.
    shutdown(fd_, SHUT_RD);
    thread_.reset();
    close(fd_);
  }

  void Start(const std::string& name) {
    thread_ = std::make_unique<Thread>(name, [this] { Run(); });
  }
  void AddTo(UdpStats& stats) const {
    stats.received_datagrams += received_datagrams_.load(std::memory_order_relaxed);
    stats.received_bytes += received_bytes_.load(std::memory_order_relaxed);
    stats.sent_datagrams += sent_datagrams_.load(std::memory_order_relaxed);
    stats.sent_bytes += sent_bytes_.load(std::memory_order_relaxed);
    stats.dropped_too_large += dropped_too_large_.load(std::memory_order_relaxed);
    stats.dropped_buffer_full += dropped_buffer_full_.load(std::memory_order_relaxed);
    stats.send_errors += send_errors_.load(std::memory_order_relaxed);
  }

 private:
  using Number = std::atomic<uint64_t>;
  // The worker is the only one that counts.
  static void Add(Number& number, uint64_t amount) {
    number.store(number.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  void Run() {
    Instant ticked = MonotonicNow();
    Instant answered = ticked;
    while (!stop_.load(std::memory_order_acquire)) {
      const int got = recvmmsg(fd_, in_headers_.data(), kFanBatch, MSG_WAITFORONE, nullptr);
      const int error = errno;
      const Instant now = MonotonicNow();
      if (got > 0) {
        Answer(now, static_cast<size_t>(got));
        if (static_cast<size_t>(got) < kFew && now - answered < kSoon) absl::SleepFor(kMoment);
        answered = now;
      } else if (got < 0 && error != EAGAIN && error != EINTR) {
        poll(nullptr, 0, kPauseMillis);
      }
      if (now - ticked >= kTick) {
        ticked = now;
        responder_.OnTick(now);
      }
    }
  }

  void Answer(Instant now, size_t got) {
    size_t replies = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < got; ++i) {
      const size_t size = in_headers_[i].msg_len;
      bytes += size;
      if ((in_headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        Add(dropped_too_large_, 1);
      } else {
        const size_t reply =
            responder_.OnDatagram(now, FromSockaddr(names_[i]), ByteView(in_[i].data(), size),
                                  MutableByteView(out_[replies].data(), out_[replies].size()));
        P2PD_CHECK(reply <= kMaxReply);
        if (reply > 0) {
          msghdr& header = out_headers_[replies].msg_hdr;
          header.msg_name = &names_[i];
          header.msg_namelen = in_headers_[i].msg_hdr.msg_namelen;
          out_vectors_[replies] = {.iov_base = out_[replies].data(), .iov_len = reply};
          ++replies;
        }
      }
    }
    Add(received_datagrams_, got);
    Add(received_bytes_, bytes);
    if (replies > 0) Send(replies);
    for (size_t i = 0; i < got; ++i) {
      in_headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    }
  }

  // A reply that the kernel does not take is lost, and the next one tried.
  void Send(size_t replies) {
    uint64_t bytes = 0;
    uint64_t datagrams = 0;
    for (size_t at = 0; at < replies;) {
      const int sent = sendmmsg(fd_, out_headers_.data() + at, static_cast<unsigned>(replies - at),
                                MSG_DONTWAIT);
      if (sent <= 0) {
        if (errno == EINTR) continue;
        Add(errno == EAGAIN || errno == ENOBUFS ? dropped_buffer_full_ : send_errors_, 1);
        ++at;
        continue;
      }
      for (int i = 0; i < sent; ++i) bytes += out_vectors_[at++].iov_len;
      datagrams += static_cast<uint64_t>(sent);
    }
    Add(sent_datagrams_, datagrams);
    Add(sent_bytes_, bytes);
  }

  const int fd_;
  UdpResponder& responder_;
  std::atomic<bool> stop_{false};
  std::array<mmsghdr, kFanBatch> in_headers_{};
  std::array<mmsghdr, kFanBatch> out_headers_{};
  std::array<iovec, kFanBatch> in_vectors_{};
  std::array<iovec, kFanBatch> out_vectors_{};
  std::array<sockaddr_storage, kFanBatch> names_{};
  std::array<std::array<uint8_t, kMaxReceive>, kFanBatch> in_{};
  std::array<std::array<uint8_t, kMaxReply>, kFanBatch> out_{};
  Number received_datagrams_{0};
  Number received_bytes_{0};
  Number sent_datagrams_{0};
  Number sent_bytes_{0};
  Number dropped_too_large_{0};
  Number dropped_buffer_full_{0};
  Number send_errors_{0};
  std::unique_ptr<Thread> thread_;
};

UdpFan::UdpFan() = default;
UdpFan::~UdpFan() = default;

absl::StatusOr<std::unique_ptr<UdpFan>> UdpFan::Open(const net::Endpoint& bind,
                                                     const std::string& name,
                                                     const std::vector<UdpResponder*>& responders) {
  if (responders.empty() || responders.size() > kMaxWorkers) {
    return absl::InvalidArgumentError(absl::StrCat("1 to ", kMaxWorkers, " workers, please"));
  }
  std::unique_ptr<UdpFan> fan(new UdpFan());
  fan->local_ = bind;
  for (UdpResponder* responder : responders) {
    const auto fd = OpenSocket(fan->local_, responders.size() > 1);
    if (!fd.ok()) return fd.status();
    fan->workers_.push_back(std::make_unique<Worker>(*fd, responder));
    fan->local_.port = BoundTo(*fd).port;
  }
  for (size_t i = 0; i < fan->workers_.size(); ++i) {
    fan->workers_[i]->Start(absl::StrCat(name, i));
  }
  return fan;
}

UdpStats UdpFan::stats() const {
  UdpStats stats;
  for (const auto& worker : workers_) worker->AddTo(stats);
  return stats;
}

}  // namespace p2pd::runtime
