#include "libcore/archive/tracker/http_conversation.h"

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::tracker {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;

absl::string_view ReasonOf(int status) {
  switch (status) {
    case kOk:
      return "OK";
    case kNotFound:
      return "Not Found";
    case kMethodNotAllowed:
      return "Method Not Allowed";
    default:
      return "Bad Request";
  }
}

absl::string_view Text(beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

// One request head; the parser of Beast is of one request, so each gets a new one.
class HttpConversation::Parser {
 public:
  Parser() { parser_.header_limit(kMaxHeader); }

  // How many of the bytes belong to this request; 0: more are needed. Fails for what is no request
  // of ours.
  size_t Put(ByteView bytes) {
    beast::error_code error;
    const size_t used = parser_.put(beast::net::const_buffer(bytes.data(), bytes.size()), error);
    failed_ = error && error != http::error::need_more;
    return used;
  }
  bool failed() const { return failed_; }
  bool done() const { return parser_.is_done(); }
  bool keep_alive() const { return parser_.keep_alive(); }
  bool is_get() const { return parser_.get().method() == http::verb::get; }
  absl::string_view target() const { return Text(parser_.get().target()); }

 private:
  http::request_parser<http::empty_body> parser_;
  bool failed_ = false;
};

HttpConversation::HttpConversation(HttpTracker& tracker, const net::IpAddress& from)
    : tracker_(tracker), from_(from), parser_(std::make_unique<Parser>()) {}

HttpConversation::~HttpConversation() = default;

void HttpConversation::OnBytes(Instant now, ByteView bytes) {
  if (ended_) return;
  Append(in_, bytes);
  Parse(now);
}

void HttpConversation::OnSent(Instant now, size_t size) {
  sent_ += size;
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  Parse(now);
}

void HttpConversation::Parse(Instant now) {
  size_t used = 0;
  while (wants_bytes() && used < in_.size()) {
    // Beast takes whole lines and asks for more; what it left is shown to it again.
    const size_t taken = parser_->Put(ByteView(in_).subspan(used));
    used += taken;
    if (parser_->failed()) {
      tracker_.tally().Add(Count::kHttpMalformed);
      Reply(kBadRequest, AsBytes("no request that this tracker reads\n"), false);
    } else if (!parser_->done()) {
      if (taken == 0) break;
    } else if (!parser_->is_get()) {
      Reply(kMethodNotAllowed, AsBytes("GET only\n"), false);
    } else {
      const HttpAnswer answer = tracker_.Answer(now, from_, parser_->target());
      Reply(answer.status, answer.body, parser_->keep_alive() && ++requests_ < kMaxRequests);
    }
    if (parser_->done()) parser_ = std::make_unique<Parser>();
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used));
  // The parser counts what it took; what it waits to see more of is bounded here.
  if (!ended_ && wants_bytes() && in_.size() > kMaxHeader) {
    tracker_.tally().Add(Count::kHttpMalformed);
    Reply(kBadRequest, AsBytes("the head of the request is too long\n"), false);
  }
  if (ended_) in_.clear();
}

void HttpConversation::Reply(int status, ByteView body, bool keep_alive) {
  Append(out_, AsBytes(absl::StrCat("HTTP/1.1 ", status, " ", ReasonOf(status),
                                    "\r\nContent-Type: text/plain\r\nContent-Length: ", body.size(),
                                    keep_alive ? "" : "\r\nConnection: close", "\r\n\r\n")));
  Append(out_, body);
  ended_ = !keep_alive;
}

}  // namespace p2pd::archive::tracker
