// Conversation: one client's HTTP/1.1 connection without the socket: bytes in, requests out,
// responses in, bytes out.
//
// Rules: GET, and HEAD where it is asked for, without a body. Requests may follow each other before
// their answers (RFC 9112, §9.3.2); each is given out when the one before it was answered, which
// may be later than now, and while kMaxPending bytes of answers wait no more are read. What is no
// request comes out as one too, with the status that it deserves, and the answer to it is the last.
// Threads: one owner. Limits: kMaxHeader bytes a request head, kMaxRequests requests a connection.
// Sources: RFC 9110, RFC 9112, RFC 6585 (431); Boost.Beast parses the head.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libcore/base/bytes.h"

namespace p2pd::http {

inline constexpr int kOk = 200;
inline constexpr int kNotModified = 304;
inline constexpr int kBadRequest = 400;
inline constexpr int kNotFound = 404;
inline constexpr int kMethodNotAllowed = 405;
inline constexpr int kTargetTooLong = 414;
inline constexpr int kHeadTooLong = 431;
inline constexpr int kInternalError = 500;
inline constexpr int kUnavailable = 503;

struct Request {
  // kOk: it can be answered. Else what is wrong with it, and nothing below is worth a look.
  int status = kOk;
  bool head = false;     // HEAD: the body is left out of the answer, its length is told
  std::string target{};  // of the request line, e.g. "/announce?info_hash=…"
  std::string host{};    // as the client says, or empty
  std::string if_none_match{};
};

struct Response {
  int status = kOk;
  std::string type = "text/plain; charset=utf-8";
  // Beside type and length. What could end the line is left out of a value.
  std::vector<std::pair<std::string, std::string>> headers{};
  Bytes body{};
};

class Conversation {
 public:
  // A scrape of 74 hashes has a target of under 6 KiB; a browser with cookies of its own has less.
  static constexpr size_t kMaxHeader = 8192;
  // Beyond it no further request is looked at: a client that reads nothing costs this and the
  // answer that went beyond it.
  static constexpr size_t kMaxPending = 16'384;
  // Then the client connects again, and others get their turn.
  static constexpr int kMaxRequests = 1000;

  struct Options {
    bool head = false;               // HEAD is answered
    size_t max_target = kMaxHeader;  // in bytes; 414 beyond it
  };

  explicit Conversation(const Options& options);
  ~Conversation();

  // Bytes of the client. Those of requests that have to wait are kept, at most kMaxHeader and what
  // was given with them.
  void OnBytes(ByteView bytes);
  // The next request, when that before it was answered and there is room for an answer.
  std::optional<Request> PollRequest();
  // The answer to what PollRequest gave last.
  void Respond(const Response& response);
  // Answers that are to be sent, in order.
  ByteView pending() const { return ByteView(out_).subspan(sent_); }
  // The first `size` bytes of them went out; then there may be room for another request.
  void OnSent(size_t size);
  // False while a request waits for its answer, or kMaxPending bytes to be sent.
  bool wants_bytes() const { return !ended_ && !asked_ && pending().size() < kMaxPending; }
  // Close the connection when nothing is pending.
  bool ended() const { return ended_; }

 private:
  class Parser;
  Request Take();

  const Options options_;
  std::unique_ptr<Parser> parser_;
  Bytes in_;
  Bytes out_;
  size_t sent_ = 0;  // of out_
  int requests_ = 0;
  bool asked_ = false;
  // Of the request that waits for its answer.
  bool head_ = false;
  bool keep_alive_ = false;
  bool ended_ = false;
};

}  // namespace p2pd::http
