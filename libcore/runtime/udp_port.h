// UdpPort: the daemon's one UDP socket. Overlay, signalling and media all pass it; who gets what is
// told by the first byte (net/demux.h).
//
// Rules: bound to [::] it serves IPv4 too, and an IPv4-mapped address is shown as IPv4. Datagrams
// are received in batches, so that a burst costs one system call for 32. Send never blocks: a full
// socket buffer drops the datagram and counts it, as the network would. A datagram over 1,500 bytes
// is no datagram of ours; it is dropped and counted. Threads: Send and stats from any; the rest
// from the loop's. Limits: 8 batches of 32 datagrams before other tasks of the loop get their turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/base/bytes.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

// Valid during the callback only.
struct ReceivedDatagram {
  net::Endpoint from;
  ByteView bytes;
};

struct UdpStats {
  uint64_t received_datagrams = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_datagrams = 0;
  uint64_t sent_bytes = 0;
  uint64_t dropped_too_large = 0;    // received
  uint64_t dropped_buffer_full = 0;  // to be sent
  uint64_t send_errors = 0;          // no route, refused by a firewall, …
};

class UdpPort {
 public:
  using OnBatch = absl::AnyInvocable<void(Instant, absl::Span<const ReceivedDatagram>)>;
  // Ethernet's payload: what a foreign but honest sender (DTLS, STUN) may still use.
  static constexpr size_t kMaxReceive = 1500;

  // Binds; port 0 takes a free one, see local(). FailedPrecondition with one line for a person:
  // address taken, not of this machine, not permitted.
  static absl::StatusOr<std::unique_ptr<UdpPort>> Open(Loop& loop, const net::Endpoint& bind,
                                                       OnBatch on_batch);
  ~UdpPort();

  // As bound, with the port that was given.
  const net::Endpoint& local() const { return local_; }
  // False when it was dropped; the reason is counted.
  bool Send(const net::Endpoint& to, ByteView datagram);
  UdpStats stats() const;

 private:
  struct Batch;
  UdpPort(int fd, bool v6, const net::Endpoint& local, OnBatch on_batch);
  void OnReadable();
  bool ReceiveBatch();

  const int fd_;
  const bool v6_;
  const net::Endpoint local_;
  OnBatch on_batch_;
  std::unique_ptr<Batch> batch_;
  std::unique_ptr<ReadWatch> watch_;
  std::atomic<uint64_t> received_datagrams_{0};
  std::atomic<uint64_t> received_bytes_{0};
  std::atomic<uint64_t> sent_datagrams_{0};
  std::atomic<uint64_t> sent_bytes_{0};
  std::atomic<uint64_t> dropped_too_large_{0};
  std::atomic<uint64_t> dropped_buffer_full_{0};
  std::atomic<uint64_t> send_errors_{0};
};

}  // namespace p2pd::runtime
