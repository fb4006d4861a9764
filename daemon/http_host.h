// HttpHost: an HTTP server with a thread of its own. Requests go to a handler on that thread, and
// are answered there, at once or later.
//
// Rules: who needs another thread for an answer posts there, and back to loop(), which lives as
// long as anybody has it: a task that comes back after the end is never run. A connection has one
// unanswered request at a time. Threads: loop and counters from any; Respond from tasks of the
// loop. Limits: those of http::Conversation and runtime::TcpServer; kMaxUnsent.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libcore/http/conversation.h"
#include "libcore/net/endpoint.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/tcp_server.h"
#include "libcore/runtime/thread.h"

namespace p2pd::daemon {

struct HttpHostOptions {
  net::Endpoint listen;
  std::string thread_name;  // at most 15 bytes
  http::Conversation::Options conversation{};
  runtime::TcpServerOptions tcp{};
};

class HttpHost {
 public:
  // Answers that clients have not taken yet, of all together; beyond it a long one becomes 503.
  static constexpr size_t kMaxUnsent = 64 << 20;

  // Called on the host's thread; Respond is due for each.
  using Handler = std::function<void(runtime::ConnectionId, const http::Request&)>;

  // Errors are one line for a person. Nobody is answered before Run.
  static absl::StatusOr<std::unique_ptr<HttpHost>> Open(const HttpHostOptions& options,
                                                        Handler handler);
  void Run();
  ~HttpHost();

  // Nothing happens when the client has gone.
  void Respond(runtime::ConnectionId id, const http::Response& response);
  // Owners: the host, and tasks on their way through other threads.
  std::shared_ptr<runtime::Loop> loop() const { return loop_; }
  const net::Endpoint& listen_endpoint() const { return tcp_->local(); }
  // "NAME.connections" and what was refused.
  void AddCounters(const std::string& name, std::map<std::string, uint64_t>& out) const;

 private:
  class Client;
  HttpHost(const HttpHostOptions& options, Handler handler);
  bool TooMuch(const http::Response& response) const;

  const HttpHostOptions options_;
  Handler handler_;
  const std::shared_ptr<runtime::Loop> loop_;
  std::map<runtime::ConnectionId, Client*> clients_;
  std::unique_ptr<runtime::TcpServer> tcp_;
  // Goes first: it uses everything above.
  std::unique_ptr<runtime::Thread> thread_;
};

}  // namespace p2pd::daemon
