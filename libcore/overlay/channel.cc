#include "libcore/overlay/channel.h"

#include <algorithm>

namespace p2pd::overlay {

Channel::~Channel() { budget_.used -= partial_bytes_; }

bool Channel::Queue(uint64_t message, Bytes bytes) {
  if (bytes.empty() || bytes.size() > kMaxMessage || outgoing_.size() >= kMaxMessages ||
      queued_bytes_ + bytes.size() > kMaxQueuedBytes || outgoing_.count(message) != 0) {
    counters_.Add("overlay.refused_send_queue_full");
    return false;
  }
  const size_t count = (bytes.size() + kMaxFragment - 1) / kMaxFragment;
  queued_bytes_ += bytes.size();
  std::deque<Piece>& queue = count == 1 ? urgent_ : bulk_;
  for (size_t i = 0; i < count; ++i) queue.emplace_back(message, static_cast<uint16_t>(i));
  Outgoing& out = outgoing_[message];
  out.bytes = std::move(bytes);
  out.fragments.assign(count, Fate::kUnsent);
  return true;
}

void Channel::Cancel(uint64_t message) {
  const auto found = outgoing_.find(message);
  if (found == outgoing_.end()) return;
  queued_bytes_ -= found->second.bytes.size();
  outgoing_.erase(found);
}

// Drops what was cancelled or acknowledged meanwhile from the front, and returns the queue to take
// from.
std::deque<Channel::Piece>* Channel::NextQueue() {
  for (std::deque<Piece>* queue : {&urgent_, &bulk_}) {
    while (!queue->empty()) {
      const auto found = outgoing_.find(queue->front().first);
      if (found != outgoing_.end() &&
          found->second.fragments[queue->front().second] == Fate::kUnsent) {
        return queue;
      }
      queue->pop_front();
    }
  }
  return nullptr;
}

bool Channel::WantsToSend() const {
  if (ack_due_ || ping_due_) return true;
  if (in_flight_.size() >= window_) return false;
  for (const std::deque<Piece>* queue : {&urgent_, &bulk_}) {
    for (const Piece& piece : *queue) {
      const auto found = outgoing_.find(piece.first);
      if (found != outgoing_.end() && found->second.fragments[piece.second] == Fate::kUnsent) {
        return true;
      }
    }
  }
  return false;
}

ByteView Channel::FragmentOf(const Outgoing& message, uint16_t index) const {
  const size_t start = index * kMaxFragment;
  return ByteView(message.bytes).subspan(start, kMaxFragment);
}

Bytes Channel::Fill(Instant now, uint32_t link, uint64_t number,
                    const std::optional<AckFrame>& ack) {
  ByteWriter writer;
  // Nothing received yet: nothing to acknowledge.
  if (!ack) ack_due_ = false;
  SentPacket packet;
  packet.link = link;
  packet.number = number;
  packet.at = now;
  std::deque<Piece>* queue = in_flight_.size() < window_ ? NextQueue() : nullptr;
  if (!ack_due_ && !ping_due_ && queue == nullptr) return {};
  // An ack rides along with a message for little, and saves one when the last was lost.
  if (ack && (ack_due_ || queue != nullptr)) WriteFrame(*ack, writer);
  ack_due_ = false;
  for (; queue != nullptr; queue = NextQueue()) {
    const Piece piece = queue->front();
    Outgoing& message = outgoing_[piece.first];
    const FragmentFrame frame{piece.first, piece.second,
                              static_cast<uint16_t>(message.fragments.size()),
                              FragmentOf(message, piece.second)};
    if (writer.bytes().size() + FrameSize(frame) > kMaxPlaintext) break;
    WriteFrame(frame, writer);
    message.fragments[piece.second] = Fate::kInFlight;
    packet.pieces.push_back(piece);
    queue->pop_front();
  }
  if (ping_due_ && packet.pieces.empty()) {
    WriteFrame(PingFrame{}, writer);
    packet.ping = true;
  }
  ping_due_ = false;
  if (packet.ping || !packet.pieces.empty()) {
    const uint64_t order = next_order_++;
    order_of_[{link, number}] = order;
    in_flight_.emplace(order, std::move(packet));
  }
  return std::move(writer).Take();
}

void Channel::Acknowledge(const SentPacket& packet) {
  for (const auto& [id, index] : packet.pieces) {
    const auto found = outgoing_.find(id);
    if (found == outgoing_.end() || found->second.fragments[index] == Fate::kAcked) continue;
    Outgoing& message = found->second;
    message.fragments[index] = Fate::kAcked;
    if (++message.acked < message.fragments.size()) continue;
    queued_bytes_ -= message.bytes.size();
    outgoing_.erase(found);
    reports_.push_back({Outcome::kAcked, id});
  }
}

// Only what fits an ack frame can be named, so the loops here are bounded by 64.
void Channel::OnAck(Instant now, uint32_t link, const AckFrame& ack) {
  bool any = false;
  const uint64_t oldest = ack.largest < 64 ? 0 : ack.largest - 64;
  auto it = order_of_.lower_bound({link, oldest});
  while (it != order_of_.end() && it->first.first == link && it->first.second <= ack.largest) {
    const uint64_t age = ack.largest - it->first.second;
    if (age != 0 && ((ack.mask >> (age - 1)) & 1) == 0) {
      ++it;
      continue;
    }
    const auto sent = in_flight_.find(it->second);
    if (age == 0) round_trip_.OnSample(now - sent->second.at);
    if (sent->first >= recovery_) {
      // RFC 9002 §7.3.1, §7.3.3
      if (window_ < threshold_) {
        ++window_;
      } else if (++grown_ >= window_) {
        grown_ = 0;
        ++window_;
      }
      window_ = std::min(window_, kMaxWindow);
    }
    Acknowledge(sent->second);
    in_flight_.erase(sent);
    it = order_of_.erase(it);
    any = true;
  }
  if (!any) return;
  backoff_ = 0;
  if (ack.largest < kReordering) return;
  const uint64_t limit = ack.largest - kReordering;
  it = order_of_.lower_bound({link, 0});
  while (it != order_of_.end() && it->first.first == link && it->first.second <= limit) {
    const auto sent = in_flight_.find(it->second);
    Requeue(sent->second, false);
    ShrinkWindow(sent->first, window_ / 2);
    in_flight_.erase(sent);
    it = order_of_.erase(it);
  }
}

void Channel::ShrinkWindow(uint64_t order, size_t window) {
  if (order < recovery_) return;
  recovery_ = next_order_;
  window_ = std::max(window, kMinWindow);
  threshold_ = window_;
  grown_ = 0;
}

void Channel::Requeue(const SentPacket& packet, bool timed_out) {
  if (packet.pieces.empty() && packet.ping && timed_out) {
    reports_.push_back({Outcome::kSlow, std::nullopt});
  }
  for (auto it = packet.pieces.rbegin(); it != packet.pieces.rend(); ++it) {
    const auto found = outgoing_.find(it->first);
    if (found == outgoing_.end() || found->second.fragments[it->second] != Fate::kInFlight) {
      continue;
    }
    found->second.fragments[it->second] = Fate::kUnsent;
    urgent_.push_front(*it);
    if (timed_out && ++found->second.timeouts == 1) {
      reports_.push_back({Outcome::kSlow, it->first});
    }
  }
}

absl::Duration Channel::CurrentTimeout() const {
  return std::min(round_trip_.Timeout() * (1 << std::min(backoff_, 10)), kMaxBackoff);
}

void Channel::OnTimeout(Instant now) {
  ExpirePartials(now);
  if (in_flight_.empty() || now < in_flight_.begin()->second.at + CurrentTimeout()) return;
  // Whatever went out before now minus the timeout is taken for lost; the window falls once.
  const absl::Duration timeout = CurrentTimeout();
  while (!in_flight_.empty() && in_flight_.begin()->second.at + timeout <= now) {
    const auto first = in_flight_.begin();
    ShrinkWindow(first->first, window_ / 2);
    Requeue(first->second, true);
    order_of_.erase({first->second.link, first->second.number});
    in_flight_.erase(first);
  }
  ++backoff_;
  for (auto it = outgoing_.begin(); it != outgoing_.end();) {
    if (it->second.timeouts < kMaxTimeouts) {
      ++it;
      continue;
    }
    counters_.Add("overlay.messages_given_up");
    reports_.push_back({Outcome::kLost, it->first});
    queued_bytes_ -= it->second.bytes.size();
    it = outgoing_.erase(it);
  }
}

std::optional<Instant> Channel::PollTimeout() const {
  std::optional<Instant> out;
  if (!in_flight_.empty()) out = in_flight_.begin()->second.at + CurrentTimeout();
  for (const auto& [id, partial] : partials_) out = Earliest(out, partial.deadline);
  return out;
}

std::optional<Channel::Report> Channel::PollReport() {
  if (reports_.empty()) return std::nullopt;
  const Report out = reports_.front();
  reports_.pop_front();
  return out;
}

std::vector<uint64_t> Channel::Unfinished() const {
  std::vector<uint64_t> out;
  for (const auto& [id, message] : outgoing_) out.push_back(id);
  return out;
}

void Channel::Remember(uint64_t message) {
  finished_.insert(message);
  finished_order_.push_back(message);
  if (finished_order_.size() <= kMaxFinished) return;
  finished_.erase(finished_order_.front());
  finished_order_.pop_front();
}

void Channel::DropPartial(std::map<uint64_t, Partial>::iterator it) {
  budget_.used -= it->second.bytes;
  partial_bytes_ -= it->second.bytes;
  partials_.erase(it);
}

void Channel::ExpirePartials(Instant now) {
  for (auto it = partials_.begin(); it != partials_.end();) {
    const auto here = it++;
    if (here->second.deadline > now) continue;
    counters_.Add("overlay.expired_partial_messages");
    DropPartial(here);
  }
}

std::optional<Bytes> Channel::OnFragment(Instant now, const FragmentFrame& frame) {
  if (finished_.count(frame.message) != 0) return std::nullopt;
  if (frame.count == 1) {
    Remember(frame.message);
    return ToBytes(frame.bytes);
  }
  auto found = partials_.find(frame.message);
  const bool full = partial_bytes_ + frame.bytes.size() > kMaxPartialBytes ||
                    budget_.used + frame.bytes.size() > ReassemblyBudget::kMaxBytes;
  if (full || (found == partials_.end() && partials_.size() >= kMaxPartials)) {
    counters_.Add("overlay.refused_fragments");
    return std::nullopt;
  }
  if (found == partials_.end()) {
    found = partials_.emplace(frame.message, Partial()).first;
    found->second.count = frame.count;
  }
  Partial& partial = found->second;
  if (partial.count != frame.count || partial.fragments.count(frame.index) != 0) {
    return std::nullopt;
  }
  partial.deadline = now + kPartialLifetime;
  partial.fragments[frame.index] = ToBytes(frame.bytes);
  partial.bytes += frame.bytes.size();
  partial_bytes_ += frame.bytes.size();
  budget_.used += frame.bytes.size();
  if (partial.fragments.size() < partial.count) return std::nullopt;
  Bytes whole;
  whole.reserve(partial.bytes);
  for (const auto& [index, bytes] : partial.fragments) Append(whole, bytes);
  DropPartial(found);
  Remember(frame.message);
  return whole;
}

}  // namespace p2pd::overlay
