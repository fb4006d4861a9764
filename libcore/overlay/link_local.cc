#include "libcore/overlay/link_local.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "libcore/base/codec.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr uint8_t kMemberFlag = 1;
// Two knocks of one turn of the bucket are this far apart at least, whatever the clock's grain.
constexpr absl::Duration kGrain = absl::Milliseconds(1);

}  // namespace

Bytes MakeBeacon(const Beacon& beacon) {
  ByteWriter writer = StartDatagram(DatagramType::kBeacon);
  writer.U8(beacon.member ? kMemberFlag : 0).U64(beacon.head);
  Bytes out = std::move(writer).Take();
  out.resize(kBeaconSize);
  return out;
}

std::optional<Beacon> ParseBeacon(ByteView datagram) {
  if (datagram.size() != kBeaconSize || TypeOf(datagram) != DatagramType::kBeacon) {
    return std::nullopt;
  }
  ByteReader reader(datagram.subspan(2));
  const uint8_t flags = reader.U8();
  Beacon out;
  out.head = reader.U64();
  if (flags > kMemberFlag) return std::nullopt;
  out.member = flags == kMemberFlag;
  return out;
}

LinkLocal::LinkLocal(const LinkLocalOptions& options, Known known, Rng& rng, Counters& counters)
    : options_(options), known_(std::move(known)), rng_(rng), counters_(counters) {}

// Speaking.

void LinkLocal::Start(Instant now) {
  if (!options_.group) return;
  running_ = true;
  interval_ = kLeastInterval;
  StartInterval(now);
}

void LinkLocal::StartInterval(Instant now) {
  heard_same_ = 0;
  // RFC 6206 §4.2: in the second half, so that who begins late still hears the others.
  speaks_ = now + interval_ / 2 + interval_ / 2 * rng_.Unit();
  ends_ = now + interval_;
}

void LinkLocal::Hasten(Instant now) {
  if (interval_ == kLeastInterval) return;
  interval_ = kLeastInterval;
  StartInterval(now);
}

void LinkLocal::Speak() {
  const bool said = heard_same_ >= kRedundancy && silent_ < kMaxSilence;
  if (said || (options_.role == Role::kClient && !looking_)) {
    ++silent_;
    counters_.Add("overlay.beacons_suppressed");
    return;
  }
  silent_ = 0;
  counters_.Add("overlay.beacons_sent");
  transmit_ = net::Transmit{*options_.group, MakeBeacon({options_.head, !looking_})};
}

std::optional<net::Transmit> LinkLocal::PollTransmit() {
  return std::exchange(transmit_, std::nullopt);
}

// Listening.

bool LinkLocal::Leads(const Beacon& beacon) const {
  return beacon.member || beacon.head < options_.head;
}

void LinkLocal::SetLooking(Instant now, bool looking) {
  if (!running_ || looking_ == looking) return;
  looking_ = looking;
  if (looking) Hasten(now);
  for (auto& [endpoint, heard] : heard_) {
    heard.contact.reset();
    Plan(now, heard);
  }
}

void LinkLocal::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<Beacon> beacon = ParseBeacon(datagram);
  const bool somewhere =
      from.port != 0 && !from.address.IsMulticast() && !from.address.IsUnspecified();
  if (!beacon || !somewhere) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  if (!running_) {
    counters_.Add("overlay.dropped_beacon");
    return;
  }
  // Our own comes back to us.
  if (beacon->head == options_.head) return;
  const auto before = heard_.find(from);
  const bool fresh = before == heard_.end() || before->second.beacon.head != beacon->head;
  Heard& heard = *Note(now, from, *beacon);
  const bool known = !looking_ && known_(beacon->head);
  if (looking_ ? Leads(*beacon) : known) ++heard_same_;
  if (known) {
    heard.contact.reset();
    return;
  }
  if (fresh) Hasten(now);
  if (!heard.contact) Plan(now, heard);
}

LinkLocal::Heard* LinkLocal::Note(Instant now, const net::Endpoint& from, const Beacon& beacon) {
  std::erase_if(heard_, [now](const auto& entry) { return entry.second.at + kLifetime <= now; });
  if (heard_.size() >= kMaxHeard && heard_.count(from) == 0) {
    counters_.Add("overlay.evicted_heard");
    heard_.erase(std::min_element(heard_.begin(), heard_.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    }));
  }
  Heard& heard = heard_[from];
  heard.beacon = beacon;
  heard.at = now;
  return &heard;
}

void LinkLocal::Plan(Instant now, Heard& heard) {
  absl::Duration wait = kSoon * rng_.Unit();
  if (looking_) {
    if (!Leads(heard.beacon)) wait += kPatience;
  } else {
    if (known_(heard.beacon.head)) return;
    int ours = 1;
    bool spokesman = true;
    for (const auto& [endpoint, other] : heard_) {
      if (!known_(other.beacon.head)) continue;
      ++ours;
      spokesman = spokesman && options_.head < other.beacon.head;
    }
    // Who looks for a ring comes by itself.
    const bool soon = spokesman && heard.beacon.member;
    wait = (soon ? kSpokesman : ours * kCheck) * rng_.Unit();
  }
  heard.contact = std::max(now + wait, heard.not_before);
}

void LinkLocal::Knock(Instant now) {
  std::vector<std::map<net::Endpoint, Heard>::iterator> due;
  for (auto it = heard_.begin(); it != heard_.end(); ++it) {
    if (!it->second.contact || *it->second.contact > now) continue;
    if (!looking_ && known_(it->second.beacon.head)) {
      it->second.contact.reset();
    } else {
      due.push_back(it);
    }
  }
  // Any of them, not the first of the list each time: one that is forged waits like the others.
  while (!due.empty() && contact_bucket_.TryTake(now, 1)) {
    const auto pick = due.begin() + static_cast<std::ptrdiff_t>(rng_.Below(due.size()));
    Heard& heard = (*pick)->second;
    counters_.Add("overlay.link_contacts");
    contacts_.push_back((*pick)->first);
    due.erase(pick);
    heard.contact.reset();
    if (looking_) {
      heard.contact = now + rng_.Jitter(kLookAgain);
    } else {
      heard.not_before = now + heard.gap;
      heard.gap = std::min(2 * heard.gap, kMostGap);
    }
  }
  const Instant next = contact_bucket_.WhenAvailable(now, 1) + kGrain;
  for (const auto& it : due) it->second.contact = next;
}

std::optional<net::Endpoint> LinkLocal::PollContact() {
  if (contacts_.empty()) return std::nullopt;
  const net::Endpoint out = contacts_.front();
  contacts_.pop_front();
  return out;
}

// Time.

void LinkLocal::OnTimeout(Instant now) {
  if (!running_) return;
  if (speaks_ && *speaks_ <= now) {
    speaks_.reset();
    Speak();
  }
  if (ends_ <= now) {
    interval_ = std::min(2 * interval_, kMostInterval);
    StartInterval(now);
  }
  Knock(now);
}

std::optional<Instant> LinkLocal::PollTimeout() const {
  if (!running_) return std::nullopt;
  std::optional<Instant> out = Earliest(speaks_, ends_);
  for (const auto& [endpoint, heard] : heard_) out = Earliest(out, heard.contact);
  return out;
}

}  // namespace p2pd::overlay
