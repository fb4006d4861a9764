#include "libcore/runtime/tcp_server.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "libcore/runtime/socket_address.h"

namespace p2pd::runtime {
namespace {

constexpr size_t kReadSize = 8192;
constexpr absl::Duration kCheckEvery = absl::Seconds(1);

net::IpAddress ChargedTo(const net::IpAddress& address) {
  constexpr int kSubscriberV6 = 64;
  return address.is_v4() ? address : address.Prefix(kSubscriberV6);
}

void Count(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

class TcpServer::Connection {
 public:
  Connection(TcpServer& server, ConnectionId id, int fd, const net::IpAddress& charged_to,
             std::unique_ptr<TcpConversation> conversation)
      : server_(server),
        id_(id),
        fd_(fd),
        charged_to_(charged_to),
        conversation_(std::move(conversation)),
        answered_(server.loop_.now()) {
    WatchReads();
  }
  ~Connection() {
    read_watch_.reset();
    write_watch_.reset();
    close(fd_);
  }
  const net::IpAddress& charged_to() const { return charged_to_; }
  Instant answered() const { return answered_; }
  // The last thing that is done in a call: it may end the connection.
  void Write() {
    while (!conversation_->pending().empty()) {
      const ByteView pending = conversation_->pending();
      const ssize_t sent = send(fd_, pending.data(), pending.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) {
        WatchWrites();
        return;
      }
      if (sent < 0) {
        server_.Close(id_);
        return;
      }
      answered_ = server_.loop_.now();
      conversation_->OnSent(answered_, static_cast<size_t>(sent));
    }
    if (conversation_->ended()) {
      server_.Close(id_);
    } else if (conversation_->wants_bytes()) {
      WatchReads();
    } else {
      // Its answer comes later, by Flush.
      read_watch_.reset();
      write_watch_.reset();
    }
  }

 private:
  void WatchReads() {
    write_watch_.reset();
    if (read_watch_ != nullptr) return;
    read_watch_ = std::make_unique<ReadWatch>(server_.loop_, fd_, [this] { OnReadable(); });
  }
  void WatchWrites() {
    read_watch_.reset();
    if (write_watch_ != nullptr) return;
    write_watch_ = std::make_unique<WriteWatch>(server_.loop_, fd_, [this] { Write(); });
  }
  // One read a turn, so that each connection gets its turn; the loop calls again for the rest.
  void OnReadable() {
    std::array<uint8_t, kReadSize> buffer;
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      server_.Close(id_);
      return;
    }
    conversation_->OnBytes(server_.loop_.now(), ByteView(buffer.data(), static_cast<size_t>(got)));
    Write();
  }

  TcpServer& server_;
  const ConnectionId id_;
  const int fd_;
  const net::IpAddress charged_to_;
  const std::unique_ptr<TcpConversation> conversation_;
  Instant answered_;  // when something was sent last, or the connection came
  std::unique_ptr<ReadWatch> read_watch_;
  std::unique_ptr<WriteWatch> write_watch_;
};

absl::StatusOr<std::unique_ptr<TcpServer>> TcpServer::Open(Loop& loop, const net::Endpoint& bind,
                                                           const TcpServerOptions& options,
                                                           Factory factory) {
  std::unique_ptr<TcpServer> server(new TcpServer(loop, options, std::move(factory)));
  auto listener =
      TcpListener::Open(loop, bind, [raw = server.get()](int fd) { raw->OnConnection(fd); });
  if (!listener.ok()) return listener.status();
  server->listener_ = *std::move(listener);
  return server;
}

TcpServer::TcpServer(Loop& loop, const TcpServerOptions& options, Factory factory)
    : loop_(loop),
      options_(options),
      factory_(std::move(factory)),
      timer_(loop, [this] { CloseImpatient(); }) {}

TcpServer::~TcpServer() {
  listener_.reset();
  connections_.clear();
}

void TcpServer::OnConnection(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    close(fd);  // gone already
    return;
  }
  const net::Endpoint peer = FromSockaddr(storage);
  const net::IpAddress charged_to = ChargedTo(peer.address);
  const auto held = per_address_.find(charged_to);
  const bool full = connections_.size() >= options_.max_connections;
  if (full || (held != per_address_.end() && held->second >= options_.max_per_address)) {
    Count(full ? refused_full_ : refused_address_);
    close(fd);
    return;
  }
  Count(accepted_);
  ++per_address_[charged_to];
  const ConnectionId id = last_id_ = last_id_.Next();
  connections_.emplace(id,
                       std::make_unique<Connection>(*this, id, fd, charged_to, factory_(peer, id)));
  if (!timer_.at()) timer_.Set(loop_.now() + kCheckEvery);
}

void TcpServer::Flush(ConnectionId id) {
  const auto at = connections_.find(id);
  if (at != connections_.end()) at->second->Write();
}

void TcpServer::Close(ConnectionId id) {
  const auto at = connections_.find(id);
  const auto held = per_address_.find(at->second->charged_to());
  if (--held->second == 0) per_address_.erase(held);
  connections_.erase(at);
}

void TcpServer::CloseImpatient() {
  const Instant now = loop_.now();
  std::vector<ConnectionId> late;
  for (const auto& [id, connection] : connections_) {
    if (now - connection->answered() >= options_.patience) late.push_back(id);
  }
  for (const ConnectionId id : late) {
    Count(closed_impatient_);
    Close(id);
  }
  if (!connections_.empty()) timer_.Set(now + kCheckEvery);
}

TcpStats TcpServer::stats() const {
  return {.accepted = accepted_.load(std::memory_order_relaxed),
          .refused_full = refused_full_.load(std::memory_order_relaxed),
          .refused_address = refused_address_.load(std::memory_order_relaxed),
          .closed_impatient = closed_impatient_.load(std::memory_order_relaxed)};
}

}  // namespace p2pd::runtime
