#include "libcore/session/link.h"

#include <algorithm>

namespace p2pd::session {
namespace {

// What chunks and acknowledgement may take of a packet: the datagram less header, tag, ping and
// pong.
constexpr size_t kBudget = net::kMaxDatagram - kPacketHeader - pki::Aead::kTagSize - 2 * 11;
// A ping that is not answered is repeated after the retransmission timeout, doubling up to this
// share of the idle timeout: at 20 % loss a live link is called dead once in ten thousand times.
constexpr int kPingShare = 15;
constexpr int kKeepAliveShare = 2;

}  // namespace

Link::Link(Instant now, const Options& options, const TrafficKey& send, const TrafficKey& receive,
           Rng& rng, Counters& counters)
    : options_(options),
      rng_(rng),
      counters_(counters),
      sealer_(send, options.send_id),
      opener_(receive),
      last_received_(now),
      last_sent_(now) {}

void Link::Ping(Instant now) {
  ping_ = PingState{.token = rng_.Next() | 1, .tries = 0, .sent_at = now, .next = now};
}

void Link::Follow(const net::Endpoint& remote) {
  options_.remote = remote;
  options_.remote_proved = true;
  path_check_.reset();
}

void Link::OnPath(Instant now, const net::Endpoint& from, bool newest,
                  const wire::v1::SessionPacket& packet, Incoming& out) {
  if (!options_.remote_proved) {
    options_.remote = from;
    options_.remote_proved = true;
  }
  if (packet.challenge().size() == kChallenge) response_due_ = {from, ToBytes(packet.challenge())};
  if (path_check_ && path_check_->to == from && path_check_->tries > 0 &&
      ConstantTimeEqual(path_check_->challenge, AsBytes(packet.response()))) {
    options_.remote = from;
    path_check_.reset();
    out.moved = true;
    return;
  }
  if (!newest) return;
  if (from == options_.remote) {
    path_check_.reset();  // the other side is where it was
  } else if (!path_check_ || path_check_->to != from) {
    PathCheck check{.to = from, .challenge = Bytes(kChallenge), .tries = 0, .next = now};
    rng_.Fill(MutableByteView(check.challenge.data(), check.challenge.size()));
    path_check_ = std::move(check);
  }
}

Link::Incoming Link::OnPacket(Instant now, const net::Endpoint& from, const PacketFrame& frame) {
  Incoming out;
  bool replayed = false;
  const std::optional<PacketOpener::Opened> opened = opener_.Open(frame, replayed);
  if (!opened) {
    counters_.Add(replayed ? "session.dropped_packet_replayed" : "session.dropped_packet_forged");
    return out;
  }
  out.opened = true;
  last_received_ = now;
  wire::v1::SessionPacket packet;
  if (!packet.ParseFromArray(opened->plaintext.data(),
                             static_cast<int>(opened->plaintext.size()))) {
    counters_.Add("session.dropped_packet_malformed");
    out.received.violation = true;
    return out;
  }
  if (packet.ping() != 0) pong_due_ = packet.ping();
  if (ping_ && packet.pong() == ping_->token) {
    if (ping_->tries == 1) channel_.OnRoundTrip(now - ping_->sent_at);
    ping_.reset();
  }
  OnPath(now, from, opened->newest, packet, out);
  out.received = channel_.OnPacket(now, packet);
  return out;
}

Instant Link::KeepAliveAt() const {
  return std::min(last_sent_, last_received_) + options_.idle_timeout / kKeepAliveShare;
}

Instant Link::Timeout() const {
  Instant next = last_received_ + options_.idle_timeout;
  if (silent_) return next;
  next = std::min(next, ping_ ? ping_->next : KeepAliveAt());
  if (path_check_) next = std::min(next, path_check_->next);
  return std::min(next, channel_.Timeout().value_or(Instant::Max()));
}

void Link::OnTimeout(Instant now) {
  if (silent_) return;
  channel_.OnTimeout(now);
  if (!ping_ && KeepAliveAt() <= now) Ping(now);
}

void Link::Emit(Instant now, const net::Endpoint& to, const wire::v1::SessionPacket& packet,
                std::vector<net::Transmit>& out) {
  Bytes datagram = sealer_.Seal(AsBytes(packet.SerializeAsString()));
  if (datagram.empty()) {
    exhausted_ = true;
    return;
  }
  last_sent_ = now;
  out.push_back(net::Transmit{to, std::move(datagram)});
}

void Link::Flush(Instant now, std::vector<net::Transmit>& out) {
  if (response_due_) {
    wire::v1::SessionPacket packet;
    packet.set_response(ToText(response_due_->second));
    Emit(now, response_due_->first, packet, out);
    response_due_.reset();
  }
  if (path_check_ && path_check_->next <= now) {
    if (path_check_->tries++ < kChallengeTries) {
      wire::v1::SessionPacket packet;
      packet.set_challenge(ToText(path_check_->challenge));
      path_check_->next = now + channel_.RetransmissionTimeout();
      Emit(now, path_check_->to, packet, out);
    } else {
      path_check_.reset();
    }
  }
  bool ping_now = !silent_ && ping_ && ping_->next <= now;
  while (!exhausted_ && (ping_now || pong_due_ || channel_.WantsToSend())) {
    wire::v1::SessionPacket packet;
    if (ping_now) {
      packet.set_ping(ping_->token);
      const absl::Duration slowest =
          std::max(options_.idle_timeout / kPingShare, channel_.RetransmissionTimeout());
      const double doubled = static_cast<double>(1 << std::min(ping_->tries, 8));
      ping_->next = now + std::min(channel_.RetransmissionTimeout() * doubled, slowest);
      ping_->sent_at = now;
      ++ping_->tries;
      ping_now = false;
    }
    if (pong_due_) packet.set_pong(*std::exchange(pong_due_, std::nullopt));
    channel_.Fill(now, packet, kBudget);
    Emit(now, options_.remote, packet, out);
  }
}

}  // namespace p2pd::session
