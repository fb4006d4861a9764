#include "tests/sim/p2pd_sim/bamboo_udpcc.h"

#include <algorithm>

#include "libcore/base/codec.h"

namespace p2pd::sim::bamboo {
namespace {

constexpr uint32_t kVersion = 1;
constexpr int kAttemptBits = 8;
constexpr uint64_t kAttemptMask = (1 << kAttemptBits) - 1;
// 2^9 · 10 ms is beyond kRtoMax.
constexpr size_t kDoublingsMax = 9;

}  // namespace

absl::Duration UdpCc::Rto(const net::Endpoint& peer) const {
  const auto found = estimates_.find(peer);
  if (found == estimates_.end()) return kRtoMax;
  return std::min(found->second.srtt + 4 * found->second.mdev + kRtoSlack, kRtoMax);
}

absl::Duration UdpCc::RoundTrip(const net::Endpoint& peer) const {
  const auto found = estimates_.find(peer);
  return found == estimates_.end() ? absl::InfiniteDuration() : found->second.srtt;
}

void UdpCc::Sample(const net::Endpoint& peer, absl::Duration round_trip) {
  const auto [it, fresh] = estimates_.try_emplace(peer);
  Estimate& estimate = it->second;
  if (fresh) {
    // The first RTO is 4 · round trip + 10 ms.
    estimate.srtt = round_trip;
    estimate.mdev = round_trip * 3 / 4;
    return;
  }
  const absl::Duration error = round_trip - estimate.srtt;
  estimate.srtt += error / 8;
  estimate.mdev += (absl::AbsDuration(error) - estimate.mdev) / 4;
}

void UdpCc::SetTimer(uint64_t message, Flight& flight, Instant at) {
  timers_.erase({flight.timer, message});
  flight.timer = at;
  timers_.insert({at, message});
}

void UdpCc::Attempt(Instant now, uint64_t message, Flight& flight) {
  const uint64_t attempt = flight.sent.size();
  flight.sent.push_back(now);
  outgoing_.push_back({flight.order.to.at, (message << kAttemptBits) | attempt, flight.order.body});
  const int factor = 1 << std::min<uint64_t>(attempt, kDoublingsMax);
  const Instant next = now + std::min(Rto(flight.order.to.at) * factor, kRtoMax);
  const Instant end = flight.started + flight.order.timeout;
  SetTimer(message, flight, flight.order.once ? next : std::min(next, end));
}

void UdpCc::Send(Instant now, Order order) {
  const uint64_t message = next_message_++;
  Flight& flight = flights_[message];
  flight.order = std::move(order);
  flight.started = now;
  Attempt(now, message, flight);
}

void UdpCc::Fail(Instant now, uint64_t message, Flight& flight) {
  const net::Endpoint at = flight.order.to.at;
  outcomes_.push_back({std::move(flight.order), false});
  flight.order = Order();
  flight.order.to.at = at;
  flight.failed = true;
  const Instant late = flight.started + kLateMax;
  if (late > now) {
    SetTimer(message, flight, late);
  } else {
    timers_.erase({flight.timer, message});
    flights_.erase(message);
  }
}

void UdpCc::OnTimeout(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const uint64_t message = timers_.begin()->second;
    Flight& flight = flights_.at(message);
    if (flight.failed) {
      timers_.erase(timers_.begin());
      flights_.erase(message);
    } else if (flight.order.once || now >= flight.started + flight.order.timeout ||
               flight.sent.size() > kAttemptMask) {
      Fail(now, message, flight);
    } else {
      Attempt(now, message, flight);
    }
  }
}

void UdpCc::OnAck(Instant now, const net::Endpoint& from, uint64_t seq) {
  const auto found = flights_.find(seq >> kAttemptBits);
  const size_t attempt = seq & kAttemptMask;
  if (found == flights_.end()) return;
  Flight& flight = found->second;
  if (flight.order.to.at != from || attempt >= flight.sent.size()) return;
  Sample(from, now - flight.sent[attempt]);
  if (!flight.failed) outcomes_.push_back({std::move(flight.order), true});
  timers_.erase({flight.timer, found->first});
  flights_.erase(found);
}

std::optional<ByteView> UdpCc::OnDatagram(Instant now, const net::Endpoint& from,
                                          ByteView datagram) {
  ByteReader in(datagram);
  const uint32_t version = in.U32();
  const uint64_t ack = in.U64();
  if (!in.ok() || version != kVersion) return std::nullopt;
  if (ack != 0) OnAck(now, from, ack);
  if (in.remaining() == 0) return std::nullopt;
  const uint64_t seq = in.U64();
  in.U32();
  in.U32();
  const ByteView body = in.TakeRest();
  if (!in.ok()) return std::nullopt;
  acks_[from].push_back(seq);
  const std::pair<net::Endpoint, uint64_t> name(from, seq >> kAttemptBits);
  if (!seen_.insert(name).second) return std::nullopt;
  seen_order_.push_back(name);
  if (seen_order_.size() > kSeenMax) {
    seen_.erase(seen_order_.front());
    seen_order_.pop_front();
  }
  return body;
}

uint64_t UdpCc::TakeAck(const net::Endpoint& to) {
  const auto found = acks_.find(to);
  if (found == acks_.end()) return 0;
  const uint64_t ack = found->second.front();
  found->second.pop_front();
  if (found->second.empty()) acks_.erase(found);
  return ack;
}

std::optional<net::Transmit> UdpCc::PollTransmit() {
  net::Transmit transmit;
  ByteWriter out;
  out.U32(kVersion);
  if (!outgoing_.empty()) {
    const Outgoing next = std::move(outgoing_.front());
    outgoing_.pop_front();
    transmit.to = next.to;
    const absl::Duration round_trip = std::min(RoundTrip(next.to), absl::Hours(1));
    out.U64(TakeAck(next.to)).U64(next.seq).U32(0);
    out.U32(static_cast<uint32_t>(absl::ToInt64Milliseconds(round_trip))).Put(next.body);
  } else if (!acks_.empty()) {
    transmit.to = acks_.begin()->first;
    out.U64(TakeAck(transmit.to));
  } else {
    return std::nullopt;
  }
  transmit.datagram = std::move(out).Take();
  packets_.Add(transmit.datagram.size());
  return transmit;
}

std::optional<Instant> UdpCc::PollTimeout() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

std::optional<UdpCc::Outcome> UdpCc::PollOutcome() {
  if (outcomes_.empty()) return std::nullopt;
  Outcome outcome = std::move(outcomes_.front());
  outcomes_.pop_front();
  return outcome;
}

}  // namespace p2pd::sim::bamboo
