// HttpClient: one answer of an HTTP or HTTPS server (libcurl underneath), for who may wait for it.
//
// Rules: addresses are judged after the name was looked up, each before it is connected to, so that
// no name leads to where its owner may not go. Redirects come back as answers: who follows one
// judges it first. Certificates are verified. No cookies, no proxy, no password of a file, no
// connection that is kept. Threads: Get from one at a time, which waits there; Stop from any.
// Limits: kConnecting, kPatience, kMaxHeaders and the caller's bound. Sources: RFC 9110, 9112.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::runtime {

struct HttpRequest {
  std::string url;                   // http:// or https://
  std::vector<std::string> headers;  // "If-None-Match: …", without line ends
  size_t most = 0;                   // bytes of the answer's body
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // by name in lower case; of several the last
  Bytes body;
};

class HttpClient {
 public:
  static constexpr absl::Duration kConnecting = absl::Seconds(15);
  static constexpr absl::Duration kPatience = absl::Seconds(60);
  static constexpr size_t kMaxHeaders = size_t{64} << 10;

  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // InvalidArgument: a header with line ends. PermissionDenied: `may_connect` takes none of the
  // server's addresses. ResourceExhausted: more than the bound. Cancelled: Stop was called.
  // Unavailable: anything else that kept the answer from coming, in one line for a person.
  absl::StatusOr<HttpAnswer> Get(const HttpRequest& request,
                                 absl::FunctionRef<bool(const net::IpAddress&)> may_connect);
  // Get returns, now and ever after.
  void Stop();

 private:
  class Exchange;
  const std::unique_ptr<void, void (*)(void*)> multi_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace p2pd::runtime
