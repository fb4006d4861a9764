#include "libcore/archive/holders.h"

#include <algorithm>

namespace p2pd::archive {

void Holders::OnLook(const std::vector<Holder>& holders, uint32_t pieces) {
  whole_.clear();
  for (const Holder& holder : holders) {
    if (!holder.member && holder.pieces == pieces && pieces > 0) whole_.insert(holder.at);
  }
}

bool Holders::IsAsked(const net::IpAddress& address) const {
  return std::any_of(asked_.begin(), asked_.end(),
                     [&](const auto& entry) { return entry.first.address == address; });
}

void Holders::MakeRoom() {
  std::set<net::IpAddress> there;
  for (const net::Endpoint& peer : whole_) there.insert(peer.address);
  std::erase_if(known_, [&there](const auto& entry) {
    return !entry.second.lied_until && there.count(entry.first) == 0;
  });
}

std::optional<net::Endpoint> Holders::Poll(Instant now) {
  std::erase_if(asked_, [now](const auto& entry) { return now - entry.second >= kPatience; });
  if (asked_.size() >= kMaxAsked) return std::nullopt;
  for (const net::Endpoint& peer : whole_) {
    const auto known = known_.find(peer.address);
    if (known != known_.end() && known->second.next_ask > now) continue;
    if (IsAsked(peer.address)) continue;
    if (known == known_.end() && known_.size() >= kMaxKnown) MakeRoom();
    if (known_.size() >= kMaxKnown && known_.count(peer.address) == 0) continue;
    asked_[peer] = now;
    return peer;
  }
  return std::nullopt;
}

void Holders::OnShown(Instant now, const net::Endpoint& peer, Shown shown) {
  if (asked_.erase(peer) == 0) return;
  Known& known = known_[peer.address];
  switch (shown) {
    case Shown::kRight:
      known.verified_until = now + kVerifiedFor;
      known.silent = false;
      known.next_ask = now + kAgain;
      break;
    case Shown::kWrong:
      known.verified_until.reset();
      known.lied_until = now + kVerifiedFor;
      known.next_ask = now + kVerifiedFor;
      break;
    case Shown::kSilent:
      known.silent = true;
      known.next_ask = now + kRetry;
      break;
    case Shown::kUnknown:
      known.next_ask = now + kSoon;
      break;
  }
}

Holder::Trust Holders::TrustIn(Instant now, const net::Endpoint& peer) const {
  const auto found = known_.find(peer.address);
  if (found == known_.end()) return Holder::Trust::kUnknown;
  const Known& known = found->second;
  if (known.lied_until && *known.lied_until > now) return Holder::Trust::kLied;
  if (known.verified_until && *known.verified_until > now) return Holder::Trust::kVerified;
  return known.silent ? Holder::Trust::kDoubted : Holder::Trust::kUnknown;
}

int Holders::Verified(Instant now) const {
  std::set<net::IpAddress> networks;
  for (const net::Endpoint& peer : whole_) {
    if (TrustIn(now, peer) != Holder::Trust::kVerified) continue;
    networks.insert(net::NetworkOf(peer.address));
  }
  for (const auto& [address, known] : known_) {
    if (known.lied_until && *known.lied_until > now) networks.erase(net::NetworkOf(address));
  }
  return static_cast<int>(networks.size());
}

int Holders::Lied(Instant now) const {
  return static_cast<int>(std::count_if(whole_.begin(), whole_.end(), [&](const auto& peer) {
    return TrustIn(now, peer) == Holder::Trust::kLied;
  }));
}

int Holders::Doubted(Instant now) const {
  return static_cast<int>(std::count_if(whole_.begin(), whole_.end(), [&](const auto& peer) {
    const Holder::Trust trust = TrustIn(now, peer);
    return trust == Holder::Trust::kDoubted || trust == Holder::Trust::kLied;
  }));
}

}  // namespace p2pd::archive
