// UdpFan: one UDP port whose requests several threads answer: for a server that owes each datagram
// at most one reply and nothing else.
//
// Rules: each worker has a thread and a socket of its own on the same port (SO_REUSEPORT), and the
// kernel keeps the datagrams of one sender with one worker. A worker sleeps in recvmmsg, takes what
// is there up to a batch, and answers it with one sendmmsg: two system calls for 32 requests. A
// full socket buffer drops a reply and counts it. Bound to [::] it serves IPv4 too, shown as IPv4.
// On a machine of several addresses the kernel chooses a reply's source by its route: bind the
// address that clients know. Another process of the same user could join the port: who minds
// listens on the same TCP port first, which has one owner. Threads: each responder is called by its
// worker's thread only; stats from any. Limits: kMaxWorkers, batches of 32, kMaxReceive and
// kMaxReply bytes. Sources: socket(7) for SO_REUSEPORT, recvmmsg(2), sendmmsg(2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/base/bytes.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/runtime/udp_port.h"

namespace p2pd::runtime {

// What answers; no I/O in it.
class UdpResponder {
 public:
  virtual ~UdpResponder() = default;
  // Writes the reply to `datagram` into `out`, which has UdpFan::kMaxReply bytes; its size, 0 for
  // none.
  virtual size_t OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram,
                            MutableByteView out) = 0;
  // At least every other second, also when nothing comes.
  virtual void OnTick(Instant now) = 0;
};

class UdpFan {
 public:
  static constexpr size_t kMaxWorkers = 64;
  static constexpr size_t kMaxReceive = UdpPort::kMaxReceive;
  static constexpr size_t kMaxReply = 1472;  // Ethernet's payload without headers

  // One worker for each of `responders`, which outlive the fan. Port 0 takes a free one.
  // FailedPrecondition with one line for a person. `name` begins the threads' names.
  static absl::StatusOr<std::unique_ptr<UdpFan>> Open(const net::Endpoint& bind,
                                                      const std::string& name,
                                                      const std::vector<UdpResponder*>& responders);
  // Wakes the workers and waits for them.
  ~UdpFan();

  // As bound, with the port that was given.
  const net::Endpoint& local() const { return local_; }
  // Of all workers together.
  UdpStats stats() const;

 private:
  class Worker;
  UdpFan();

  net::Endpoint local_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace p2pd::runtime
