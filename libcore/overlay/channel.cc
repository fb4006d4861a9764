#include "libcore/overlay/channel.h"

#include <algorithm>
#include <utility>

namespace p2pd::overlay {
namespace {

// Bytes of frames in most packets with a message; what is more makes the buffer grow.
constexpr size_t kUsualPacket = 160;

}  // namespace

Channel::~Channel() { budget_.used -= partial_bytes_; }

bool Channel::Queue(uint64_t message, Bytes bytes, Urgency urgency) {
  if (bytes.empty() || bytes.size() > kMaxMessage || outgoing_.size() >= kMaxMessages ||
      queued_bytes_ + bytes.size() > kMaxQueuedBytes || outgoing_.count(message) != 0) {
    counters_.Add("overlay.refused_send_queue_full");
    return false;
  }
  const size_t count = (bytes.size() + kMaxFragment - 1) / kMaxFragment;
  queued_bytes_ += bytes.size();
  const uint8_t rank = RankOf(urgency, count > 1);
  for (size_t i = 0; i < count; ++i) {
    waiting_[{rank, next_turn_++}] = {message, static_cast<uint16_t>(i)};
  }
  Outgoing& out = outgoing_[message];
  out.urgency = urgency;
  out.bytes = std::move(bytes);
  out.fragments.assign(count, Fate::kUnsent);
  return true;
}

bool Channel::QueueNote(Bytes bytes) {
  if (bytes.empty() || bytes.size() > kMaxNote || notes_.size() >= kMaxNotes) {
    counters_.Add("overlay.refused_send_queue_full");
    return false;
  }
  notes_.push_back(std::move(bytes));
  return true;
}

void Channel::Cancel(uint64_t message) {
  const auto found = outgoing_.find(message);
  if (found == outgoing_.end()) return;
  queued_bytes_ -= found->second.bytes.size();
  outgoing_.erase(found);
}

bool Channel::MayLeave(uint8_t rank) const {
  const auto urgency = static_cast<Urgency>(rank / 2);
  if (urgency == Urgency::kCallSetup) return in_flight_.size() < window_ + kCallReserve;
  if (in_flight_.size() >= window_) return false;
  if (urgency != Urgency::kRepair) return true;
  const auto repairs = std::count_if(in_flight_.begin(), in_flight_.end(),
                                     [](const SentPacket& packet) { return packet.repair; });
  return static_cast<size_t>(repairs) < repair_window_;
}

// Drops what was cancelled or acknowledged meanwhile from the front.
Channel::Waiting::iterator Channel::NextPiece() {
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    if (!MayLeave(first->first.rank)) break;
    const auto found = outgoing_.find(first->second.first);
    if (found != outgoing_.end() &&
        found->second.fragments[first->second.second] == Fate::kUnsent) {
      return first;
    }
    waiting_.erase(first);
  }
  return waiting_.end();
}

