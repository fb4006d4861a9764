#include "daemon/http_host.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {

class HttpHost::Client final : public runtime::TcpConversation {
 public:
  Client(HttpHost& host, runtime::ConnectionId id)
      : host_(host), id_(id), conversation_(host.options_.conversation) {
    host_.clients_[id_] = this;
  }
  ~Client() override { host_.clients_.erase(id_); }
  void OnBytes(Instant, ByteView bytes) override {
    conversation_.OnBytes(bytes);
    Ask();
  }
  ByteView pending() const override { return conversation_.pending(); }
  void OnSent(Instant, size_t size) override {
    conversation_.OnSent(size);
    Ask();
  }
  bool wants_bytes() const override { return conversation_.wants_bytes(); }
  bool ended() const override { return conversation_.ended(); }

  // True when the answer has to be flushed: nobody is about to send it.
  bool Respond(const http::Response& response) {
    conversation_.Respond(response);
    if (asking_) return false;
    Ask();
    return true;
  }

 private:
  void Ask() {
    asking_ = true;
    while (const auto request = conversation_.PollRequest()) host_.handler_(id_, *request);
    asking_ = false;
  }

  HttpHost& host_;
  const runtime::ConnectionId id_;
  http::Conversation conversation_;
  bool asking_ = false;
};

absl::StatusOr<std::unique_ptr<HttpHost>> HttpHost::Open(const HttpHostOptions& options,
                                                         Handler handler) {
  std::unique_ptr<HttpHost> host(new HttpHost(options, std::move(handler)));
  P2PD_ASSIGN_OR_RETURN(
      host->tcp_,
      runtime::TcpServer::Open(*host->loop_, options.listen, options.tcp,
                               [raw = host.get()](const net::Endpoint&, runtime::ConnectionId id) {
                                 return std::make_unique<Client>(*raw, id);
                               }));
  return host;
}

void HttpHost::Run() {
  thread_ = std::make_unique<runtime::Thread>(options_.thread_name, [this] { loop_->Run(); });
}

HttpHost::HttpHost(const HttpHostOptions& options, Handler handler)
    : options_(options), handler_(std::move(handler)), loop_(std::make_shared<runtime::Loop>()) {}

HttpHost::~HttpHost() {
  // Without a thread there is nobody else who touches these.
  if (thread_ == nullptr) return;
  loop_->PostAlways([this] {
    tcp_.reset();
    loop_->Stop();
  });
}

bool HttpHost::TooMuch(const http::Response& response) const {
  if (response.body.size() <= 2 * http::Conversation::kMaxPending) return false;
  size_t unsent = response.body.size();
  for (const auto& [id, client] : clients_) unsent += client->pending().size();
  return unsent > kMaxUnsent;
}

void HttpHost::Respond(runtime::ConnectionId id, const http::Response& response) {
  const auto client = clients_.find(id);
  if (client == clients_.end()) return;
  const bool flush =
      TooMuch(response)
          ? client->second->Respond(
                {.status = http::kUnavailable, .body = ToBytes("too many wait for long answers\n")})
          : client->second->Respond(response);
  if (flush) tcp_->Flush(id);
}

void HttpHost::AddCounters(const std::string& name, std::map<std::string, uint64_t>& out) const {
  const runtime::TcpStats tcp = tcp_->stats();
  out[absl::StrCat(name, ".connections")] = tcp.accepted;
  out[absl::StrCat(name, ".refused_full")] = tcp.refused_full;
  out[absl::StrCat(name, ".refused_address")] = tcp.refused_address;
  out[absl::StrCat(name, ".closed_impatient")] = tcp.closed_impatient;
}

}  // namespace p2pd::daemon
