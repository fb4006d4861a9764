#include "libcore/session/channel.h"

#include <algorithm>

#include "libcore/session/session.h"

namespace p2pd::session {
namespace {

constexpr size_t kMinWindow = 2;
constexpr size_t kMaxWindow = Channel::kAhead;  // more would not be kept at the other end
constexpr int kDuplicateThreshold = 3;          // RFC 5681 §3.2
constexpr absl::Duration kMinRto = absl::Milliseconds(100);
constexpr absl::Duration kMaxRto = absl::Seconds(2);
constexpr size_t kMaxBackoff = 4;

// Tag, length and number of a chunk; of an acknowledgement.
constexpr size_t kChunkOverhead = 24;
constexpr size_t kAckOverhead = 24;

}  // namespace

bool Channel::Push(ByteView message) {
  if (goodbye_said_ || messages_ >= kMaxMessages) return false;
  ++messages_;
  size_t at = 0;
  do {
    Chunk chunk;
    chunk.number = next_number_++;
    chunk.data = ToBytes(message.subspan(at, kChunk));
    at += chunk.data.size();
    chunk.end = at == message.size();
    chunks_.push_back(std::move(chunk));
  } while (at < message.size());
  return true;
}

void Channel::PushGoodbye() {
  if (goodbye_said_) return;
  goodbye_said_ = true;
  Chunk chunk;
  chunk.number = next_number_++;
  chunk.goodbye = true;
  chunks_.push_back(std::move(chunk));
}

bool Channel::WantsToSend() const {
  if (ack_due_) return true;
  if (in_flight_ >= window_) return false;
  return std::any_of(chunks_.begin(), chunks_.end(),
                     [this](const Chunk& chunk) { return MaySend(chunk); });
}

bool Channel::MaySend(const Chunk& chunk) const {
  if (chunk.in_flight || chunk.arrived) return false;
  // The other end waits for front() or for a later one, and keeps kAhead beyond it.
  return chunk.number - chunks_.front().number <= kAhead;
}

void Channel::Fill(Instant now, wire::v1::SessionPacket& packet, size_t budget) {
  if (ack_due_ || expected_ > 0 || !ahead_.empty()) {
    auto* ack = packet.mutable_ack();
    ack->set_next(expected_);
    uint64_t later = 0;
    for (const auto& [number, part] : ahead_) {
      later |= uint64_t{1} << (number - expected_ - 1);
    }
    ack->set_later(later);
    ack_due_ = false;
    budget -= std::min(budget, kAckOverhead);
  }
  for (Chunk& chunk : chunks_) {
    if (in_flight_ >= window_) break;
    if (!MaySend(chunk)) continue;
    if (budget < chunk.data.size() + kChunkOverhead) break;
    budget -= chunk.data.size() + kChunkOverhead;
    auto* out = packet.add_chunks();
    out->set_number(chunk.number);
    out->set_data(ToText(chunk.data));
    out->set_end(chunk.end);
    out->set_goodbye(chunk.goodbye);
    chunk.in_flight = true;
    ++chunk.times_sent;
    chunk.sent_at = now;
    ++in_flight_;
  }
}

std::optional<Instant> Channel::Timeout() const {
  std::optional<Instant> oldest;
  for (const Chunk& chunk : chunks_) {
    if (chunk.in_flight) oldest = Earliest(oldest, chunk.sent_at);
  }
  if (!oldest) return std::nullopt;
  return *oldest + rto_ * static_cast<double>(1 << backoff_);
}

void Channel::OnTimeout(Instant now) {
  const std::optional<Instant> due = Timeout();
  if (!due || *due > now) return;
  for (Chunk& chunk : chunks_) chunk.in_flight = false;
  in_flight_ = 0;
  window_ = kMinWindow;
  backoff_ = std::min(backoff_ + 1, kMaxBackoff);
}

void Channel::OnRoundTrip(absl::Duration sample) {
  // RFC 6298 §2
  if (!srtt_) {
    srtt_ = sample;
    rttvar_ = sample / 2;
  } else {
    rttvar_ = rttvar_ * 0.75 + absl::AbsDuration(*srtt_ - sample) * 0.25;
    srtt_ = *srtt_ * 0.875 + sample * 0.125;
  }
  rto_ = std::clamp(*srtt_ + 4 * rttvar_, kMinRto, kMaxRto);
}

void Channel::Arrived(Instant now, Chunk& chunk) {
  if (chunk.arrived) return;
  chunk.arrived = true;
  if (chunk.in_flight) {
    chunk.in_flight = false;
    --in_flight_;
  }
  // Karn: a chunk that was sent twice measures nothing.
  if (chunk.times_sent == 1) OnRoundTrip(now - chunk.sent_at);
  backoff_ = 0;
  window_ = std::min(window_ + 1, kMaxWindow);
}

void Channel::DetectLoss() {
  int later = 0;
  bool lost = false;
  for (auto it = chunks_.rbegin(); it != chunks_.rend(); ++it) {
    if (it->arrived) {
      ++later;
    } else if (it->in_flight && later >= kDuplicateThreshold && it->times_sent == 1) {
      // Once only: what was repeated already waits for its timeout, or every later
      // acknowledgement would send it again.
      it->in_flight = false;
      --in_flight_;
      lost = true;
    }
  }
  if (lost) window_ = std::max(window_ / 2, kMinWindow);
}

void Channel::OnAck(Instant now, uint64_t next, uint64_t later) {
  for (Chunk& chunk : chunks_) {
    if (chunk.times_sent == 0) break;
    const bool below = chunk.number < next;
    const uint64_t bit = chunk.number - next - 1;
    const bool above = chunk.number > next && bit < kAhead && (later >> bit & 1) != 0;
    if (below || above) Arrived(now, chunk);
  }
  while (!chunks_.empty() && chunks_.front().arrived) {
    if (chunks_.front().end) --messages_;
    chunks_.pop_front();
  }
  DetectLoss();
}

bool Channel::Take(const wire::v1::SessionPacket::Chunk& chunk) {
  if (chunk.data().size() > kChunk || (chunk.goodbye() && !chunk.data().empty())) return false;
  ack_due_ = true;
  if (chunk.number() < expected_) return true;
  if (chunk.number() - expected_ > kAhead) return false;
  ahead_.try_emplace(chunk.number(), Part{ToBytes(chunk.data()), chunk.end(), chunk.goodbye()});
  return true;
}

void Channel::Collect(Received& out) {
  for (auto it = ahead_.find(expected_); it != ahead_.end(); it = ahead_.find(expected_)) {
    Part part = std::move(it->second);
    ahead_.erase(it);
    ++expected_;
    if (part.goodbye) {
      out.goodbye = true;
      continue;
    }
    if (message_.size() + part.data.size() > kMaxMessage) {
      out.violation = true;
      return;
    }
    Append(message_, part.data);
    if (part.end) out.messages.push_back(std::exchange(message_, {}));
  }
}

Channel::Received Channel::OnPacket(Instant now, const wire::v1::SessionPacket& packet) {
  Received out;
  if (packet.has_ack()) OnAck(now, packet.ack().next(), packet.ack().later());
  for (const auto& chunk : packet.chunks()) {
    if (!Take(chunk)) {
      out.violation = true;
      return out;
    }
  }
  Collect(out);
  return out;
}

}  // namespace p2pd::session
