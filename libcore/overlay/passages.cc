#include "libcore/overlay/passages.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

Passages::Passages(double bytes_per_second, LinkTable& links, RecordCache& records, Rng& rng,
                   Counters& counters)
    : links_(links),
      records_(records),
      rng_(rng),
      counters_(counters),
      relays_at_all_(bytes_per_second > 0),
      bucket_(std::max(bytes_per_second, 1.0),
              std::max(2 * bytes_per_second, static_cast<double>(net::kMaxDatagram))) {}

void Passages::SetNeed(Instant now, bool needed, bool can_serve) {
  can_serve_ = can_serve;
  if (needed == needed_) return;
  needed_ = needed;
  relays_.clear();
  in_vain_.clear();
  next_ask_ = needed ? std::optional(now) : std::nullopt;
}

std::vector<DetourPath> Passages::ways() const {
  std::vector<DetourPath> out;
  for (const auto& [id, relay] : relays_) {
    if (relay.agreed) out.push_back(DetourPath{Head(self_->id()), Head(id)});
  }
  return out;
}

void Passages::AskAround(Instant now) {
  std::erase_if(in_vain_, [&](const auto& entry) { return entry.second <= now; });
  std::erase_if(relays_, [&](const auto& entry) {
    if (entry.second.until > now) return !links_.EndpointOf(entry.first);
    in_vain_[entry.first] = now + kAskAgain;
    return true;
  });
  std::vector<std::pair<absl::Duration, NodeId>> nearest;
  for (const NodeId& id : links_.Peers()) {
    const NodeRecord* record = links_.RecordOf(id);
    if (relays_.count(id) != 0 || in_vain_.count(id) != 0) continue;
    if (record == nullptr || record->role() != Role::kPeer || !links_.EndpointOf(id)) continue;
    nearest.emplace_back(links_.RoundTripTo(id).value_or(absl::Seconds(1)), id);
  }
  std::sort(nearest.begin(), nearest.end());
  // Until enough agreed one more than are needed is asked: not everybody passes on.
  const size_t wanted = ways().size() < kRelays ? kRelays + 1 : kRelays;
  for (const auto& [round_trip, id] : nearest) {
    if (relays_.size() >= wanted) break;
    relays_.emplace(id, Relay{false, now + kAsk / 2});
  }
  for (const auto& [id, relay] : relays_) {
    wire::v1::OverlayMessage message;
    message.mutable_passage()->set_asks(true);
    links_.Note(now, id, Purpose::kMembership, SerializeProto(message));
  }
}

void Passages::OnAsked(Instant now, const NodeId& from) {
  const bool known = served_.count(from) != 0;
  if (!relays_at_all_ || !can_serve_ || (!known && served_.size() >= kMaxServed)) {
    counters_.Add("overlay.refused_passages");
    return;
  }
  served_[from].until = now + kHolds;
  wire::v1::OverlayMessage message;
  message.mutable_passage()->set_agrees(true);
  links_.Note(now, from, Purpose::kMembership, SerializeProto(message));
}

void Passages::Say(Instant now, const NodeId& to, uint64_t peer, bool passed_on,
                   ByteView datagram) {
  wire::v1::OverlayMessage message;
  wire::v1::Passage* passage = message.mutable_passage();
  passage->set_peer(peer);
  passage->set_passed_on(passed_on);
  passage->set_datagram(ToText(datagram));
  links_.Note(now, to, Purpose::kRequest, SerializeProto(message));
}

void Passages::Send(Instant now, const DetourPath& path, ByteView datagram) {
  if (datagram.size() > net::kMaxDatagram) return;
  const NodeRecord* via = links_.RecordOfHead(path.via);
  if (via != nullptr && links_.EndpointOf(via->id())) {
    return Say(now, NodeId(via->id()), path.far, false, datagram);
  }
  if (waiting_.size() >= kMaxWaiting) return counters_.Add("overlay.dropped_passages_waiting");
  waiting_.push_back({path, ToBytes(datagram), now + kWait});
  if (const NodeRecord* known = records_.FindHead(path.via)) {
    links_.Connect(now, NodeRecord(*known));
  } else if (looked_for_.insert(path.via).second) {
    wanted_.insert(path.via);
  }
}

std::optional<uint64_t> Passages::TakeWanted() {
  if (wanted_.empty()) return std::nullopt;
  return wanted_.extract(wanted_.begin()).value();
}

void Passages::OnRecord(Instant now, const NodeRecord& record) {
  if (WaitsFor(Head(record.id()))) links_.Connect(now, record);
}

