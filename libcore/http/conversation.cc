#include "libcore/http/conversation.h"

#include <algorithm>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"

namespace p2pd::http {
namespace {

namespace beast = boost::beast;

absl::string_view ReasonOf(int status) {
  return beast::http::obsolete_reason(static_cast<beast::http::status>(status)).data();
}

absl::string_view Text(beast::string_view view) { return {view.data(), view.size()}; }

std::string OneLine(absl::string_view text) {
  std::string out(text);
  out.erase(
      std::remove_if(out.begin(), out.end(),
                     [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }),
      out.end());
  return out;
}

}  // namespace

// One request head; the parser of Beast is of one request, so each gets a new one.
class Conversation::Parser {
 public:
  Parser() { parser_.header_limit(kMaxHeader); }

  // How many of the bytes belong to this request; 0: more are needed.
  size_t Put(ByteView bytes) {
    beast::error_code error;
    const size_t used = parser_.put(beast::net::const_buffer(bytes.data(), bytes.size()), error);
    failed_ = error && error != beast::http::error::need_more;
    too_long_ = error == beast::http::error::header_limit;
    return used;
  }
  bool failed() const { return failed_; }
  bool done() const { return parser_.is_done(); }
  bool keep_alive() const { return parser_.keep_alive(); }
  bool is_head() const { return parser_.get().method() == beast::http::verb::head; }
  bool is_get() const { return parser_.get().method() == beast::http::verb::get; }
  // What a head that never ends deserves, by where it is.
  int TooLong() const { return target().empty() ? kTargetTooLong : kHeadTooLong; }
  // Of a failed one.
  int Status(bool may_head) const {
    if (too_long_) return TooLong();
    const bool allowed = is_get() || (may_head && is_head());
    return target().empty() || allowed ? kBadRequest : kMethodNotAllowed;
  }
  absl::string_view target() const { return Text(parser_.get().target()); }
  absl::string_view Field(beast::http::field name) const { return Text(parser_.get()[name]); }

 private:
  beast::http::request_parser<beast::http::empty_body> parser_;
  bool failed_ = false;
  bool too_long_ = false;
};

Conversation::Conversation(const Options& options)
    : options_(options), parser_(std::make_unique<Parser>()) {}

Conversation::~Conversation() = default;

void Conversation::OnBytes(ByteView bytes) {
  if (!ended_) Append(in_, bytes);
}

void Conversation::OnSent(size_t size) {
  sent_ += size;
  if (sent_ < out_.size()) return;
  // The room of a long answer is given back.
  out_ = Bytes();
  sent_ = 0;
}

std::optional<Request> Conversation::PollRequest() {
  if (!wants_bytes()) return std::nullopt;
  size_t used = 0;
  while (used < in_.size() && !parser_->done() && !parser_->failed()) {
    // Beast takes whole lines and asks for more; what it left is shown to it again.
    const size_t taken = parser_->Put(ByteView(in_).subspan(used));
    used += taken;
    if (taken == 0) break;
  }
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used));
  // The parser counts what it took; what it waits to see more of is bounded here.
  const bool endless = !parser_->done() && in_.size() > kMaxHeader;
  if (!parser_->done() && !parser_->failed() && !endless) return std::nullopt;
  asked_ = true;
  return Take();
}

// What the parser has, or why it has nothing; it is ready for the next.
Request Conversation::Take() {
  Request request;
  if (parser_->failed()) {
    request.status = parser_->Status(options_.head);
  } else if (!parser_->done()) {
    request.status = parser_->TooLong();
  } else if (!parser_->is_get() && !(options_.head && parser_->is_head())) {
    request.status = kMethodNotAllowed;
  } else if (parser_->target().size() > options_.max_target) {
    request.status = kTargetTooLong;
  } else {
    request.head = parser_->is_head();
    request.target = std::string(parser_->target());
    request.host = std::string(parser_->Field(beast::http::field::host));
    request.if_none_match = std::string(parser_->Field(beast::http::field::if_none_match));
  }
  head_ = request.head;
  keep_alive_ = request.status == kOk && parser_->keep_alive() && ++requests_ < kMaxRequests;
  parser_ = std::make_unique<Parser>();
  return request;
}

void Conversation::Respond(const Response& response) {
  P2PD_CHECK(asked_);
  asked_ = false;
  std::string head =
      absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonOf(response.status), "\r\n");
  if (response.status != kNotModified) {
    absl::StrAppend(&head, "Content-Type: ", OneLine(response.type),
                    "\r\nContent-Length: ", response.body.size(), "\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&head, name, ": ", OneLine(value), "\r\n");
  }
  if (response.status == kMethodNotAllowed) {
    absl::StrAppend(&head, "Allow: ", options_.head ? "GET, HEAD" : "GET", "\r\n");
  }
  absl::StrAppend(&head, keep_alive_ ? "" : "Connection: close\r\n", "\r\n");
  Append(out_, AsBytes(head));
  if (!head_ && response.status != kNotModified) Append(out_, response.body);
  ended_ = !keep_alive_;
  if (ended_) in_.clear();
}

}  // namespace p2pd::http
