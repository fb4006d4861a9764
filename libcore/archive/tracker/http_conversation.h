// HttpConversation: one client's HTTP/1.1 connection to the tracker, without the socket: bytes in,
// bytes out.
//
// Rules: those of http::Conversation, GET only. What is no request is counted. Threads: one owner.
#pragma once

#include "libcore/archive/tracker/http_tracker.h"
#include "libcore/base/bytes.h"
#include "libcore/http/conversation.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::tracker {

class HttpConversation {
 public:
  static constexpr size_t kMaxHeader = http::Conversation::kMaxHeader;
  static constexpr size_t kMaxPending = http::Conversation::kMaxPending;

  // `tracker` outlives it.
  HttpConversation(HttpTracker& tracker, const net::IpAddress& from);

  void OnBytes(Instant now, ByteView bytes);
  ByteView pending() const { return conversation_.pending(); }
  void OnSent(Instant now, size_t size);
  bool wants_bytes() const { return conversation_.wants_bytes(); }
  bool ended() const { return conversation_.ended(); }

 private:
  void Answer(Instant now);

  HttpTracker& tracker_;
  const net::IpAddress from_;
  http::Conversation conversation_;
};

}  // namespace p2pd::archive::tracker