bool Channel::WantsToSend() const {
  if (ack_due_ || ping_due_ || !notes_.empty()) return true;
  for (const auto& [turn, piece] : waiting_) {
    if (!MayLeave(turn.rank)) return false;
    const auto found = outgoing_.find(piece.first);
    if (found != outgoing_.end() && found->second.fragments[piece.second] == Fate::kUnsent) {
      return true;
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
  // Nothing received yet: nothing to acknowledge.
  if (!ack) ack_due_ = false;
  SentPacket packet;
  packet.link = link;
  packet.number = number;
  packet.at = now;
  auto next = NextPiece();
  const bool any = next != waiting_.end();
  const bool says = any || !notes_.empty();
  if (!ack_due_ && !ping_due_ && !says) return {};
  ByteWriter writer(says ? kUsualPacket : kAckFrameSize + 1);
  // An ack rides along with a message for little, and saves one when the last was lost.
  if (ack && (ack_due_ || says)) WriteFrame(*ack, writer);
  ack_due_ = false;
  while (!notes_.empty()) {
    const NoteFrame note{notes_.front()};
    if (writer.bytes().size() + FrameSize(note) > kMaxPlaintext) break;
    WriteFrame(note, writer);
    notes_.pop_front();
  }
  packet.repair = any && next->first.rank >= RankOf(Urgency::kRepair, false);
  for (; next != waiting_.end(); next = NextPiece()) {
    const Piece piece = next->second;
    Outgoing& message = outgoing_[piece.first];
    const FragmentFrame frame{piece.first, piece.second,
                              static_cast<uint16_t>(message.fragments.size()),
                              FragmentOf(message, piece.second)};
    if (writer.bytes().size() + FrameSize(frame) > kMaxPlaintext) break;
    WriteFrame(frame, writer);
    message.fragments[piece.second] = Fate::kInFlight;
    packet.pieces.push_back(piece);
    waiting_.erase(next);
  }
  ping_due_ = ping_due_ && packet.pieces.empty();
  // Notes may have filled it: then the ping goes next.
  if (ping_due_ && writer.bytes().size() + FrameSize(PingFrame{}) <= kMaxPlaintext) {
    WriteFrame(PingFrame{}, writer);
    packet.ping = true;
    ping_due_ = false;
  }
  if (packet.ping || !packet.pieces.empty()) {
    packet.order = next_order_++;
    in_flight_.push_back(std::move(packet));
  }
  return std::move(writer).Take();
}

void Channel::Acknowledge(const SentPacket& packet) {
  for (const auto& [id, index] : packet.pieces) {
    const auto found = outgoing_.find(id);
    if (found == outgoing_.end() || found->second.fragments[index] == Fate::kAcked) continue;
    Outgoing& message = found->second;
    message.fragments[index] = Fate::kAcked;
    message.timeouts = 0;
    if (++message.acked < message.fragments.size()) continue;
    queued_bytes_ -= message.bytes.size();
    outgoing_.erase(found);
    reports_.push_back({Outcome::kAcked, id});
  }
}

void Channel::GrowWindow(const SentPacket& packet) {
  if (packet.order < recovery_) return;
  // RFC 9002 §7.3.1, §7.3.3
  if (window_ < threshold_) {
    ++window_;
  } else if (++grown_ >= window_) {
    grown_ = 0;
    ++window_;
  }
  window_ = std::min(window_, kMaxWindow);
}

// RFC 6817 §2.4.2, in packets: one more a window while the delay is small, half when it is not.
void Channel::OnDelay(Instant now, absl::Duration round_trip, bool repair) {
  if (base_since_ + kBaseSpan <= now) {
    base_since_ = now;
    base_before_ = std::exchange(base_, absl::InfiniteDuration());
  }
  base_ = std::min(base_, round_trip);
  if (!repair) return;
  if (round_trip - std::min(base_, base_before_) > kRepairDelay) {
    if (now - round_trip < repair_slowed_) return;
    repair_slowed_ = now;
    repair_window_ = std::max(repair_window_ / 2, kLeastRepairWindow);
    repair_grown_ = 0;
  } else if (++repair_grown_ >= repair_window_) {
    repair_grown_ = 0;
    repair_window_ = std::min(repair_window_ + 1, kMaxWindow);
  }
}

template <class Take>
bool Channel::EraseSent(const Take& take) {
  auto kept = in_flight_.begin();
  for (auto it = in_flight_.begin(); it != in_flight_.end(); ++it) {
    if (take(*it)) continue;
    if (kept != it) *kept = std::move(*it);
    ++kept;
  }
  if (kept == in_flight_.end()) return false;
  in_flight_.erase(kept, in_flight_.end());
  return true;
}

void Channel::OnAck(Instant now, uint32_t link, const AckFrame& ack) {
  const auto named = [&](const SentPacket& packet) {
    if (packet.link != link || packet.number > ack.largest) return false;
    const uint64_t age = ack.largest - packet.number;
    return age == 0 || (age <= 64 && ((ack.mask >> (age - 1)) & 1) != 0);
  };
  const bool any = EraseSent([&](const SentPacket& packet) {
    if (!named(packet)) return false;
    if (packet.number == ack.largest) {
      round_trip_.OnSample(now - packet.at);
      OnDelay(now, now - packet.at, packet.repair);
    }
    GrowWindow(packet);
    Acknowledge(packet);
    return true;
  });
  if (!any) return;
  backoff_ = 0;
  if (ack.largest < kReordering) return;
  EraseSent([&](const SentPacket& packet) {
    if (packet.link != link || packet.number > ack.largest - kReordering) return false;
    Requeue(packet, false);
    ShrinkWindow(packet.order, window_ / 2);
    return true;
  });
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
    reports_.push_back({Outcome::kSlow, std::nullopt, packet.link});
  }
  for (auto it = packet.pieces.rbegin(); it != packet.pieces.rend(); ++it) {
    const auto found = outgoing_.find(it->first);
    if (found == outgoing_.end() || found->second.fragments[it->second] != Fate::kInFlight) {
      continue;
    }
    found->second.fragments[it->second] = Fate::kUnsent;
    waiting_[{RankOf(found->second.urgency, false), next_again_--}] = *it;
    if (!timed_out) continue;
    found->second.late = true;
    if (!std::exchange(found->second.slow, true)) {
      reports_.push_back({Outcome::kSlow, it->first, packet.link});
    }
  }
}

absl::Duration Channel::CurrentTimeout() const {
  return std::min(round_trip_.Timeout() * (1 << std::min(backoff_, 10)), kMaxBackoff);
}

Instant Channel::DueOf(const SentPacket& packet) const {
  return packet.at + CurrentTimeout() + (packet.repair ? 2 * kRepairDelay : absl::ZeroDuration());
}

void Channel::OnTimeout(Instant now) {
  ExpirePartials(now);
  if (in_flight_.empty()) return;
  // Whatever is due is taken for lost; the window falls once.
  const bool any = EraseSent([&](const SentPacket& packet) {
    if (DueOf(packet) > now) return false;
    ShrinkWindow(packet.order, window_ / 2);
    Requeue(packet, true);
    return true;
  });
  if (!any) return;
  ++backoff_;
  for (auto it = outgoing_.begin(); it != outgoing_.end();) {
    // A window that is late as a whole was so once.
    if (std::exchange(it->second.late, false)) ++it->second.timeouts;
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
  for (const SentPacket& packet : in_flight_) out = Earliest(out, DueOf(packet));
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

bool Channel::Finished(uint64_t message) const {
  return std::any_of(finished_.begin(), finished_.end(),
                     [message](const auto& entry) { return entry.second == message; });
}

void Channel::Remember(Instant now, uint64_t message) {
  while (!finished_.empty() &&
         (finished_.size() >= kMaxFinished || finished_.front().first + kFinishedLifetime <= now)) {
    finished_.pop_front();
  }
  finished_.push_back({now, message});
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
  if (Finished(frame.message)) return std::nullopt;
  if (frame.count == 1) {
    Remember(now, frame.message);
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
  Remember(now, frame.message);
  return whole;
}

}  // namespace p2pd::overlay