bool Passages::WaitsFor(uint64_t via) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [via](const Waiting& waiting) { return waiting.path.via == via; });
}

void Passages::OnLinkUp(Instant now, const NodeId& id) {
  std::deque<Waiting> ready;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (waiting.path.via != Head(id)) return false;
    ready.push_back(std::move(waiting));
    return true;
  });
  for (const Waiting& waiting : ready) Say(now, id, waiting.path.far, false, waiting.datagram);
}

void Passages::OnLinkDown(const NodeId& id) {
  relays_.erase(id);
  in_vain_.erase(id);
  served_.erase(id);
}

std::optional<Passages::Arrived> Passages::OnPassage(Instant now, const NodeId& from,
                                                     const wire::v1::Passage& passage) {
  if (passage.asks()) {
    OnAsked(now, from);
    return std::nullopt;
  }
  if (passage.agrees()) {
    const auto relay = relays_.find(from);
    if (relay == relays_.end()) return std::nullopt;
    const auto agreed = std::count_if(relays_.begin(), relays_.end(),
                                      [](const auto& entry) { return entry.second.agreed; });
    if (relay->second.agreed || static_cast<size_t>(agreed) < kRelays) {
      relay->second = Relay{true, now + kHolds};
    }
    return std::nullopt;
  }
  if (!links_.EndpointOf(from) || passage.datagram().size() > net::kMaxDatagram) {
    counters_.Add("overlay.dropped_bad_passages");
    return std::nullopt;
  }
  if (!passage.passed_on()) {
    PassOn(now, from, passage);
    return std::nullopt;
  }
  if (passage.peer() == Head(self_->id()) || passage.peer() == Head(from)) {
    counters_.Add("overlay.dropped_bad_passages");
    return std::nullopt;
  }
  return Arrived{DetourPath{passage.peer(), Head(from)},
                 ToBytes(absl::string_view(passage.datagram()))};
}

void Passages::PassOn(Instant now, const NodeId& from, const wire::v1::Passage& passage) {
  const NodeRecord* far = links_.RecordOfHead(passage.peer());
  if (far == nullptr || far->id() == from || !links_.EndpointOf(far->id())) {
    counters_.Add("overlay.refused_passages");
    return;
  }
  const NodeId to = far->id();
  if (!Allowed(now, from, to, passage.datagram().size())) return;
  counters_.Add("overlay.passages");
  counters_.Add("overlay.passages_bytes", passage.datagram().size());
  Say(now, to, Head(from), true, AsBytes(passage.datagram()));
}

bool Passages::Allowed(Instant now, const NodeId& from, const NodeId& to, size_t size) {
  const auto served = served_.find(to);
  const auto sender = served_.find(from);
  Served* payer = nullptr;
  if (served != served_.end() && served->second.until > now) {
    payer = &served->second;
    // Who writes may be written back to.
    payer->writers[Head(from)] = now + kPermission;
    if (payer->writers.size() > kMaxWriters) {
      payer->writers.erase(
          std::min_element(payer->writers.begin(), payer->writers.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
  } else if (sender != served_.end() && sender->second.until > now) {
    const auto writer = sender->second.writers.find(Head(to));
    if (writer != sender->second.writers.end() && writer->second > now) payer = &sender->second;
  }
  if (payer == nullptr) {
    counters_.Add("overlay.refused_passages");
    return false;
  }
  const auto bytes = static_cast<double>(size);
  if (payer->bucket.TryTake(now, bytes) && bucket_.TryTake(now, bytes)) return true;
  counters_.Add("overlay.refused_passages_rate");
  return false;
}

void Passages::OnTimeout(Instant now) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.until <= now; });
  std::erase_if(looked_for_, [&](uint64_t head) { return !WaitsFor(head); });
  std::erase_if(served_, [&](const auto& entry) { return entry.second.until <= now; });
  if (!next_ask_ || *next_ask_ > now) return;
  AskAround(now);
  // Until somebody agreed there is haste: nobody can call us before.
  next_ask_ = now + rng_.Jitter(ways().empty() ? absl::Seconds(2) : kAsk);
}

std::optional<Instant> Passages::PollTimeout() const {
  std::optional<Instant> out = next_ask_;
  if (!waiting_.empty()) out = Earliest(out, waiting_.front().until);
  for (const auto& [id, served] : served_) out = Earliest(out, served.until);
  return out;
}

}  // namespace p2pd::overlay
