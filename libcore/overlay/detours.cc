#include "libcore/overlay/detours.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

// What makes and uses links; letters and beacons are between strangers.
bool OfLinks(ByteView datagram) {
  const std::optional<DatagramType> type = TypeOf(datagram);
  return type && *type <= DatagramType::kPacket;
}

}  // namespace

bool Detours::CanVouch(const NodeId& id) const {
  return links_.EndpointOf(id).has_value() && !ring_.IsSuspect(id);
}

const NodeRecord* Detours::LeafByHead(uint64_t head) const {
  const auto& members = ring_.leaves().members();
  const auto found = members.lower_bound(FromHead(head));
  return found == members.end() || Head(found->first) != head ? nullptr : &found->second;
}

std::optional<net::Endpoint> Detours::WayTo(const NodeId& id, size_t nth) const {
  const LeafSet& leaves = ring_.leaves();
  if (!self_ || self_->role() != Role::kPeer) return std::nullopt;
  if (!leaves.Contains(id) && !leaves.Wants(id)) return std::nullopt;
  std::vector<NodeId> vouchers;
  for (const auto& [leaf, record] : leaves.members()) {
    if (leaf != id && CanVouch(leaf)) vouchers.push_back(leaf);
  }
  if (vouchers.empty()) return std::nullopt;
  const size_t count = std::min(vouchers.size(), kVouchers);
  const std::vector<NodeId> on_the_way = leaves.Between(id);
  const auto between = [&](const NodeId& leaf) {
    return std::find(on_the_way.begin(), on_the_way.end(), leaf) != on_the_way.end();
  };
  const auto better = [&](const NodeId& a, const NodeId& b) {
    return between(a) != between(b) ? between(a) : Nearer(id, a, b);
  };
  std::partial_sort(vouchers.begin(), vouchers.begin() + static_cast<std::ptrdiff_t>(count),
                    vouchers.end(), better);
  return DetourPath{Head(id), Head(vouchers[nth % count])}.ToEndpoint();
}

std::optional<net::Endpoint> Detours::KnockRound(const NodeId& id, size_t nth) {
  if (!ring_.active()) return WayTo(id, nth);
  return nth == 1 ? WayTo(id, rng_.Below(kVouchers)) : std::nullopt;
}

void Detours::PingRound(const NodeId& id, size_t nth) {
  if (!ring_.leaves().Contains(id)) return;
  const std::optional<net::Endpoint> way = WayTo(id, nth);
  if (!way) return;
  counters_.Add("overlay.pings_round");
  if (Round(id)) PingStraight(id);
  links_.PingAt(id, *way);
}

void Detours::PingStraight(const NodeId& id) {
  const NodeRecord* record = links_.RecordOf(id);
  if (record != nullptr) links_.PingAt(id, record->addresses().front());
}

void Detours::Say(Instant now, const NodeId& to, uint64_t peer, bool passed_on, ByteView datagram) {
  wire::v1::OverlayMessage message;
  wire::v1::Detour* detour = message.mutable_detour();
  detour->set_peer(peer);
  detour->set_passed_on(passed_on);
  detour->set_datagram(ToText(datagram));
  links_.Note(now, to, Purpose::kMembership, SerializeProto(message));
}

void Detours::Send(Instant now, const net::Transmit& transmit) {
  const std::optional<DetourPath> path = DetourPath::From(transmit.to);
  const NodeRecord* via = path ? links_.RecordOfHead(path->via) : nullptr;
  if (via == nullptr || !links_.EndpointOf(via->id()) || !OfLinks(transmit.datagram)) {
    counters_.Add("overlay.dropped_detours_without_voucher");
    return;
  }
  // A new link may go round only because its node took its time.
  const DatagramType type = *TypeOf(transmit.datagram);
  if (type == DatagramType::kHello || type == DatagramType::kWelcome) {
    next_try_ = Earliest(next_try_, now + rng_.Jitter(kTryNew));
  } else if (!next_try_) {
    next_try_ = now + rng_.Jitter(kTryStraight);
  }
  Say(now, NodeId(via->id()), path->far, false, transmit.datagram);
}

std::optional<Detours::Arrived> Detours::OnDetour(Instant now, const NodeId& from,
                                                  const wire::v1::Detour& detour) {
  // One hop: what came to us by a detour goes no farther.
  if (!OfLinks(AsBytes(detour.datagram())) || !links_.EndpointOf(from)) {
    counters_.Add("overlay.dropped_bad_detours");
    return std::nullopt;
  }
  if (!detour.passed_on()) {
    PassOn(now, from, detour);
    return std::nullopt;
  }
  if (detour.peer() == Head(self_->id()) || detour.peer() == Head(from)) {
    counters_.Add("overlay.dropped_bad_detours");
    return std::nullopt;
  }
  return Arrived{DetourPath{detour.peer(), Head(from)}.ToEndpoint(),
                 ToBytes(absl::string_view(detour.datagram()))};
}

void Detours::PassOn(Instant now, const NodeId& from, const wire::v1::Detour& detour) {
  const NodeRecord* far = LeafByHead(detour.peer());
  const bool leaves = far != nullptr && far->id() != from && ring_.leaves().Contains(from);
  if (!leaves || !CanVouch(far->id())) {
    counters_.Add("overlay.refused_detours");
    return;
  }
  if (!Allowed(now, from, detour.datagram().size())) {
    counters_.Add("overlay.refused_detours_rate");
    return;
  }
  counters_.Add("overlay.detours_passed_on");
  Say(now, NodeId(far->id()), Head(from), true, AsBytes(detour.datagram()));
}

bool Detours::Allowed(Instant now, const NodeId& asker, size_t size) {
  // Of leaves only, so as many as there were links.
  const auto bucket = askers_.try_emplace(asker, kAskerRate, kAskerBurst).first;
  const auto bytes = static_cast<double>(size);
  return bucket->second.TryTake(now, bytes) && bucket_.TryTake(now, bytes);
}

void Detours::OnLinkDown(const NodeId& id) {
  askers_.erase(id);
  if (!next_try_) return;
  for (const NodeId& peer : links_.Peers()) {
    const std::optional<DetourPath> path = links_.DetourTo(peer);
    if (path && path->via == Head(id)) PingRound(peer, 0);
  }
}

void Detours::OnTimeout(Instant now) {
  if (!next_try_ || *next_try_ > now) return;
  next_try_.reset();
  for (const NodeId& peer : links_.Peers()) {
    if (!links_.DetourTo(peer)) continue;
    next_try_ = now + rng_.Jitter(kTryStraight);
    PingStraight(peer);
  }
}

}  // namespace p2pd::overlay
