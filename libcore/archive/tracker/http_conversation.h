// HttpConversation: one client's HTTP/1.1 connection to the tracker, without the socket: bytes in,
// bytes out.
//
// Rules: GET only, without a body. Requests may follow each other before their answers (RFC 9112,
// §9.3.2); while kMaxPending bytes of answers wait the owner reads no more from the socket. What is
// no HTTP gets one answer of 400 and the end. Threads: one owner.
// Limits: kMaxHeader bytes a request head, kMaxRequests requests a connection.
// Sources: RFC 9110, RFC 9112; Boost.Beast parses the head.
#pragma once

#include <cstddef>
#include <memory>

#include "libcore/archive/tracker/http_tracker.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::tracker {

class HttpConversation {
 public:
  // A scrape of 74 hashes has a target of under 6 KiB.
  static constexpr size_t kMaxHeader = 8192;
  // Two of the longest answers: a client that reads nothing costs no more.
  static constexpr size_t kMaxPending = 16'384;
  // Then the client connects again, and others get their turn.
  static constexpr int kMaxRequests = 1000;

  // `tracker` outlives it.
  HttpConversation(HttpTracker& tracker, const net::IpAddress& from);
  ~HttpConversation();

  // Bytes of the client. Those of requests that have to wait are kept, at most kMaxHeader and what
  // was given with them.
  void OnBytes(Instant now, ByteView bytes);
  // Answers that are to be sent, in order.
  ByteView pending() const { return ByteView(out_).subspan(sent_); }
  // The first `size` bytes of them went out; room that this makes is used at once.
  void OnSent(Instant now, size_t size);
  // False while kMaxPending bytes wait.
  bool wants_bytes() const { return !ended_ && pending().size() < kMaxPending; }
  // Close the connection when nothing is pending.
  bool ended() const { return ended_; }

 private:
  class Parser;
  void Parse(Instant now);
  void Reply(int status, ByteView body, bool keep_alive);

  HttpTracker& tracker_;
  const net::IpAddress from_;
  std::unique_ptr<Parser> parser_;
  Bytes in_;
  Bytes out_;
  size_t sent_ = 0;  // of out_
  int requests_ = 0;
  bool ended_ = false;
};

}  // namespace p2pd::archive::tracker
