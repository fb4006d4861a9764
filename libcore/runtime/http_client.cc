#include "libcore/runtime/http_client.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

// Stop wakes it at once; this is for what libcurl does not wake for.
constexpr int kLookMs = 1000;

void InitOnce() {
  static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
  P2PD_CHECK(kDone == CURLE_OK);
}

CURLM* NewMulti() {
  InitOnce();
  CURLM* const multi = curl_multi_init();
  P2PD_CHECK(multi != nullptr);
  return multi;
}

}  // namespace

// One request with what libcurl calls back for it.
class HttpClient::Exchange {
 public:
  Exchange(const HttpRequest& request, absl::FunctionRef<bool(const net::IpAddress&)> may_connect)
      : request_(request), may_connect_(may_connect), easy_(curl_easy_init()) {
    P2PD_CHECK(easy_ != nullptr);
    for (const std::string& header : request.headers) {
      headers_ = curl_slist_append(headers_, header.c_str());
    }
    SetAddress();
    SetCallbacks();
  }
  ~Exchange() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  CURL* easy() { return easy_; }

  absl::StatusOr<HttpAnswer> Take(CURLcode result) {
    if (too_long_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the answer is longer than ", request_.most, " bytes"));
    }
    if (result == CURLE_OK) {
      long status = 0;
      curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
      answer_.status = static_cast<int>(status);
      return std::move(answer_);
    }
    if (!forbidden_.empty()) {
      return absl::PermissionDeniedError(absl::StrCat("leads to ", forbidden_));
    }
    return absl::UnavailableError(error_[0] != '\0' ? error_ : curl_easy_strerror(result));
  }

 private:
  void SetAddress() {
    curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    // A proxy would connect where we may not, unasked.
    curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(kConnecting)));
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(kPatience)));
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, "p2pd");
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  }

  void SetCallbacks() {
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &Exchange::OnSocket);
    curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Exchange::OnHeader);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Exchange::OnBody);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  }

  static curl_socket_t OnSocket(void* data, curlsocktype, curl_sockaddr* to) {
    auto* const self = static_cast<Exchange*>(data);
    sockaddr_storage storage{};
    if (to->family != AF_INET && to->family != AF_INET6) return CURL_SOCKET_BAD;
    memcpy(&storage, &to->addr, std::min<size_t>(to->addrlen, sizeof storage));
    const net::IpAddress address = FromSockaddr(storage).address;
    if (!self->may_connect_(address)) {
      self->forbidden_ = absl::StrCat(address.ToString(), ", where it may not go");
      return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  static size_t OnHeader(char* bytes, size_t, size_t size, void* data) {
    auto* const self = static_cast<Exchange*>(data);
    self->header_bytes_ += size;
    if (self->header_bytes_ > kMaxHeaders) return 0;
    const absl::string_view line(bytes, size);
    const size_t colon = line.find(':');
    // What came before belongs to an answer such as 100.
    if (absl::StartsWith(line, "HTTP/")) self->answer_.headers.clear();
    if (absl::StartsWith(line, "HTTP/") || colon == absl::string_view::npos) return size;
    self->answer_.headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    return size;
  }

  static size_t OnBody(char* bytes, size_t, size_t size, void* data) {
    auto* const self = static_cast<Exchange*>(data);
    Bytes& body = self->answer_.body;
    if (size > self->request_.most - body.size()) {
      self->too_long_ = true;
      return 0;
    }
    const ByteView view = AsBytes(absl::string_view(bytes, size));
    body.insert(body.end(), view.begin(), view.end());
    return size;
  }

  const HttpRequest& request_;
  const absl::FunctionRef<bool(const net::IpAddress&)> may_connect_;
  CURL* const easy_;
  curl_slist* headers_ = nullptr;
  HttpAnswer answer_;
  size_t header_bytes_ = 0;
  bool too_long_ = false;
  std::string forbidden_;
  char error_[CURL_ERROR_SIZE] = {};
};

HttpClient::HttpClient() : multi_(NewMulti(), [](void* multi) { curl_multi_cleanup(multi); }) {}
HttpClient::~HttpClient() = default;

void HttpClient::Stop() {
  stopped_ = true;
  curl_multi_wakeup(multi_.get());
}

absl::StatusOr<HttpAnswer> HttpClient::Get(
    const HttpRequest& request, absl::FunctionRef<bool(const net::IpAddress&)> may_connect) {
  for (const std::string& header : request.headers) {
    if (header.find_first_of("\r\n") != std::string::npos) {
      return absl::InvalidArgumentError("a header has line ends");
    }
  }
  Exchange exchange(request, may_connect);
  curl_multi_add_handle(multi_.get(), exchange.easy());
  absl::StatusOr<HttpAnswer> out = absl::CancelledError("stopped");
  int running = 1;
  while (running > 0 && !stopped_) {
    curl_multi_perform(multi_.get(), &running);
    if (running > 0) curl_multi_poll(multi_.get(), nullptr, 0, kLookMs, nullptr);
  }
  int left = 0;
  const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
  if (message != nullptr && message->msg == CURLMSG_DONE) {
    out = exchange.Take(message->data.result);
  } else {
    // Who stops does not wait for the system's resolver.
    curl_easy_setopt(exchange.easy(), CURLOPT_QUICK_EXIT, 1L);
  }
  curl_multi_remove_handle(multi_.get(), exchange.easy());
  return out;
}

}  // namespace p2pd::runtime
